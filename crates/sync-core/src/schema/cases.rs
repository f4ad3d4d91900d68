//! Tests of rules: objects with what is expected of them, in a file beside the schema.
//!
//! Runs the very evaluation a job runs, with nothing around it: no server, no directory. Trap: containers are known by name
//! here, because a file has no anchors; in a job they are known by anchor.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    expression::random::Seed,
    id::Anchor,
    mapping::{Containers, Context, Evaluation, SourceView, evaluate},
    operation::Refusal,
    schema::checked::Rules,
    scope::{Verdict, dn},
    value::{Attributes, Name, Value},
};

// LIMIT: cases in a file.
/// Most cases in a file.
pub const MAX_CASES: usize = 10_000;

/// A file of cases.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cases {
    /// The surroundings of all cases.
    pub surroundings: Surroundings,
    /// The cases.
    pub cases: Vec<Case>,
}

/// What rules may know besides the object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Surroundings {
    /// DNS name of the source domain.
    pub domain: String,
    /// NetBIOS name of the source domain.
    pub netbios: String,
    /// Verified domains of the target.
    pub verified_domains: Vec<String>,
    /// Initial domain of the target.
    pub initial_domain: String,
    /// The time, for expressions that ask for it (RFC 3339).
    pub now: String,
}

impl Surroundings {
    /// The surroundings for an evaluation.
    pub fn context(&self) -> Context<'_> {
        Context {
            domain_fqdn: &self.domain,
            domain_netbios: &self.netbios,
            verified_domains: &self.verified_domains,
            initial_domain: &self.initial_domain,
            ..Context::default()
        }
    }
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            domain: "contoso.example".into(),
            netbios: "CONTOSO".into(),
            verified_domains: vec!["contoso.example".into()],
            initial_domain: "contoso.hybridge.example".into(),
            now: "2026-01-01T00:00:00Z".into(),
        }
    }
}

/// One case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Case {
    /// Name.
    pub name: String,
    /// The object of the source.
    pub object: Given,
    /// What is expected.
    pub expect: Expected,
}

/// An object of the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Given {
    /// Class.
    pub class: String,
    /// Distinguished name; its containers follow from it.
    pub dn: String,
    /// Anchor as GUID text; some GUID unless given.
    pub anchor: String,
    /// Attributes.
    pub attributes: BTreeMap<String, Values>,
    /// Number of links per linked attribute.
    pub link_counts: BTreeMap<String, u64>,
    /// Whether it is a member of a group of the scope.
    pub is_group_member: Option<bool>,
    /// What the target holds as last exported; absent: it is not in the target.
    pub exported: Option<BTreeMap<String, Values>>,
}

impl Given {
    /// The object as rules see it, with its attributes read already.
    pub fn view<'a>(&'a self, anchor: &'a Anchor, attributes: &'a Attributes) -> SourceView<'a> {
        SourceView {
            dn: &self.dn,
            rdn: dn::parts(&self.dn).next().unwrap_or_default(),
            is_group_member: self.is_group_member,
            ..SourceView::new(anchor, &self.class, attributes)
        }
    }
}

/// What is expected of an object; what is not named is not looked at, but for errors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Expected {
    /// `in`, `out`, or the reason for being out (`OutsideContainers`, `Excluded` …).
    pub scope: Option<String>,
    /// Class in the target.
    pub class: Option<String>,
    /// Source anchor.
    pub source_anchor: Option<String>,
    /// Values of target attributes; `null`: cleared.
    pub values: BTreeMap<String, Option<Values>>,
    /// Target attributes that are left as they are.
    pub left_alone: Vec<String>,
    /// Codes of target attributes that fail.
    pub errors: BTreeMap<String, String>,
}

/// One value or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// One.
    One(Single),
    /// Several.
    Several(Vec<Single>),
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Single {
    /// Truth value.
    Truth(bool),
    /// Integer.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes {
        /// In Base64.
        base64: String,
    },
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Name of the case.
    pub name: String,
    /// What differs; nothing: it passed.
    pub differences: Vec<Difference>,
}

/// Something that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// `scope`, `class`, `sourceAnchor`, or a target attribute.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// Reads a file of cases.
///
/// # Errors
/// In words, with line and column.
pub fn read(text: &str) -> Result<Cases, String> {
    // A list would be taken for the members in their order.
    if !text.trim_start().starts_with('{') {
        return Err("an object with the member cases is expected".into());
    }
    let cases: Cases = serde_json::from_str(text).map_err(|fault| fault.to_string())?;
    if cases.cases.len() > MAX_CASES {
        return Err(format!("there are more than {MAX_CASES} cases"));
    }
    if let Err(fault) = cases.surroundings.now.parse::<Timestamp>() {
        return Err(format!("surroundings.now is no time: {fault}"));
    }
    Ok(cases)
}

