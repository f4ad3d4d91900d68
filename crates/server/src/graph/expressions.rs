//! Operators of scopes, functions of expressions, and expressions tried.
//!
//! Trap: an expression that cannot be parsed is an answer here, not an error.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sync_core::{
    code::Code,
    expression::trial::{self, Trial, Tried},
    functions::{self, Presence, Takes},
    id::Anchor,
    mapping::{Context, SourceView},
    operation::Refusal,
    schema::{
        cases::{self, Given},
        tree,
    },
    scope::clause::Operator,
    value::Value,
};

use super::{
    Cx, GraphError, Reply, Result,
    jobs::found,
    members,
    odata::{Field, Kind},
    principals, text,
};
use crate::scheduler;

// LIMIT: characters of an expression that is tried.
const LONGEST: usize = 32 * 1024;

/// `GET …/schema/filterOperators`.
pub fn operators(cx: &Cx) -> Result<Reply> {
    let mut told: Vec<Operator> = Vec::new();
    let mut items = Vec::new();
    for (name, operator) in Operator::NAMES {
        if told.contains(operator) {
            continue;
        }
        told.push(*operator);
        let arity = if *operator.operands().end() == 0 {
            "Unary"
        } else {
            "Binary"
        };
        items.push(json!({
            "id": name, "name": name, "arity": arity, "multivaluedComparisonType": "All",
            "supportedAttributeTypes": types(*operator),
        }));
    }
    const FIELDS: &[Field] = &[
        ("id", Kind::Text),
        ("name", Kind::Text),
        ("arity", Kind::Text),
    ];
    principals::all(cx, "filterOperators", items, FIELDS)
}

fn types(operator: Operator) -> &'static [&'static str] {
    match operator {
        Operator::IsTrue | Operator::IsFalse => &["Boolean"],
        Operator::IsNull | Operator::IsNotNull => &[
            "String",
            "Integer",
            "Binary",
            "Boolean",
            "DateTime",
            "Reference",
        ],
        Operator::CountAtLeast => &["Reference"],
        operator if operator.takes_integer() => &["Integer"],
        Operator::Equals | Operator::NotEquals | Operator::RegexMatch | Operator::NotRegexMatch => {
            &["String", "Integer"]
        }
        _ => &["String"],
    }
}

/// `GET …/schema/functions`.
pub fn functions(cx: &Cx) -> Result<Reply> {
    let parameter = |one: &functions::Parameter| {
        let kind = match one.takes {
            Takes::Integer => "Integer",
            Takes::Boolean => "Boolean",
            _ => "String",
        };
        json!({
            "name": one.name, "type": kind, "required": one.presence == Presence::Required,
            "allowMultipleOccurrences": one.presence == Presence::Repeated,
        })
    };
    let items = functions::ALL.iter().map(|function| {
        let parameters: Vec<Json> = function.parameters.iter().map(parameter).collect();
        json!({ "id": function.name, "name": function.name, "parameters": parameters })
    });
    const FIELDS: &[Field] = &[("id", Kind::Text), ("name", Kind::Text)];
    principals::all(cx, "functions", items.collect(), FIELDS)
}

/// `POST …/schema/parseExpression`, of a job or a template.
pub async fn parse(cx: &Cx) -> Result<Reply> {
    let body = members(
        &cx.body,
        &["expression", "testInputObject", "targetAttributeDefinition"],
    )?;
    let expression = text(body, "expression")?.to_owned();
    if expression.len() > LONGEST {
        return Err(GraphError::bad(format!(
            "an expression has at most {LONGEST} characters"
        )));
    }
    let given = given(body.get("testInputObject"))?;
    let has_input = given.is_some();
    let given = given.unwrap_or_default();
    let attributes = cases::attributes(&given.attributes).map_err(GraphError::bad)?;
    let is_of_job = cx.endpoint.path.contains("/jobs/");
    let surroundings = match is_of_job {
        true => {
            let row = found(cx).await?;
            // A source that was never reached has no domain yet; the expression is tried without.
            scheduler::surroundings(&cx.app, &row).await.ok()
        }
        false => {
            let _ = cx.source().await?;
            None
        }
    };
    let work = move || {
        let anchor = Anchor::new([1; 16]);
        let view: SourceView<'_> = given.view(&anchor, &attributes);
        let context = surroundings
            .as_deref()
            .map_or_else(Context::default, |around| around.context());
        shown(trial::run(&expression, &view, &context), has_input)
    };
    let done = tokio::task::spawn_blocking(work).await;
    let body =
        done.map_err(|error| Refusal::new(Code::InternalFault).with("text", error.to_string()))?;
    Ok(Reply::Ok(body))
}

/// The object an expression is tried over.
fn given(input: Option<&Json>) -> Result<Option<Given>> {
    let Some(input) = input.filter(|input| !input.is_null()) else {
        return Ok(None);
    };
    let input = members(input, &["definition", "properties"])?;
    let none = Vec::new();
    let pairs = match input.get("properties") {
        None | Some(Json::Null) => &none,
        Some(Json::Array(pairs)) => pairs,
        Some(_) => return Err(GraphError::bad("properties is a list of keys and values")),
    };
    let mut attributes = BTreeMap::new();
    for pair in pairs {
        let Json::Object(pair) = pair else {
            return Err(GraphError::bad("properties is a list of keys and values"));
        };
        let key = text(pair, "key")?;
        let value = pair.get("value").filter(|value| !value.is_null());
        let Some(value) = value else { continue };
        let values = serde_json::from_value(value.clone()).map_err(|_| {
            GraphError::bad(format!(
                "the value of {key} is to be a text, a number, a truth value, or a list of those"
            ))
        })?;
        attributes.insert(key.to_owned(), values);
    }
    let class = input
        .get("definition")
        .and_then(|one| one.get("name"))
        .and_then(Json::as_str);
    Ok(Some(Given {
        class: class.unwrap_or("user").to_owned(),
        attributes,
        ..Given::default()
    }))
}

fn shown(
    tried: std::result::Result<Trial, Vec<sync_core::expression::Failure>>,
    has_input: bool,
) -> Json {
    let failed = |code: &str, message: String| json!({ "code": code, "message": message, "tenantActionable": true });
    let mut body = Map::new();
    let (error, parsed, result) = match tried {
        Err(failures) => {
            let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
            (
                failed(Code::ExpressionInvalid.name(), lines.join("; ")),
                Json::Null,
                None,
            )
        }
        Ok(trial) => {
            let tree = serde_json::to_value(tree::source(&trial.expression)).unwrap_or_default();
            let (error, result) = match &trial.result {
                _ if !has_input => (Json::Null, None),
                Tried::Values(values) | Tried::Candidates(values) => {
                    (Json::Null, Some(values.iter().map(value).collect()))
                }
                Tried::LeftAlone => (Json::Null, Some(Vec::new())),
                Tried::Failed(failure) => (
                    failed(Code::ExpressionFailed.name(), failure.to_string()),
                    None,
                ),
            };
            (error, tree, result)
        }
    };
    body.insert(
        "@odata.context".into(),
        "$metadata#microsoft.graph.parseExpressionResponse".into(),
    );
    body.insert("error".into(), error);
    body.insert("parsingSucceeded".into(), (!parsed.is_null()).into());
    body.insert("parsedExpression".into(), parsed);
    body.insert("evaluationSucceeded".into(), result.is_some().into());
    body.insert("evaluationResult".into(), result.unwrap_or_default().into());
    Json::Object(body)
}

/// Results are texts.
fn value(value: &Value) -> Json {
    value.display().into()
}
