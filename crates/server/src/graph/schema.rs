//! Rules as `synchronizationSchema`: of a job, of a template, and what both systems say of themselves.
//!
//! What is added for Graph's clients (ids, version, discovered directories) is taken off again when a schema is put back, so that
//! putting back what was got changes nothing. Trap: a put replaces everything.

use ::connectors::source::SourceInfo;
use engine::{ConnectorRow, JobRow};
use serde_json::{Value as Json, json};
use sync_core::{
    object::AttributeType,
    schema::{checked, preset},
    value::Name,
};

use super::{
    Cx, GraphError, Reply, Result,
    jobs::found,
    odata::{Field, Kind},
    principals::{self, job_template, preset_of, template_of},
    table::Act,
};
use crate::{
    agents::blocking,
    api::{connectors, convert::time},
    app::App,
    rules::{self, Proposal},
};
use axum::extract::{Path, State};

const SOURCE: &str = "source";
const TARGET: &str = "target";

/// A schema with what Graph's clients expect in it.
fn dressed(text: &str, id: &str, version: &str, directories: Vec<Json>) -> Result<Json> {
    let mut schema: Json = serde_json::from_str(text)
        .map_err(|error| GraphError::bad(format!("the stored rules are not JSON: {error}")))?;
    if let Json::Object(members) = &mut schema {
        members.insert("id".into(), id.into());
        members.insert("version".into(), version.into());
        if is_empty_list(members.get("directories")) {
            members.insert("directories".into(), directories.into());
        }
        let rules = members
            .get_mut("synchronizationRules")
            .and_then(Json::as_array_mut);
        for (number, rule) in rules.into_iter().flatten().enumerate() {
            if let Json::Object(rule) = rule {
                rule.entry("id")
                    .or_insert_with(|| rule_id(id, number).into());
                rule.entry("editable").or_insert(true.into());
            }
        }
    }
    Ok(schema)
}

fn is_empty_list(json: Option<&Json>) -> bool {
    json.is_none_or(|json| json.is_null() || json.as_array().is_some_and(Vec::is_empty))
}

/// The id of a rule that has none of its own.
fn rule_id(schema: &str, number: usize) -> String {
    match number {
        0 => schema.to_owned(),
        number => format!("{schema}-{number}"),
    }
}

/// The reverse of `dressed`: what a client put, without what was only shown to it.
fn undressed(mut schema: Json, id: &str, stored: &Json) -> Json {
    let Json::Object(members) = &mut schema else {
        return schema;
    };
    members.retain(|name, _| !name.starts_with("@odata"));
    for name in ["id", "version"] {
        match stored.get(name) {
            Some(value) => drop(members.insert(name.into(), value.clone())),
            None => drop(members.remove(name)),
        }
    }
    if is_empty_list(stored.get("directories")) {
        match stored.get("directories") {
            Some(value) => drop(members.insert("directories".into(), value.clone())),
            None => drop(members.remove("directories")),
        }
    }
    let before = stored.get("synchronizationRules").and_then(Json::as_array);
    let rules = members
        .get_mut("synchronizationRules")
        .and_then(Json::as_array_mut);
    for (number, rule) in rules.into_iter().flatten().enumerate() {
        let Json::Object(rule) = rule else { continue };
        let had = before.and_then(|all| all.get(number));
        let lacked = |name: &str| had.is_none_or(|rule| rule.get(name).is_none());
        if lacked("id") && rule.get("id").and_then(Json::as_str) == Some(&rule_id(id, number)) {
            rule.remove("id");
        }
        if lacked("editable") && rule.get("editable") == Some(&Json::Bool(true)) {
            rule.remove("editable");
        }
    }
    schema
}

/// Ids of the rules of a job, as they are shown.
pub fn rule_ids(row: &JobRow) -> Vec<String> {
    let shown = dressed(&row.rules, &row.guid, "", Vec::new()).unwrap_or_default();
    let rules = shown.get("synchronizationRules").and_then(Json::as_array);
    let ids = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("id")?.as_str());
    ids.map(str::to_owned).collect()
}

fn version(row: &JobRow) -> String {
    format!("v{}", row.rules_version)
}

/// The schema of a job.
pub async fn of_job(cx: &Cx, row: &JobRow) -> Result<Json> {
    let source = cx.source().await?;
    let directories = known_directories(cx, row, &source).await?;
    dressed(&row.rules, &row.guid, &version(row), directories)
}

/// `GET …/schema`.
pub async fn show(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let schema = of_job(cx, &row).await?;
    principals::item(cx, "synchronizationSchema", schema)
}