/// Runs all cases.
pub fn run(rules: &Rules, cases: &Cases) -> Vec<Outcome> {
    let around = &cases.surroundings;
    // Always the same, so that a case comes out the same every time.
    let seed = Seed::new([0; 32]);
    let anchors = |names: &[String]| names.iter().map(|name| place(name)).collect::<Vec<_>>();
    let (included, excluded) = (
        anchors(&rules.containers().included),
        anchors(&rules.containers().excluded),
    );
    let context = Context {
        containers: Containers {
            included: &included,
            excluded: &excluded,
        },
        now: around.now.parse().ok(),
        seed: Some(&seed),
        ..around.context()
    };
    let outcome = |(index, case): (usize, &Case)| Outcome {
        name: match case.name.as_str() {
            "" => format!("case {}", index + 1),
            name => name.to_owned(),
        },
        differences: differences(rules, case, &context),
    };
    cases.cases.iter().enumerate().map(outcome).collect()
}

/// A container's anchor, made of its name.
fn place(name: &str) -> Anchor {
    Anchor::new(dn::fold(name).into_bytes())
}

fn differences(rules: &Rules, case: &Case, context: &Context<'_>) -> Vec<Difference> {
    let given = match read_given(&case.object) {
        Ok(given) => given,
        Err(mistake) => return vec![mistake],
    };
    let view = SourceView {
        ancestors: &given.ancestors,
        link_counts: &given.link_counts,
        held: given.exported.as_ref(),
        ..case.object.view(&given.anchor, &given.attributes)
    };
    let found = evaluate(rules, &view, context);
    let mut all = Vec::new();
    scope(&case.expect, &found, &mut all);
    if let Some(expected) = &case.expect.class {
        let got = found.target_class.as_deref().unwrap_or_default();
        compare("class", expected, got, &mut all);
    }
    if let Some(expected) = &case.expect.source_anchor {
        match &found.source_anchor {
            Ok(got) => compare("sourceAnchor", expected, got, &mut all),
            Err(why) => compare("sourceAnchor", expected, why.code.name(), &mut all),
        }
    }
    values(&case.expect, &found, &mut all);
    errors(&case.expect, &found, &mut all);
    all
}

fn compare(what: &str, expected: &str, got: &str, all: &mut Vec<Difference>) {
    if expected != got {
        all.push(Difference {
            what: what.to_owned(),
            expected: expected.to_owned(),
            got: got.to_owned(),
        });
    }
}

fn scope(expect: &Expected, found: &Evaluation, all: &mut Vec<Difference>) {
    let (kind, told) = match &found.scope {
        Verdict::InScope => ("in", "in".to_owned()),
        Verdict::Out { reason } => (reason.kind(), format!("{}: {reason}", reason.kind())),
    };
    let wanted = match expect.scope.as_deref() {
        Some(wanted) => wanted,
        // Whoever expects values expects the object to be in scope.
        None if !expect.values.is_empty() || !expect.errors.is_empty() => "in",
        None => return,
    };
    let is_met = match wanted {
        "out" => kind != "in",
        wanted => wanted == kind,
    };
    if !is_met {
        compare("scope", wanted, &told, all);
    }
}

const LEFT_ALONE: &str = "(left as it is)";
const CLEARED: &str = "(cleared)";

fn values(expect: &Expected, found: &Evaluation, all: &mut Vec<Difference>) {
    let failed = |name: &str| found.problems.iter().find(|why| is_about(why, name));
    let got = |name: &str| match (found.attributes.values(name), failed(name)) {
        (_, Some(why)) => why.to_string(),
        (None, None) => LEFT_ALONE.to_owned(),
        (Some(values), None) => shown(values),
    };
    for (name, wanted) in &expect.values {
        let wanted = match wanted.as_ref().map(read_values).unwrap_or(Ok(Vec::new())) {
            Ok(wanted) => wanted,
            Err(mistake) => {
                compare(name, &mistake, &got(name), all);
                continue;
            }
        };
        let have = found.attributes.values(name);
        let texts = |values: &[Value]| {
            values
                .iter()
                .map(Value::display)
                .collect::<BTreeSet<String>>()
        };
        if failed(name).is_some() || have.map(texts) != Some(texts(&wanted)) {
            compare(name, &shown(&wanted), &got(name), all);
        }
    }
    for name in &expect.left_alone {
        if found.attributes.values(name).is_some() || failed(name).is_some() {
            compare(name, LEFT_ALONE, &got(name), all);
        }
    }
}

