//! `hybridge functions` and `hybridge expression`: the manual, and trials with and without a server.

use serde_json::{Value, json};

use crate::world::{run, world};

#[test]
fn functions_are_listed_and_each_has_a_page() {
    let all = run(&["functions"]);
    assert_eq!(all.code, 0);
    assert!(
        all.out.contains("Left ") && all.out.contains("The first characters."),
        "{}",
        all.out
    );
    let list = run(&["--json", "functions"]).json();
    assert!(list.as_array().unwrap().len() > 80);
    let page = run(&["functions", "Where"]);
    assert!(
        page.out.starts_with("Where($item, values, condition)\n"),
        "{}",
        page.out
    );
    for part in [
        "Arguments",
        "Examples",
        "gives",
        "proxyAddresses: ",
        "Connect Sync",
    ] {
        assert!(page.out.contains(part), "{part} is not in {}", page.out);
    }
    let json = run(&["--json", "functions", "Trim"]).json();
    assert_eq!(json["name"], "Trim");
    assert!(json["examples"][0]["expression"].is_string());
    let unknown = run(&["functions", "trimm"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("error[NotFound]"), "{}", unknown.err);
    assert!(
        unknown.err.contains("did you mean Trim?"),
        "{}",
        unknown.err
    );
}

#[test]
fn an_expression_is_tried_over_an_object_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let json = path("ada.json");
    let object = json!({ "givenName": " Ada ", "proxyAddresses": ["smtp:a@x", "SMTP:b@x"] });
    std::fs::write(&json, object.to_string()).unwrap();
    let expression = "Trim([givenName]) & Count([proxyAddresses])";
    let shown = run(&["expression", "eval", expression, "--object", &json]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown.out.contains("Trim([givenName])\n    \"Ada\"\n"),
        "{}",
        shown.out
    );
    assert!(shown.out.ends_with("\n\"Ada2\"\n"), "{}", shown.out);
    let trial = run(&[
        "--json",
        "expression",
        "eval",
        expression,
        "--object",
        &json,
    ])
    .json();
    assert_eq!(trial["value"], json!(["Ada2"]));
    assert_eq!(trial["inputs"]["givenName"], json!([" Ada "]));
    assert_eq!(trial["tree"]["name"], "&");
    let ldif = path("ada.ldif");
    std::fs::write(&ldif, "dn: CN=Ada,DC=x\nsn:: TcO8bGxlcg==\n").unwrap();
    let trial = |expression: &str| {
        run(&[
            "--json",
            "expression",
            "eval",
            expression,
            "--object",
            &ldif,
        ])
        .json()["value"]
            .take()
    };
    assert_eq!(trial("NormalizeDiacritics([sn])"), json!(["Muller"]));
    assert_eq!(trial("DNComponent([distinguishedName], 1)"), json!(["Ada"]));
    assert_eq!(trial("[missing]"), json!([]));
    let none = run(&["expression", "eval", "1", "--object", &path("none.json")]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("none.json"), "{}", none.err);
}

#[test]
fn bad_expressions_end_with_one_and_say_where() {
    let ran = run(&["expression", "eval", "Trim(\n Lft([a], 1), %x%)"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    for part in [
        "error[ExpressionInvalid]",
        "there is no function Lft (at line 2, character 2); did you mean Left?",
        "there is no parameter %x%",
    ] {
        assert!(ran.err.contains(part), "{part} is not in {}", ran.err);
    }
    let error: Value = run(&["--json", "expression", "eval", "Trim("]).json();
    assert_eq!(error["error"]["code"], "ExpressionInvalid");
    assert_eq!(error["error"]["arguments"]["character"], "6");
    let failed = run(&["expression", "eval", "Error(\"no \" & \"mail\")"]);
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("\"no mail\""), "{}", failed.out);
    assert!(
        failed
            .err
            .contains("error[ExpressionFailed]: Error: no mail"),
        "{}",
        failed.err
    );
    let failed = run(&["--json", "expression", "eval", "Error(\"no\")"]);
    assert_eq!(
        (failed.code, failed.json()["failure"]["code"].take()),
        (1, json!("ExpressionFailed"))
    );
}

#[test]
fn an_object_by_name_is_the_one_in_the_connector_space() {
    let users = world().json(&["directory", "users", "--limit", "1"]);
    let target = users["items"][0]["id"].as_str().unwrap();
    let object = world().json(&["object", "show", target])["object"].take();
    let dn = object["dn"].as_str().unwrap();
    let trial = world().json(&[
        "expression",
        "eval",
        "[userPrincipalName] & \" \" & %Domain.FQDN%",
        "--object",
        dn,
    ]);
    let value = trial["value"][0].as_str().unwrap();
    let name = object["userPrincipalName"].as_str().unwrap();
    assert!(
        value.starts_with(name) && value.len() > name.len() + 3,
        "{value} {name}"
    );
    let guid = |name: &str| {
        world().json(&["expression", "eval", "Guid()", "--object", name])["value"].take()
    };
    assert_eq!(
        guid(dn),
        guid(target),
        "the same object gets the same value"
    );
    let sid = world().json(&[
        "expression",
        "eval",
        "StringFromSid([objectSid])",
        "--object",
        dn,
    ]);
    assert!(
        sid["value"][0].as_str().unwrap().starts_with("S-1-5-21-"),
        "{sid}"
    );
    let left = world().json(&[
        "expression",
        "eval",
        "SelectUniqueValue(\"a\", \"b\")",
        "--object",
        dn,
    ]);
    assert_eq!(left["outcome"], "leftAlone", "it is in the target already");
    let bad = world().ask(&["expression", "eval", "Trm([cn])", "--object", dn]);
    assert_eq!(bad.code, 1);
    assert!(bad.err.contains("did you mean Trim?"), "{}", bad.err);
    let nobody = world().ask(&["expression", "eval", "1", "--object", "CN=Nobody,DC=x"]);
    assert!(nobody.err.contains("error[NotFound]"), "{}", nobody.err);
}