/// `PUT …/schema`.
pub async fn replace(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let stored: Json = serde_json::from_str(&row.rules).unwrap_or_default();
    let wanted = undressed(cx.body.clone(), &row.guid, &stored);
    // The same rules written otherwise are no new version.
    let text = match wanted == stored {
        true => row.rules.clone(),
        false => wanted.to_string(),
    };
    put(cx, row, text, "replaced through the Graph API").await
}

/// `DELETE …/schema`.
pub async fn reset(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let source = cx.source().await?;
    put(
        cx,
        row,
        preset_of(&source.kind).to_owned(),
        "back to the rules of the template",
    )
    .await
}

async fn put(cx: &Cx, row: JobRow, rules: String, why: &str) -> Result<Reply> {
    let proposal = Proposal {
        rules,
        why: why.to_owned(),
        expected: Some(row.rules_version),
    };
    rules::apply(&cx.app, &std::sync::Arc::new(row), proposal).await?;
    Ok(Reply::Done)
}

fn kind(of: AttributeType) -> &'static str {
    match of {
        AttributeType::Integer => "Integer",
        AttributeType::Boolean => "Boolean",
        AttributeType::Binary => "Binary",
        AttributeType::Reference => "Reference",
        AttributeType::Time => "DateTime",
        AttributeType::FileTime | AttributeType::Text => "String",
    }
}

fn attribute(name: &str, kind: &str, multivalued: bool, required: bool) -> Json {
    json!({
        "name": name, "type": kind, "multivalued": multivalued, "required": required, "anchor": false, "caseExact": false,
        "mutability": "ReadWrite", "referencedObjects": [], "flowNullValues": true,
    })
}

fn directory(id: &str, name: &str, objects: Vec<Json>, at: i64) -> Json {
    json!({
        "id": id, "name": name, "version": null, "readOnly": false, "discoveryDateTime": time(at),
        "discoverabilities": "AttributeNames, AttributeDataTypes", "objects": objects,
    })
}

/// Names of both systems in a job's first rule.
fn names(row: &JobRow) -> (String, String) {
    let rules: Json = serde_json::from_str(&row.rules).unwrap_or_default();
    let rule = rules.pointer("/synchronizationRules/0");
    let name = |member: &str, usual: &str| {
        let name = rule
            .and_then(|rule| rule.get(member))
            .and_then(Json::as_str);
        name.unwrap_or(usual).to_owned()
    };
    (
        name("sourceDirectoryName", SOURCE),
        name("targetDirectoryName", TARGET),
    )
}

/// The source's classes the rules map, with these attributes each.
fn source_objects(row: &JobRow, info: Option<&SourceInfo>, all: bool) -> Vec<Json> {
    let Ok(rules) = preset::load(&row.rules) else {
        return Vec::new();
    };
    let spec = checked::read_spec(&rules);
    let known = |name: &str| {
        let attributes = info.iter().flat_map(|info| &info.attributes);
        attributes
            .into_iter()
            .find(|one| one.name.eq_ignore_ascii_case(name))
    };
    let mapped = |name: &Name, usual: &str| match known(name) {
        Some(one) => attribute(name, kind(one.kind), one.is_multivalued, false),
        None => attribute(name, usual, usual == "Reference", false),
    };
    let attributes: Vec<Json> = match info.filter(|_| all) {
        Some(info) => {
            let each = info.attributes.iter();
            each.map(|one| attribute(&one.name, kind(one.kind), one.is_multivalued, false))
                .collect()
        }
        None => {
            let plain = spec.attributes.iter().map(|name| mapped(name, "String"));
            plain
                .chain(spec.links.iter().map(|name| mapped(name, "Reference")))
                .collect()
        }
    };
    let object = |name: &Name| json!({ "name": name.to_string(), "attributes": attributes, "metadata": [], "supportedApis": [] });
    spec.classes.iter().map(object).collect()
}

async fn target_objects(app: &App, row: &JobRow) -> Result<(ConnectorRow, Vec<Json>)> {
    let id = row.target;
    let connector = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let info = app.target(&connector)?.discover().await?;
    let objects = info.classes.iter().map(|(name, all)| {
        let attributes: Vec<Json> = all
            .iter()
            .map(|one| {
                let kind = if one.is_reference { "Reference" } else { "String" };
                attribute(&one.name, kind, one.is_multivalued, one.is_required)
            })
            .collect();
        json!({ "name": name.to_string(), "attributes": attributes, "metadata": [], "supportedApis": [] })
    });
    Ok((connector, objects.collect()))
}

