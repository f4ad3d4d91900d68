//! `hybridge connector show NAME`.

use wire::api::v1::Connector;

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::fields,
    show::{method_line, problem, time, time_or_dash},
};

/// Shows a connector.
///
/// # Errors
/// `NotFound`.
pub async fn run(name: &str, context: &Context) -> Result<(), Failure> {
    let path = format!("connectors/{}", segment(name));
    let connector: Connector = context.client()?.get(&path, &[]).await?;
    context.output.data(&connector, people)
}

/// A connector for people.
pub fn people(connector: &Connector) -> String {
    let mut pairs = vec![
        ("name", connector.name.clone()),
        ("kind", connector.kind.clone()),
        ("id", connector.id.clone()),
        ("created", time(&connector.created_at)),
    ];
    for name in [
        "domainFqdn",
        "domainNetbios",
        "namingContext",
        "server",
        "product",
    ] {
        let value = connector.info.get(name).and_then(|value| value.as_str());
        pairs.push((name, value.unwrap_or_default().to_owned()));
    }
    let Some(position) = &connector.position else {
        return fields(&pairs);
    };
    pairs.push(("next read", position.next_read.clone()));
    pairs.push(("known up to", time_or_dash(position.read_up_to.as_ref())));
    pairs.push(("last read", time_or_dash(position.last_read_at.as_ref())));
    pairs.push((
        "last change",
        time_or_dash(position.last_change_at.as_ref()),
    ));
    pairs.push((
        "compared whole",
        time_or_dash(position.compared_at.as_ref()),
    ));
    if let Some(method) = &position.method {
        pairs.push(("changes found by", method_line(method)));
    }
    pairs.push((
        "tried again",
        position.retry_at.as_deref().map(time).unwrap_or_default(),
    ));
    let mut text = fields(&pairs);
    let weaker = position.method.as_ref().and_then(|m| m.weaker.clone());
    let problems = [
        ("changes are found in a weaker way", &weaker),
        ("the next read is not a delta", &position.why),
        ("the last read failed", &position.failure),
        ("the last full read is not believed", &position.suspect),
    ];
    for (title, found) in problems {
        if let Some(found) = found {
            text.push_str(&format!("\n\n{title}\n{}", problem(found)));
        }
    }
    text
}
