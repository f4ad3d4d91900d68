//! `hybridge directory`: objects of the tenant's own, roles, authority, domains and the credential, by command alone.

use serde_json::{Value, json};

use crate::world::{World, run, world};

/// The first value of an attribute of an object.
fn value(world: &World, id: &str, name: &str) -> Value {
    world.json(&["directory", "object", id])["attributes"][name][0].clone()
}

/// Refused with this code and this cure, and a code for scripts.
fn refused(world: &World, arguments: &[&str], code: &str, cure: &str) {
    let ran = world.ask(arguments);
    assert_eq!(ran.code, 1, "{arguments:?} {ran:?}");
    assert!(ran.out.is_empty(), "{arguments:?} {ran:?}");
    let told = format!("error[{code}]");
    assert!(ran.err.contains(&told), "{arguments:?} {}", ran.err);
    assert!(ran.err.contains(cure), "{arguments:?} {}", ran.err);
    let mut for_scripts = vec!["--json"];
    for_scripts.extend(arguments);
    let answer = world.ask(&for_scripts);
    assert_eq!(answer.json()["error"]["code"], code, "{arguments:?}");
}

/// An account of the tenant's own; returns its id and name.
fn account(world: &World, alias: &str) -> (String, String) {
    let domain = world.json(&["directory", "show"])["initialDomain"].clone();
    let name = format!("{alias}@{}", domain.as_str().unwrap());
    let made = world.json(&[
        "directory",
        "create",
        "user",
        &format!("userPrincipalName={name}"),
        &format!("mailNickname={alias}"),
        &format!("displayName=Verb {alias}"),
    ]);
    assert_eq!(made["kind"], "user");
    assert_eq!(made["isSynchronised"], false);
    assert_eq!(made["address"], json!(name));
    (made["id"].as_str().unwrap().to_owned(), name)
}

#[test]
fn an_object_of_the_tenant_is_made_changed_deleted_and_brought_back() {
    let world = world();
    let (id, name) = account(world, "one");
    world.json(&[
        "directory",
        "set",
        &name,
        "jobTitle=Clerk",
        "department=Deck",
    ]);
    assert_eq!(value(world, &id, "jobTitle"), "Clerk");
    world.json(&["directory", "set", &id, "jobTitle="]);
    assert_eq!(value(world, &id, "jobTitle"), Value::Null);
    assert_eq!(value(world, &id, "department"), "Deck");

    let told = world.ask(&["directory", "delete", &id]);
    assert!(
        told.code == 0 && told.out.contains("is deleted"),
        "{told:?}"
    );
    let deleted = world.json(&["directory", "users", "--deleted"]);
    assert!(deleted.to_string().contains(&id), "{deleted}");
    let back = world.json(&["directory", "restore", &id]);
    assert_eq!(back["address"], json!(name));
    assert_eq!(value(world, &id, "department"), "Deck");
    refused(world, &["directory", "restore", &id], "Conflict", "deleted");

    world.json(&["directory", "delete", &id, "--for-good"]);
    refused(world, &["directory", "object", &id], "NotFound", "");
    for (kind, attribute) in [
        ("group", "mailNickname=verbs"),
        ("contact", "mail=v@verbs.example"),
    ] {
        let made = world.json(&["directory", "create", kind, "displayName=Verbs", attribute]);
        let id = made["id"].as_str().unwrap();
        let plural = format!("{kind}s");
        let listed = world.json(&["directory", &plural, "--name", "Verbs"]);
        assert_eq!(listed["items"][0]["id"], id, "{listed}");
        world.json(&["directory", "delete", id]);
        refused(world, &["directory", "object", id], "NotFound", "");
    }
}