/// Both systems, as far as they were asked before.
async fn known_directories(cx: &Cx, row: &JobRow, source: &ConnectorRow) -> Result<Vec<Json>> {
    let now = cx.app.engine().now();
    let (source_name, target_name) = names(row);
    let info: Option<SourceInfo> = serde_json::from_value(source.info.clone()).ok();
    let (target, objects) = target_objects(&cx.app, row).await?;
    Ok(vec![
        directory(
            &source.guid,
            &source_name,
            source_objects(row, info.as_ref(), false),
            now,
        ),
        directory(&target.guid, &target_name, objects, now),
    ])
}

const DIRECTORY: &[Field] = &[("id", Kind::Text), ("name", Kind::Text)];

/// `GET …/schema/directories`.
pub async fn directories(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let source = cx.source().await?;
    let all = known_directories(cx, &row, &source).await?;
    principals::all(cx, "directories", all, DIRECTORY)
}

/// `POST …/schema/directories/{id}/discover`: asks the system now.
pub async fn discover(cx: &Cx) -> Result<Reply> {
    let row = found(cx).await?;
    let source = cx.source().await?;
    let wanted = cx.parameter(2).to_owned();
    let now = cx.app.engine().now();
    let (source_name, target_name) = names(&row);
    if wanted.eq_ignore_ascii_case(&source.guid) || wanted == source_name {
        let _ = connectors::test(State(cx.app.clone()), Path(source.guid.clone())).await?;
        let fresh = cx.source().await?;
        let info: Option<SourceInfo> = serde_json::from_value(fresh.info).ok();
        let objects = source_objects(&row, info.as_ref(), true);
        return principals::item(
            cx,
            "directoryDefinition",
            directory(&source.guid, &source_name, objects, now),
        );
    }
    let (target, objects) = target_objects(&cx.app, &row).await?;
    match wanted.eq_ignore_ascii_case(&target.guid) || wanted == target_name {
        true => principals::item(
            cx,
            "directoryDefinition",
            directory(&target.guid, &target_name, objects, now),
        ),
        false => Err(GraphError::not_found("directory", &wanted)),
    }
}

/// `GET …/templates`, and one of them.
pub async fn templates(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let id = job_template(&source.kind);
    let shown = json!({
        "id": id, "applicationId": template_of(&source.kind).map(|one| one.id), "default": true, "discoverable": true,
        "description": template_of(&source.kind).map(|one| one.name), "factoryTag": id, "metadata": [],
    });
    if cx.endpoint.act == Act::Template {
        is_template(cx, &id)?;
        return principals::item(cx, "templates", shown);
    }
    const FIELDS: &[Field] = &[("id", Kind::Text), ("factoryTag", Kind::Text)];
    principals::all(cx, "templates", vec![shown], FIELDS)
}

fn is_template(cx: &Cx, id: &str) -> Result<()> {
    match cx.parameter(1) == id {
        true => Ok(()),
        false => Err(GraphError::not_found(
            "synchronization template",
            cx.parameter(1),
        )),
    }
}

/// `GET …/templates/{id}/schema`.
pub async fn of_template(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let id = job_template(&source.kind);
    is_template(cx, &id)?;
    let schema = dressed(preset_of(&source.kind), &id, "v1", Vec::new())?;
    principals::item(cx, "synchronizationSchema", schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    #[test]
    fn what_was_got_is_put_back_as_it_was() {
        for kind in preset::SOURCE_KINDS {
            let text = preset_of(kind);
            let stored: Json = serde_json::from_str(text).unwrap();
            let mut shown = dressed(text, "job", "v3", vec![json!({ "name": "AD" })]).unwrap();
            assert_eq!(shown["version"], "v3");
            assert_eq!(shown["synchronizationRules"][0]["id"], "job");
            shown["@odata.context"] = "x".into();
            assert_eq!(undressed(shown.clone(), "job", &stored), stored);
            shown["synchronizationRules"][0]["id"] = "mine".into();
            let own = undressed(shown, "job", &stored);
            assert_eq!(own["synchronizationRules"][0]["id"], "mine");
        }
        assert_eq!(undressed(Json::Null, "job", &Json::Null), Json::Null);
    }

    #[test]
    fn members_a_schema_does_not_have_do_not_come_back() {
        let stored = Map::new();
        let shown = dressed("{}", "job", "v1", Vec::new()).unwrap();
        assert_eq!(
            undressed(shown, "job", &Json::Object(stored.clone())),
            Json::Object(stored)
        );
    }
}
