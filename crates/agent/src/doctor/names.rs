//! Why a name has no address: which step of its chain of aliases is missing.
//!
//! Asked only after the system's resolver failed, whose word counts. Trap: a name server may know a name the resolver is not
//! told to ask it for; then the machine's settings are at fault, and not the name.

use connectors::dns::{Chain, ChainEnd, NameServers};
use sync_core::code::Code;

use super::Finding;

/// The chain as it is shown.
pub fn shown(chain: &Chain) -> String {
    let mut text = chain.steps.join(" -> ");
    if !chain.addresses.is_empty() {
        let addresses: Vec<String> = chain.addresses.iter().map(ToString::to_string).collect();
        text = format!("{text} -> {}", addresses.join(", "));
    }
    text
}

/// What is wrong with a name the resolver does not know.
pub async fn why(host: &str, said: &str) -> Finding {
    let servers = NameServers::of_this_machine();
    if servers.0.is_empty() {
        let text = format!("{host}: {said}; no name server is set");
        return Finding::new(Code::ServerNameNotResolved, "no-name-server", text)
            .cure("add a line `nameserver ADDRESS` to /etc/resolv.conf");
    }
    let chain = servers.chain(host).await;
    let is_alias = chain.steps.len() > 1;
    let path = shown(&chain);
    let finding = |cause, text: String| Finding::new(Code::ServerNameNotResolved, cause, text);
    match &chain.end {
        ChainEnd::Missing(name) if is_alias => {
            let text = format!("the chain {path} ends at {name}, which does not exist");
            finding("alias-broken", text).cure(format!("add {name} to the name server, or correct the alias that leads to it"))
        }
        ChainEnd::Missing(name) => {
            finding("no-such-name", format!("there is no name {name}"))
                .cure(format!("add {name} to the name server, or correct `server` in the agent's settings"))
        }
        ChainEnd::Loop(name) => {
            finding("alias-loop", format!("the chain {path} leads back to {name}"))
                .cure(format!("correct the alias of {name} at the name server"))
        }
        ChainEnd::TooLong => {
            finding("alias-loop", format!("the chain {path} has no end"))
                .cure("shorten the chain of aliases at the name server")
        }
        ChainEnd::NoAddress => {
            finding("no-address", format!("{path} exists and has no address"))
                .cure("add an A or AAAA record at the name server")
        }
        ChainEnd::Failed(name, fault) => {
            finding("name-server-silent", format!("{name}: {fault}"))
                .cure("correct `nameserver` in /etc/resolv.conf, or let UDP and TCP port 53 through to it")
        }
        ChainEnd::Reached => {
            let text = format!("the name server knows {path}, and the resolver of this machine does not: {said}");
            finding("resolver", text).cure("look at `hosts:` in /etc/nsswitch.conf, and at the order in /etc/resolv.conf")
        }
    }
}