fn is_about(why: &Refusal, name: &str) -> bool {
    why.argument("attribute")
        .is_some_and(|attribute| attribute.eq_ignore_ascii_case(name))
}

fn shown(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(Value::display).collect();
    match texts.is_empty() {
        true => CLEARED.to_owned(),
        false => texts.join(" | "),
    }
}

/// Errors that are expected and do not come, and those that come and are not expected.
fn errors(expect: &Expected, found: &Evaluation, all: &mut Vec<Difference>) {
    let came: Vec<&Refusal> = found
        .problems
        .iter()
        .chain(found.source_anchor.as_ref().err())
        .collect();
    for (name, code) in &expect.errors {
        let got = came.iter().find(|why| is_about(why, name));
        let got = got.map_or("no error", |why| why.code.name());
        compare(name, code, got, all);
    }
    for why in came {
        let name = why.argument("attribute").unwrap_or("object");
        let mut expected = expect.errors.keys().chain(expect.values.keys());
        if !expected.any(|known| known.eq_ignore_ascii_case(name)) {
            compare(name, "no error", &why.to_string(), all);
        }
    }
}

/// An object as rules see it.
struct Read {
    anchor: Anchor,
    ancestors: Vec<Anchor>,
    attributes: Attributes,
    exported: Option<Attributes>,
    link_counts: Vec<(Name, u64)>,
}

fn read_given(given: &Given) -> Result<Read, Difference> {
    let mistake = |what: &str, expected: &str, got: &str| Difference {
        what: what.to_owned(),
        expected: expected.to_owned(),
        got: got.to_owned(),
    };
    let anchor = match given.anchor.as_str() {
        "" => Anchor::new([1; 16]),
        text => {
            Anchor::from_guid_text(text).ok_or_else(|| mistake("object.anchor", "a GUID", text))?
        }
    };
    let attributes = |all: &BTreeMap<String, Values>| -> Result<Attributes, Difference> {
        let mut read = Attributes::new();
        for (name, values) in all {
            let values = read_values(values).map_err(|text| mistake(name, "a value", &text))?;
            read.set(name.as_str(), values);
        }
        Ok(read)
    };
    let parts: Vec<&str> = dn::parts(&given.dn).collect();
    let above = (1..parts.len()).filter_map(|from| parts.get(from..));
    Ok(Read {
        anchor,
        ancestors: above.map(|parts| place(&parts.join(","))).collect(),
        attributes: attributes(&given.attributes)?,
        exported: given.exported.as_ref().map(attributes).transpose()?,
        link_counts: given
            .link_counts
            .iter()
            .map(|(name, count)| (Name::from(name.as_str()), *count))
            .collect(),
    })
}

/// Attributes as a file or a request gives them.
///
/// # Errors
/// In words, with the name of the attribute.
pub fn attributes(given: &BTreeMap<String, Values>) -> Result<Attributes, String> {
    let mut read = Attributes::new();
    for (name, values) in given {
        let values = read_values(values).map_err(|text| format!("{name}: {text}"))?;
        read.set(name.as_str(), values);
    }
    Ok(read)
}

