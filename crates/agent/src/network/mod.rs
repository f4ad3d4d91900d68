//! How the agent gets out of the customer's network: which proxy, whom to trust beside the tenant's authority, how fast.
//!
//! Only the link to the control plane goes this way; directories are always spoken to directly. Trap: without settings the
//! usual environment variables count (`HTTPS_PROXY`, `NO_PROXY`), and a service has another environment than a shell.

mod connector;
mod no_proxy;
mod patience;
mod proxy;
mod throttle;
mod tunnel;

use std::{fs, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::error::AgentError;

pub use connector::{Connector, LinkFault, reach};
pub use no_proxy::NoProxy;
pub use patience::Patience;
pub use proxy::{Proxy, ProxyAuthentication, ProxyConfig};
pub use throttle::Throttle;
pub use tunnel::ProxyFault;

/// The network's part of the settings file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// The proxy; none: what the environment says.
    pub proxy: Option<ProxyConfig>,
    /// Whether to leave `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment alone.
    pub ignore_environment: bool,
    /// PEM file with further authorities: of a proxy reached by `https://`, and for the control plane if its certificate does
    /// not come from the tenant's own authority.
    pub ca_file: Option<PathBuf>,
    /// At most so much in each direction, in KiB per second; 0: as much as there is.
    pub bandwidth_kib_per_second: u32,
}

/// The network, ready for use.
#[derive(Clone, Debug, Default)]
pub struct Network(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    proxy: Option<Proxy>,
    further_roots: Option<String>,
    throttle: Option<Throttle>,
}

impl Network {
    /// Reads what the settings point to.
    ///
    /// # Errors
    /// [`AgentError::Invalid`] naming the setting or variable.
    pub fn new(config: &NetworkConfig) -> Result<Self, AgentError> {
        Self::with_environment(config, |name| std::env::var(name).ok())
    }

    /// As [`Self::new`], with another environment.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_environment(
        config: &NetworkConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AgentError> {
        let proxy = match &config.proxy {
            Some(proxy) => Some(Proxy::new(proxy, "network.proxy")?),
            None if config.ignore_environment => None,
            None => Proxy::of_environment(variable)?,
        };
        let further_roots = match &config.ca_file {
            Some(path) => Some(read(path)?),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            proxy,
            further_roots,
            throttle: Throttle::new(config.bandwidth_kib_per_second),
        })))
    }

    /// The proxy on the way to a host; `None`: directly.
    pub fn proxy_for(&self, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = self.0.proxy.as_ref()?;
        (!proxy.exceptions().holds(host, port)).then_some(proxy)
    }

    /// The proxy, whatever goes past it.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.0.proxy.as_ref()
    }

    /// Authorities trusted beside the tenant's (PEM).
    pub fn further_roots(&self) -> Option<&str> {
        self.0.further_roots.as_deref()
    }

    /// How fast it may be.
    pub fn throttle(&self) -> Option<&Throttle> {
        self.0.throttle.as_ref()
    }
}

fn read(path: &PathBuf) -> Result<String, AgentError> {
    fs::read_to_string(path).map_err(|fault| {
        let shown = path.display();
        AgentError::Invalid(format!("network.ca_file: {shown} cannot be read: {fault}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str, environment: &[(&str, &str)]) -> Result<Network, AgentError> {
        let config: NetworkConfig = serde_json::from_str(text).unwrap();
        Network::with_environment(&config, |name| {
            let found = environment.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn settings_come_before_the_environment_and_can_silence_it() {
        let environment = [
            ("HTTPS_PROXY", "http://env.example:3128"),
            ("NO_PROXY", ".inside.example"),
        ];
        let host = |network: &Network, host: &str| {
            network.proxy_for(host, 443).map(|p| p.host().to_owned())
        };
        let of_environment = network("{}", &environment).unwrap();
        assert_eq!(
            host(&of_environment, "far.example").as_deref(),
            Some("env.example")
        );
        assert_eq!(host(&of_environment, "a.inside.example"), None);
        let silent = network(r#"{"ignore_environment":true}"#, &environment).unwrap();
        assert_eq!(host(&silent, "far.example"), None);
        let set = network(r#"{"proxy":{"url":"http://set.example"}}"#, &environment).unwrap();
        assert_eq!(
            host(&set, "a.inside.example").as_deref(),
            Some("set.example")
        );
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let check = |text: &str, environment: &[(&str, &str)]| {
            network(text, environment).unwrap_err().to_string()
        };
        assert!(check("{}", &[("https_proxy", "socks5://a")]).contains("https_proxy"));
        assert!(check(r#"{"proxy":{"url":"a"}}"#, &[]).contains("network.proxy"));
        assert!(check(r#"{"ca_file":"/nowhere"}"#, &[]).contains("/nowhere"));
        let no_account = r#"{"proxy":{"url":"http://a","authentication":"ntlm"}}"#;
        assert!(check(no_account, &[]).contains("account"));
    }
}
