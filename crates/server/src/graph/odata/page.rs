//! Pages of a collection that is at hand as a whole.
//!
//! Trap: the token of the next page is a position, so a collection that changes in between may show an item twice or not.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value as Json, json};

use super::{Fault, Field, Filter, Options, filter};

/// Items as a collection, filtered, ordered, paged. `next` makes the address of the page with a token.
///
/// # Errors
/// What is not supported or not understood.
pub fn collection(
    mut items: Vec<Json>,
    fields: &'static [Field],
    options: &Options,
    context: &str,
    next: impl Fn(&str) -> String,
) -> Result<Json, Fault> {
    if let Some(text) = &options.filter {
        let filter = Filter::read(text, fields)?;
        items.retain(|item| filter.holds(item));
    }
    for (path, descends) in options.order.iter().rev() {
        let field = fields.iter().find(|(name, _)| name == path);
        let (path, _) = field.ok_or_else(|| format!("$orderby cannot order by {path}"))?;
        items.sort_by(|one, other| {
            let order = filter::order(one, other, path);
            if *descends { order.reverse() } else { order }
        });
    }
    let count = items.len();
    let skip = match &options.place {
        Some(token) => position(token).ok_or("$skiptoken is not one that was given out here")?,
        None => options.skip.unwrap_or(0),
    };
    let more = count > skip.saturating_add(options.size());
    let page: Result<Vec<Json>, Fault> = items
        .into_iter()
        .skip(skip)
        .take(options.size())
        .map(|item| pick(item, options))
        .collect();
    let mut body = Map::new();
    body.insert("@odata.context".into(), context.into());
    if options.count {
        body.insert("@odata.count".into(), count.into());
    }
    if more {
        let token = URL_SAFE_NO_PAD.encode(format!("p{}", skip + options.size()));
        body.insert("@odata.nextLink".into(), next(&token).into());
    }
    body.insert("value".into(), json!(page?));
    Ok(Json::Object(body))
}

fn position(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix('p')?.parse().ok()
}

/// The members of an item that `$select` names; all of them without it.
///
/// # Errors
/// A name the item does not have.
pub fn pick(item: Json, options: &Options) -> Result<Json, Fault> {
    if options.select.is_empty() {
        return Ok(item);
    }
    let Json::Object(members) = item else {
        return Ok(item);
    };
    if let Some(unknown) = options
        .select
        .iter()
        .find(|name| !members.contains_key(*name))
    {
        return Err(format!(
            "$select names {unknown}, which this resource does not have"
        ));
    }
    let kept = members
        .into_iter()
        .filter(|(name, _)| name.starts_with('@') || options.select.contains(name));
    Ok(Json::Object(kept.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::odata::Kind;

    const FIELDS: &[Field] = &[("n", Kind::Number), ("name", Kind::Text)];

    fn items() -> Vec<Json> {
        (0..7)
            .map(|n| json!({ "n": n, "name": format!("i{}", n % 2) }))
            .collect()
    }

    fn page(options: &Options) -> Json {
        collection(items(), FIELDS, options, "c", |token| token.to_owned()).unwrap()
    }

    #[test]
    fn pages_follow_each_other_until_the_end() {
        let mut options = Options {
            top: Some(3),
            count: true,
            order: vec![("n".into(), true)],
            ..Options::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = page(&options);
            assert_eq!(page["@odata.count"], 7);
            seen.extend(
                page["value"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one["n"].as_u64().unwrap()),
            );
            match page["@odata.nextLink"].as_str() {
                Some(token) => options.place = Some(token.to_owned()),
                None => break,
            }
        }
        assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn filter_select_and_order_go_together() {
        let options = Options {
            filter: Some("name eq 'i1'".into()),
            select: vec!["n".into()],
            order: vec![("name".into(), false), ("n".into(), true)],
            ..Options::default()
        };
        assert_eq!(
            page(&options)["value"],
            json!([{ "n": 5 }, { "n": 3 }, { "n": 1 }])
        );
        let fault = |options: Options| {
            collection(items(), FIELDS, &options, "c", str::to_owned).unwrap_err()
        };
        assert!(
            fault(Options {
                select: vec!["x".into()],
                ..Options::default()
            })
            .contains("$select names x")
        );
        assert!(
            fault(Options {
                order: vec![("x".into(), true)],
                ..Options::default()
            })
            .contains("order by x")
        );
        assert!(
            fault(Options {
                place: Some("cDE!".into()),
                ..Options::default()
            })
            .contains("$skiptoken")
        );
    }
}