fn read_values(values: &Values) -> Result<Vec<Value>, String> {
    let one = |single: &Single| match single {
        Single::Truth(truth) => Ok(Value::Boolean(*truth)),
        Single::Integer(number) => Ok(Value::Integer(*number)),
        Single::Text(text) => Ok(Value::text(text.as_str())),
        Single::Bytes { base64 } => STANDARD
            .decode(base64)
            .map(Value::binary)
            .map_err(|_| format!("{base64:?} is no Base64")),
    };
    match values {
        Values::One(single) => one(single).map(|value| vec![value]),
        Values::Several(all) => all.iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::preset;
    use serde_json::json;

    fn outcomes(document: serde_json::Value, cases: serde_json::Value) -> Vec<Outcome> {
        let rules = preset::load(&document.to_string()).unwrap();
        run(&rules, &read(&cases.to_string()).unwrap())
    }

    fn document() -> serde_json::Value {
        json!({ "synchronizationRules": [{ "containerFilter": { "includedContainers": ["OU=Sales,DC=x"] },
            "objectMappings": [{ "sourceObjectName": "user", "targetObjectName": "User",
                "scope": { "exclusions": [{ "name": "robot", "clauses": [{ "operatorName": "IS TRUE", "sourceOperandName": "robot" }] }] },
                "attributeMappings": [
                    { "targetAttributeName": "displayName", "source": { "type": "Function", "expression": "Trim([cn])" } },
                    { "targetAttributeName": "level", "source": { "type": "Function", "expression": "CInt([level])" } },
                    { "targetAttributeName": "note", "source": { "type": "Function", "expression": "IgnoreFlowIfNullOrEmpty([note])" } },
                    { "targetAttributeName": "phones", "source": { "type": "Attribute", "name": "phones" } }] }] }] })
    }

    fn ada(expect: serde_json::Value) -> serde_json::Value {
        json!({ "name": "Ada", "expect": expect, "object": { "class": "user", "dn": "CN=Ada,OU=East,ou=sales, dc=x",
            "attributes": { "cn": " Ada ", "level": "7", "phones": ["2", "1"] } } })
    }

    #[test]
    fn a_case_that_is_met_has_no_differences() {
        let expect = json!({ "scope": "in", "class": "User", "leftAlone": ["note"],
            "sourceAnchor": "AQEBAQEBAQEBAQEBAQEBAQ==",
            "values": { "displayName": "Ada", "level": 7, "phones": ["1", "2"] } });
        let found = outcomes(document(), json!({ "cases": [ada(expect)] }));
        assert_eq!(found[0].differences, []);
    }

    #[test]
    fn what_differs_is_told_with_both_sides() {
        let expect = json!({ "scope": "OutsideContainers", "class": "Group", "leftAlone": ["displayName"],
            "values": { "displayName": null, "note": "x", "level": 8 }, "errors": { "phones": "ExpressionFailed" } });
        let found = outcomes(document(), json!({ "cases": [ada(expect)] }));
        let told: Vec<String> = found[0]
            .differences
            .iter()
            .map(|d| format!("{}: {} / {}", d.what, d.expected, d.got))
            .collect();
        assert_eq!(
            told,
            [
                "scope: OutsideContainers / in",
                "class: Group / User",
                "displayName: (cleared) / Ada",
                "level: 8 / 7",
                "note: x / (left as it is)",
                "displayName: (left as it is) / Ada",
                "phones: ExpressionFailed / no error",
            ]
        );
    }

    #[test]
    fn scope_is_told_with_its_reason_and_errors_nobody_expected_count() {
        let elsewhere = json!({ "object": { "class": "user", "dn": "CN=a,DC=x" }, "expect": { "scope": "in" } });
        let robot = json!({ "object": { "class": "user", "dn": "CN=a,OU=Sales,DC=x", "attributes": { "robot": true } },
            "expect": { "scope": "Excluded" } });
        let broken = json!({ "object": { "class": "user", "dn": "CN=a,OU=Sales,DC=x", "attributes": { "level": "x" } },
            "expect": { "scope": "in" } });
        let expected = json!({ "object": { "class": "user", "dn": "CN=a,OU=Sales,DC=x", "attributes": { "level": "x" } },
            "expect": { "errors": { "level": "ExpressionFailed" } } });
        let found = outcomes(
            document(),
            json!({ "cases": [elsewhere, robot, broken, expected] }),
        );
        assert!(
            found[0].differences[0]
                .got
                .starts_with("OutsideContainers: ")
        );
        assert_eq!(found[0].name, "case 1");
        assert_eq!(found[1].differences, []);
        assert_eq!(found[2].differences[0].what, "level");
        assert_eq!(found[2].differences[0].expected, "no error");
        assert_eq!(found[3].differences, [], "{:?}", found[3]);
    }

    #[test]
    fn time_is_the_same_every_time() {
        let mut document = document();
        let mappings =
            &mut document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
        mappings[0]["source"]["expression"] = "Mid(Now(), 7, 4)".into();
        let around = json!({ "now": "1999-12-31T12:00:00Z" });
        let expect = json!({ "values": { "displayName": "1999" } });
        let file = json!({ "surroundings": around, "cases": [ada(expect)] });
        assert_eq!(outcomes(document, file)[0].differences, []);
        let wrong = read("{\"surroundings\": {\"now\": \"soon\"}}");
        assert!(wrong.unwrap_err().contains("surroundings.now"));
    }

    #[test]
    fn a_file_of_another_form_is_refused_with_its_place() {
        for text in ["", "[]", "{\"case\": []}", "{\"cases\": [{\"object\": 5}]}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(
            read("{\n\"cases\": [{\"x\":1}]}")
                .unwrap_err()
                .contains("line 2")
        );
    }
}
