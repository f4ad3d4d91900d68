//! An object that is in no connector space: where it was looked for, and what its source says.
//!
//! Asks every source it may be in, once, by the name that was given. Trap: an agent that is not connected makes the answer
//! shorter, never an error: what is stored was looked through all the same.

use connectors::source::{ObjectName, ReadOne};
use engine::ConnectorRow;
use sync_core::{code::Code, id::Anchor, object::ReadSpec, operation::Refusal};
use wire::api::v1::{Explanation, LookedIn, Missing};

use super::Asked;
use crate::{
    agents::blocking,
    app::App,
    desk::{Answer, Call},
    scheduler::CALL_TIMEOUT,
};

/// What is said of a name that no connector space knows.
pub async fn explain(app: &App, name: &str, asked: &Asked) -> Explanation {
    let mut missing = Missing {
        forms: forms(name),
        looked_in: Vec::new(),
    };
    for connector in &asked.connectors {
        if connector.kind != "directory" {
            missing
                .looked_in
                .push(looked_in(app, name, connector).await);
        }
    }
    Explanation {
        sentence: sentence(name, &missing),
        missing: Some(missing),
        ..Explanation::default()
    }
}

/// What a name may be, in the order in which it is tried.
fn forms(name: &str) -> Vec<String> {
    let name = name.trim();
    let mut forms = vec!["target id"];
    if Anchor::from_guid_text(name).is_some() {
        forms.insert(0, "anchor");
    }
    if name.contains('=') {
        forms.push("distinguished name");
    }
    forms.extend(match name.contains('@') {
        true => ["user principal name", "mail"].as_slice(),
        false => ["account name", "uid", "display name", "cn"].as_slice(),
    });
    forms.into_iter().map(str::to_owned).collect()
}

fn question(name: &str) -> ObjectName {
    let name = name.trim();
    if let Some(anchor) = Anchor::from_guid_text(name) {
        return ObjectName::Anchor(anchor);
    }
    match (name.contains('='), name.contains('@')) {
        (true, _) => ObjectName::Dn(name.to_owned()),
        (_, true) => ObjectName::UserPrincipalName(name.to_owned()),
        _ => ObjectName::AccountName(name.to_owned()),
    }
}

async fn looked_in(app: &App, name: &str, connector: &ConnectorRow) -> LookedIn {
    let id = connector.id;
    let read = blocking(app.engine(), move |engine| engine.last_read(id)).await;
    let reading = read
        .ok()
        .flatten()
        .filter(|read| read.state == "open")
        .map(|read| read.entries);
    let mut looked = LookedIn {
        connector: connector.name.clone(),
        source: "notAsked".into(),
        was_read: connector.complete_reads > 0,
        reading,
        ..LookedIn::default()
    };
    let call = Call::ReadOne {
        spec: ReadSpec::default(),
        position: None,
        name: question(name),
    };
    match app.desk().call(&connector.name, call, CALL_TIMEOUT).await {
        Ok(Answer::One(ReadOne::Live { dn, .. })) => {
            looked.source = "live".into();
            looked.dn = dn;
        }
        Ok(Answer::One(ReadOne::Deleted(_))) => looked.source = "deleted".into(),
        Ok(Answer::One(_)) => looked.source = "notFound".into(),
        Ok(_) => {
            let why = Refusal::new(Code::SourceProtocolError)
                .with("text", "the agent answered another question");
            looked.problem = Some(why.into());
        }
        Err(why) => looked.problem = Some(why.into()),
    }
    looked
}

fn sentence(name: &str, missing: &Missing) -> String {
    let all = &missing.looked_in;
    if let Some(live) = all.iter().find(|one| one.source == "live") {
        return match (live.was_read, live.reading) {
            (_, Some(entries)) => format!(
                "{name} is not synchronised: it is in the source of {} ({}), and the read under way, now at {entries} entries, has not come to it yet; wait for the read to end",
                live.connector, live.dn
            ),
            (false, None) => format!(
                "{name} is not synchronised: it is in the source of {} ({}), which was never read completely; start a job that reads it with `hybridge job start`",
                live.connector, live.dn
            ),
            (true, None) => format!(
                "{name} is not synchronised: it is in the source of {} ({}), and no read has shown it yet; it is new, or it lies outside the classes and containers of the rules (`hybridge rules show`)",
                live.connector, live.dn
            ),
        };
    }
    if let Some(deleted) = all.iter().find(|one| one.source == "deleted") {
        return format!(
            "{name} is not synchronised: it was deleted in the source of {} before it was ever read",
            deleted.connector
        );
    }
    let names: Vec<&str> = all.iter().map(|one| one.connector.as_str()).collect();
    let places = match names.as_slice() {
        [] => {
            return format!(
                "{name} is not known: there is no source yet; connect one with `hybridge connect`"
            );
        }
        names => names.join(", "),
    };
    match all.iter().all(|one| one.source == "notFound") {
        true => format!(
            "{name} is not known: neither the connector spaces nor the sources of {places} hold it; look at its spelling, or name it by its distinguished name or objectGUID"
        ),
        false => format!(
            "{name} is not known in the connector spaces of {places}, and not every source could be asked; see that their agents are connected (`hybridge status`)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_tried_as_what_it_may_be() {
        assert_eq!(forms("ada@x.example")[1..], ["user principal name", "mail"]);
        assert_eq!(forms("CN=Ada,DC=x")[1], "distinguished name");
        assert_eq!(forms("7f9a3c52-7a35-4f6c-9d5e-0d1f3f2b6a10")[0], "anchor");
        assert!(matches!(question("ada"), ObjectName::AccountName(_)));
    }

    #[test]
    fn the_sentence_says_where_it_is_and_what_to_do() {
        let looked = |source: &str, was_read, reading| Missing {
            looked_in: vec![LookedIn {
                connector: "ad".into(),
                source: source.into(),
                was_read,
                reading,
                ..LookedIn::default()
            }],
            ..Missing::default()
        };
        let text = sentence("ada", &looked("live", true, Some(1_200)));
        assert!(text.contains("1200 entries"), "{text}");
        let text = sentence("ada", &looked("live", false, None));
        assert!(text.contains("never read completely"), "{text}");
        let text = sentence("ada", &looked("notFound", true, None));
        assert!(text.contains("spelling"), "{text}");
        let text = sentence("ada", &looked("notAsked", true, None));
        assert!(text.contains("agents"), "{text}");
        assert!(sentence("ada", &Missing::default()).contains("hybridge connect"));
    }
}