#[test]
fn what_may_not_be_done_to_an_object_is_refused_with_its_code_and_a_way_out() {
    let world = world();
    let (id, name) = account(world, "two");
    let users = world.json(&["directory", "users", "--limit", "20"]);
    let mut users = users["items"].as_array().unwrap().iter();
    let other = users.find(|user| user["isSynchronised"] == true).unwrap();
    let other = other["id"].as_str().unwrap();
    let taken = format!("userPrincipalName={name}");
    let again = [
        "directory",
        "create",
        "user",
        &taken,
        "mailNickname=again",
        "displayName=Again",
    ];
    refused(world, &again, "AttributeValueMustBeUnique", &id);
    let leave = "hybridge directory authority";
    let anothers = "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService";
    refused(
        world,
        &["directory", "set", other, "jobTitle=x"],
        anothers,
        leave,
    );
    refused(world, &["directory", "delete", other], anothers, leave);
    refused(
        world,
        &["directory", "authority", &id, "source"],
        "Conflict",
        "source anchor",
    );
    let unknown = ["directory", "set", &id, "jobTitel=x"];
    refused(world, &unknown, "SchemaAttributeNotFound", "jobTitel");
    let roles = [
        "directory",
        "set",
        &id,
        "assignedRoles=Global Administrator",
    ];
    refused(world, &roles, "RequestInvalid", "hybridge directory roles");
    refused(
        world,
        &["directory", "set", "nobody@nowhere.example", "jobTitle=x"],
        "NotFound",
        "",
    );
    let ran = run(&["directory", "set", "somebody", "jobTitle"]);
    assert!(ran.code == 1 && ran.err.contains("NAME=VALUE"), "{ran:?}");
    let ran = run(&["directory", "create", "device", "displayName=x"]);
    assert!(ran.code == 1 && ran.err.contains("contact"), "{ran:?}");
    let unchanged = world.json(&["directory", "object", other]);
    assert_eq!(unchanged["isSynchronised"], true);
}

#[test]
fn roles_authority_domains_and_the_credential_are_changed_by_command() {
    let world = world();
    let (id, name) = account(world, "three");
    let roles = [
        "--role",
        "Global Administrator",
        "--role",
        "User Administrator",
    ];
    let ran = world.ask(&[&["directory", "roles", &name], &roles[..]].concat());
    assert!(
        ran.code == 0 && ran.out.contains("holds Global Administrator"),
        "{ran:?}"
    );
    let shown = world.json(&["directory", "object", &id]);
    let held = &shown["attributes"]["assignedRoles"];
    assert_eq!(held, &json!(["Global Administrator", "User Administrator"]));
    world.json(&["directory", "roles", &id, "--none"]);
    assert_eq!(value(world, &id, "assignedRoles"), Value::Null);
    let ran = run(&["directory", "roles", &id]);
    assert!(ran.code == 1 && ran.err.contains("--role"), "{ran:?}");

    let users = world.json(&["directory", "users", "--limit", "20"]);
    let mut users = users["items"].as_array().unwrap().iter();
    let other = users.find(|user| user["isSynchronised"] == true).unwrap();
    let other = other["id"].as_str().unwrap();
    let given = world.json(&["directory", "authority", other, "tenant"]);
    assert_eq!(given["isSynchronised"], false);
    world.json(&["directory", "set", other, "jobTitle=Of the tenant"]);
    assert_eq!(value(world, other, "jobTitle"), "Of the tenant");
    let back = world.json(&["directory", "authority", other, "source"]);
    assert_eq!(back["isSynchronised"], true);

    let added = world.json(&[
        "directory",
        "domains",
        "add",
        "verbs.example",
        "--federated",
        "on",
    ]);
    assert_eq!(
        (&added["name"], &added["isFederated"]),
        (&json!("verbs.example"), &json!(true))
    );
    let changed = world.json(&[
        "directory",
        "domains",
        "verify",
        "verbs.example",
        "--federated",
        "off",
    ]);
    assert_eq!(changed["isFederated"], false);
    let listed = || world.ask(&["directory", "domains", "list"]).out;
    assert!(
        listed().contains("verbs.example") && listed().contains("initial"),
        "{}",
        listed()
    );
    world.json(&[
        "directory",
        "set",
        &id,
        "userPrincipalName=three@verbs.example",
    ]);
    refused(
        world,
        &["directory", "domains", "remove", "verbs.example"],
        "Conflict",
        "",
    );
    world.json(&["directory", "delete", &id, "--for-good"]);
    world.json(&["directory", "domains", "remove", "verbs.example"]);
    assert!(!listed().contains("verbs.example"), "{}", listed());

    let rotated = world.json(&["directory", "rotate-credential", "--days", "30"]);
    assert!(
        rotated["expiresAt"].is_string() && rotated["applicationId"].is_string(),
        "{rotated}"
    );
    assert!(
        !rotated.to_string().to_lowercase().contains("secret"),
        "{rotated}"
    );
}
