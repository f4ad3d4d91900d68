//! What an administrator looks at before anything changes: previews and the search for what would fail, over everything.
//!
//! Trap: the list of a preview that changes everybody is as large as the directory; it is written to a file, as a person would.

use std::{fs::File, process::Command};

use serde_json::{Value, json};

use super::{
    installation::{Installation, NAME, program},
    procfs::Moment,
    say,
};

/// One look.
#[derive(Clone, Debug)]
pub struct Look {
    /// Which.
    pub name: &'static str,
    /// From the command to its end.
    pub seconds: f64,
    /// Processor time of the server meanwhile.
    pub server_cpu_seconds: f64,
    /// Share of the machine that others took meanwhile, the command itself included.
    pub others_share: f64,
    /// What it came to.
    pub answer: Value,
}

/// All of them, one after the other.
pub async fn measure(installation: &Installation) -> Vec<Look> {
    say("previews and idfix");
    let rules = installation.rules();
    let write = |name: &str, rules: &Value| {
        let path = installation.data().join(name);
        std::fs::write(&path, rules.to_string()).unwrap();
        path.display().to_string()
    };
    let changed = write("changed.json", &everybody_changes(rules.clone()));
    let narrow = write("narrow.json", &nobody_is_in_scope(rules));
    let preview = ["preview", "--job", NAME];
    let looks = [
        ("preview_nothing", preview.to_vec()),
        (
            "preview_change",
            [&preview[..], &["--schema", &changed]].concat(),
        ),
        (
            "preview_leave",
            [&preview[..], &["--schema", &narrow]].concat(),
        ),
        ("idfix_space", vec!["idfix", "--job", NAME]),
        ("idfix_fresh", vec!["idfix", "--job", NAME, "--fresh"]),
    ];
    looks
        .into_iter()
        .map(|(name, words)| look(installation, name, &words))
        .collect()
}

fn look(installation: &Installation, name: &'static str, words: &[&str]) -> Look {
    let output = installation.data().join(format!("{name}.out"));
    let before = installation.server().cpu_seconds;
    let moment = Moment::now();
    let status = Command::new(program("hybridge"))
        .args(words)
        .args(["--json", "--data-dir"])
        .arg(installation.data())
        .stdout(File::create(&output).unwrap())
        .status()
        .unwrap();
    let seconds = moment.seconds();
    let server_cpu_seconds = installation.server().cpu_seconds - before;
    // idfix ends with 1 where it found something.
    assert!(matches!(status.code(), Some(0 | 1)), "{name}: {status}");
    let told = std::fs::read(&output).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    Look {
        name,
        seconds,
        server_cpu_seconds,
        others_share: moment.others(server_cpu_seconds),
        answer: numbers(&told),
    }
}

/// The counts of an answer, without its lists.
fn numbers(told: &Value) -> Value {
    let fields = told.as_object().into_iter().flatten();
    fields
        .filter(|(_, value)| value.is_number() || value.is_boolean())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Rules by which one attribute of everybody becomes another.
fn everybody_changes(mut rules: Value) -> Value {
    for mapping in rules["synchronizationRules"][0]["objectMappings"]
        .as_array_mut()
        .unwrap()
    {
        for attribute in mapping["attributeMappings"].as_array_mut().unwrap() {
            if attribute["targetAttributeName"] == "displayName" {
                attribute["source"] = json!({ "type": "Function", "expression": "\"* \" & IIF(IsPresent([displayName]), [displayName], [cn])" });
            }
        }
    }
    rules
}

/// Rules that let nobody in.
fn nobody_is_in_scope(mut rules: Value) -> Value {
    let none = json!([{ "name": "none", "clauses": [
        { "operatorName": "EQUALS", "sourceOperandName": "cn", "targetOperand": { "values": ["nobody at all"] } }] }]);
    for mapping in rules["synchronizationRules"][0]["objectMappings"]
        .as_array_mut()
        .unwrap()
    {
        mapping["scope"]["groups"] = none.clone();
    }
    rules
}

/// All of them with units in the names.
pub fn json(looks: &[Look]) -> Value {
    let mut all = serde_json::Map::new();
    for look in looks {
        let name = look.name;
        all.insert(format!("{name}_seconds"), json!(look.seconds));
        all.insert(
            format!("{name}_server_cpu_seconds"),
            json!(look.server_cpu_seconds),
        );
        all.insert(format!("{name}_others_share"), json!(look.others_share));
        all.insert(format!("{name}_answer"), look.answer.clone());
    }
    all.into()
}
