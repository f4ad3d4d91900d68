//! The default rules over hand-written Active Directory objects.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::OnceLock;

use sync_core::{
    id::Anchor,
    mapping::{Context, Evaluation, SourceView, evaluate, explain, identity},
    schema::{checked, checked::Rules, default_rules, preset, read::Schema},
    scope::{ScopeReason, Verdict},
    value::{Attributes, Value},
};

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| default_rules().expect("the preset is valid"))
}

fn anchor() -> Anchor {
    Anchor::new((0..16).collect::<Vec<u8>>())
}

fn text(values: &[&str]) -> Vec<Value> {
    values.iter().map(|value| Value::from(*value)).collect()
}

fn run(class: &str, rdn: &str, attributes: &Attributes) -> Evaluation {
    run_held(class, rdn, attributes, None)
}

fn run_held(
    class: &str,
    rdn: &str,
    attributes: &Attributes,
    held: Option<&Attributes>,
) -> Evaluation {
    let domains = ["canal.example".to_owned(), "tenant.example".to_owned()];
    let context = Context {
        domain_fqdn: "ad.canal.example",
        domain_netbios: "CANAL",
        verified_domains: &domains,
        initial_domain: "tenant.example",
        ..Context::default()
    };
    let dn = format!("{rdn},OU=People,DC=ad,DC=canal,DC=example");
    let anchor = anchor();
    let mut view = SourceView::new(&anchor, class, attributes);
    view.dn = &dn;
    view.rdn = rdn;
    view.held = held;
    let evaluation = evaluate(rules(), &view, &context);
    let explained = explain(rules(), &view, &context);
    assert!(explained.trace.is_some());
    assert_eq!(
        Evaluation {
            trace: None,
            ..explained
        },
        evaluation,
        "explaining changes nothing"
    );
    evaluation
}

fn user() -> Attributes {
    let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
    for part in [21_u32, 1, 2, 3, 1104] {
        sid.extend(part.to_le_bytes());
    }
    [
        ("cn", text(&["Anna de Vries"])),
        ("displayName", text(&[" Anna de Vries "])),
        ("givenName", text(&["Anna "])),
        ("sn", text(&["de Vries"])),
        ("sAMAccountName", text(&["avries"])),
        ("userPrincipalName", text(&["anna@canal.example"])),
        ("mail", text(&["anna@canal.example"])),
        (
            "proxyAddresses",
            text(&["smtp:a.devries@canal.example", "SMTP:anna@canal.example"]),
        ),
        ("userAccountControl", vec![512.into()]),
        ("pwdLastSet", vec![132_772_253_560_000_000.into()]),
        ("objectSid", vec![Value::binary(sid)]),
        ("description", text(&["first"])),
        ("countryCode", vec![528.into()]),
    ]
    .into_iter()
    .collect()
}

fn with(mut attributes: Attributes, name: &str, values: Vec<Value>) -> Attributes {
    attributes.set(name, values);
    attributes
}

fn without(mut attributes: Attributes, name: &str) -> Attributes {
    attributes.remove(name);
    attributes
}

fn excluded(evaluation: &Evaluation) -> &str {
    match &evaluation.scope {
        Verdict::Out {
            reason: ScopeReason::Excluded { name, .. },
        } => name,
        other => panic!("not excluded: {other:?}"),
    }
}

fn is_unfiltered(evaluation: &Evaluation) -> bool {
    matches!(
        &evaluation.scope,
        Verdict::Out {
            reason: ScopeReason::NoFilterMatched { .. }
        }
    )
}

#[test]
fn a_person_comes_out_complete() {
    for class in ["user", "inetOrgPerson", "USER"] {
        let found = run(class, "CN=Anna de Vries", &user());
        assert_eq!(found.scope, Verdict::InScope);
        assert_eq!(found.problems, []);
        assert_eq!(found.target_class.as_deref(), Some("User"));
        assert_eq!(
            found.source_anchor.as_deref(),
            Ok("AAECAwQFBgcICQoLDA0ODw==")
        );
        for (name, value) in [
            ("userPrincipalName", "anna@canal.example"),
            ("onPremisesUserPrincipalName", "anna@canal.example"),
            ("displayName", "Anna de Vries"),
            ("givenName", "Anna"),
            ("surname", "de Vries"),
            ("commonName", "Anna de Vries"),
            ("mail", "anna@canal.example"),
            ("mailNickname", "anna"),
            ("onPremisesSecurityIdentifier", "S-1-5-21-1-2-3-1104"),
            ("onPremisesSamAccountName", "avries"),
            (
                "onPremisesDistinguishedName",
                "CN=Anna de Vries,OU=People,DC=ad,DC=canal,DC=example",
            ),
            ("onPremisesDomainName", "ad.canal.example"),
            ("onPremisesNetBiosName", "CANAL"),
            ("lastPasswordChangeTimestamp", "20210927140916.0Z"),
            ("description", "first"),
        ] {
            assert_eq!(found.attributes.text(name), Some(value), "{name}");
        }
        assert_eq!(
            found.attributes.values("accountEnabled"),
            Some(&[Value::Boolean(true)][..])
        );
        assert_eq!(
            found.attributes.values("countryCode"),
            Some(&[Value::Integer(528)][..])
        );
        assert_eq!(
            found.attributes.values("proxyAddresses"),
            Some(&text(&["SMTP:anna@canal.example", "smtp:a.devries@canal.example"])[..])
        );
        let matching: Vec<_> = found
            .matching
            .iter()
            .map(|m| (m.priority, &*m.attribute, m.value.as_text().unwrap()))
            .collect();
        assert_eq!(
            matching,
            [
                (1, "userPrincipalName", "anna@canal.example"),
                (2, "proxyAddresses", "SMTP:anna@canal.example")
            ]
        );
        let references: Vec<_> = found
            .references
            .iter()
            .map(|r| (&*r.source, &*r.target, r.is_multivalued))
            .collect();
        assert!(references.contains(&("manager", "manager", false)));
        assert!(references.contains(&("authOrig", "authOrig", true)));
    }
}

#[test]
fn what_the_source_does_not_have_is_cleared_and_what_may_not_be_cleared_is_left() {
    let found = run("user", "CN=a", &user());
    assert_eq!(found.attributes.values("jobTitle"), Some(&[][..]));
    assert_eq!(found.attributes.values("usageLocation"), None);
    let blank = with(user(), "givenName", text(&["  "]));
    assert_eq!(
        run("user", "CN=a", &blank).attributes.values("givenName"),
        Some(&[][..])
    );
    let unnamed = with(user(), "displayName", text(&["  "]));
    assert_eq!(
        run("user", "CN=a", &unnamed).attributes.text("displayName"),
        Some("Anna de Vries")
    );
}

#[test]
fn a_disabled_person_stays_in_scope_without_sign_in() {
    let found = run(
        "user",
        "CN=a",
        &with(user(), "userAccountControl", vec![514.into()]),
    );
    assert_eq!(found.scope, Verdict::InScope);
    assert_eq!(
        found.attributes.values("accountEnabled"),
        Some(&[Value::Boolean(false)][..])
    );
}

#[test]
fn the_consistency_guid_is_the_source_anchor_where_there_is_one() {
    let attributes = with(
        user(),
        "mS-DS-ConsistencyGuid",
        vec![Value::binary([7_u8; 16])],
    );
    let found = run("user", "CN=a", &attributes);
    assert_eq!(
        found.source_anchor.as_deref(),
        Ok("BwcHBwcHBwcHBwcHBwcHBw==")
    );
    assert_eq!(found.attributes.values("onPremisesImmutableId"), None);
}

#[test]
fn sign_in_names_of_unverified_domains_become_the_initial_one_and_do_not_match() {
    let local = with(user(), "userPrincipalName", text(&["anna@canal.local"]));
    let found = run("user", "CN=a", &local);
    assert_eq!(
        found.attributes.text("userPrincipalName"),
        Some("anna@tenant.example")
    );
    assert_eq!(
        found.attributes.text("onPremisesUserPrincipalName"),
        Some("anna@canal.local")
    );
    assert!(
        found
            .matching
            .iter()
            .all(|m| &*m.attribute != "userPrincipalName")
    );

    let unnamed = without(user(), "userPrincipalName");
    let found = run("user", "CN=a", &unnamed);
    assert_eq!(
        found.attributes.text("onPremisesUserPrincipalName"),
        Some("avries@ad.canal.example")
    );
    assert_eq!(
        found.attributes.text("userPrincipalName"),
        Some("anna@tenant.example")
    );
}

#[test]
fn a_made_up_sign_in_name_outlives_a_new_nickname() {
    let local = with(user(), "userPrincipalName", text(&["anna@canal.local"]));
    let held = run("user", "CN=a", &local).attributes;
    let renamed = with(local.clone(), "mailNickname", text(&["newnick"]));
    let found = run_held("user", "CN=a", &renamed, Some(&held));
    assert_eq!(found.attributes.text("mailNickname"), Some("newnick"));
    assert_eq!(
        found.attributes.text("userPrincipalName"),
        Some("anna@tenant.example")
    );
    let moved = with(renamed, "userPrincipalName", text(&["anna2@canal.local"]));
    let found = run_held("user", "CN=a", &moved, Some(&held));
    assert_eq!(
        found.attributes.text("userPrincipalName"),
        Some("newnick@tenant.example")
    );
}

#[test]
fn people_that_are_no_people_are_excluded_with_the_name_of_the_exclusion() {
    let check = |attributes: Attributes, name: &str| {
        let found = run("user", "CN=a", &attributes);
        assert_eq!(excluded(&found), name);
        assert!(found.attributes.is_empty());
        assert_eq!(found.target_class.as_deref(), Some("User"));
    };
    check(
        with(user(), "isCriticalSystemObject", vec![true.into()]),
        "critical system object",
    );
    check(
        with(user(), "sAMAccountName", text(&["MSOL_0123"])),
        "synchronisation account",
    );
    check(
        with(user(), "sAMAccountName", text(&["AAD_0123"])),
        "synchronisation account",
    );
    check(
        with(user(), "sAMAccountName", text(&["SUPPORT_388945a0"])),
        "support account",
    );
    check(
        with(user(), "mailNickname", text(&["CAS_{1}"])),
        "Exchange client access object",
    );
    check(
        with(user(), "mailNickname", text(&["SystemMailbox{1}"])),
        "Exchange system mailbox",
    );
    check(
        with(
            user(),
            "msExchRecipientTypeDetails",
            vec![0x0080_0000_i64.into()],
        ),
        "Exchange system object",
    );
    check(
        with(user(), "msExchRecipientTypeDetails", vec![2.into()]),
        "linked mailbox",
    );
    check(
        with(user(), "adminDescription", text(&["User_1"])),
        "written back from the cloud",
    );
    for details in [1, 4, 16, 32] {
        let attributes = with(user(), "msExchRecipientTypeDetails", vec![details.into()]);
        assert_eq!(
            run("user", "CN=a", &attributes).scope,
            Verdict::InScope,
            "{details}"
        );
    }
    let not_critical = with(user(), "isCriticalSystemObject", vec![false.into()]);
    assert_eq!(run("user", "CN=a", &not_critical).scope, Verdict::InScope);
    let unnamed = without(user(), "sAMAccountName");
    assert!(is_unfiltered(&run("user", "CN=a", &unnamed)));
}

#[test]
fn replication_victims_are_excluded_by_their_rdn_in_every_class() {
    for class in ["user", "inetOrgPerson", "group", "contact"] {
        for rdn in ["CN=Anna\\0ACNF:6c409270-f78a", "CN=Anna\nCNF:6c409270-f78a"] {
            assert_eq!(
                excluded(&run(class, rdn, &user())),
                "replication conflict",
                "{class}"
            );
        }
    }
}

#[test]
// LONG: a table.
fn groups_need_security_or_mail() {
    let group = |group_type: i64, more: &[(&'static str, &str)]| -> Attributes {
        let mut all: Attributes = [
            ("cn", text(&["Sales"])),
            ("sAMAccountName", text(&["Sales"])),
            ("groupType", vec![group_type.into()]),
        ]
        .into_iter()
        .collect();
        for (name, value) in more {
            all.set(*name, text(&[value]));
        }
        all
    };
    const GLOBAL: i64 = 2;
    const SECURITY: i64 = -2_147_483_648;
    let flag = |found: &Evaluation, name: &str| match found.attributes.first(name) {
        Some(Value::Boolean(truth)) => *truth,
        other => panic!("{name}: {other:?}"),
    };

    let security = run("group", "CN=Sales", &group(GLOBAL | SECURITY, &[]));
    assert_eq!(security.scope, Verdict::InScope);
    assert_eq!(security.problems, []);
    assert!(flag(&security, "securityEnabled") && !flag(&security, "mailEnabled"));
    assert_eq!(security.attributes.text("displayName"), Some("Sales"));
    assert_eq!(
        security.attributes.text("mailNickname"),
        Some("03020100-0504-0706-0809-0a0b0c0d0e0f")
    );
    assert_eq!(security.matching, []);
    let references: Vec<_> = security
        .references
        .iter()
        .map(|r| (&*r.source, &*r.target))
        .collect();
    assert!(references.contains(&("member", "members")));
    assert!(references.contains(&("managedBy", "managedBy")));

    let mail = run(
        "group",
        "CN=Sales",
        &group(GLOBAL, &[("mail", "sales@canal.example")]),
    );
    assert!(!flag(&mail, "securityEnabled") && flag(&mail, "mailEnabled"));
    assert_eq!(mail.attributes.text("mailNickname"), Some("sales"));
    assert_eq!(mail.matching.len(), 1);

    let secondary = group(GLOBAL, &[("proxyAddresses", "smtp:sales@canal.example")]);
    assert_eq!(run("group", "CN=Sales", &secondary).scope, Verdict::InScope);

    for lacking in [
        group(GLOBAL, &[]),
        group(GLOBAL, &[("proxyAddresses", "X500:/o=a@b")]),
        group(GLOBAL, &[("mail", "sales")]),
    ] {
        assert!(is_unfiltered(&run("group", "CN=Sales", &lacking)));
    }
    let written_back = group(GLOBAL | SECURITY, &[("adminDescription", "Group_1")]);
    assert_eq!(
        excluded(&run("group", "CN=a", &written_back)),
        "written back from the cloud"
    );
    let own = group(
        GLOBAL | SECURITY,
        &[("sAMAccountName", "MSOL_AD_Sync_RichCoexistence")],
    );
    assert_eq!(
        excluded(&run("group", "CN=a", &own)),
        "synchronisation group"
    );
}

#[test]
fn contacts_need_mail() {
    let contact: Attributes = [
        ("cn", text(&["Jo Smith"])),
        ("mail", text(&["jo@partner.example"])),
    ]
    .into_iter()
    .collect();
    let found = run("contact", "CN=Jo Smith", &contact);
    assert_eq!(found.scope, Verdict::InScope);
    assert_eq!(found.target_class.as_deref(), Some("Contact"));
    assert_eq!(found.attributes.text("mailNickname"), Some("JoSmith"));
    assert_eq!(found.attributes.text("mail"), Some("jo@partner.example"));
    assert_eq!(
        found.attributes.values("proxyAddresses"),
        Some(&text(&["SMTP:jo@partner.example"])[..])
    );
    assert!(is_unfiltered(&run(
        "contact",
        "CN=Jo Smith",
        &without(contact.clone(), "mail")
    )));
    let hidden = with(
        with(contact.clone(), "displayName", text(&["x (MSOL)"])),
        "msExchHideFromAddressLists",
        vec![true.into()],
    );
    assert_eq!(
        excluded(&run("contact", "CN=x", &hidden)),
        "hidden system contact"
    );
    let shown = with(contact, "displayName", text(&["x (MSOL)"]));
    assert_eq!(run("contact", "CN=x", &shown).scope, Verdict::InScope);
}

#[test]
fn other_classes_have_no_mapping() {
    let found = run("computer", "CN=pc", &user());
    assert_eq!(found.mapping, None);
    assert!(matches!(
        found.scope,
        Verdict::Out { reason: ScopeReason::NoMapping { ref class } } if class == "computer"
    ));
}

#[test]
fn a_mistake_in_one_attribute_leaves_the_others_alone() {
    let broken = with(user(), "objectSid", vec![Value::binary([1_u8, 2])]);
    let found = run("user", "CN=a", &broken);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(
        found.problems[0].argument("attribute"),
        Some("onPremisesSecurityIdentifier")
    );
    assert_eq!(
        found.attributes.values("onPremisesSecurityIdentifier"),
        None
    );
    assert_eq!(found.attributes.text("displayName"), Some("Anna de Vries"));
}

#[test]
fn values_that_are_not_text_do_not_stop_anything() {
    let bytes = || vec![Value::binary([0xff_u8, 0xfe])];
    let mut odd = user();
    for name in ["displayName", "proxyAddresses", "mail", "sn", "pwdLastSet"] {
        odd.set(name, bytes());
    }
    let found = run("user", "CN=a", &odd);
    assert_eq!(found.scope, Verdict::InScope);
    assert!(found.source_anchor.is_ok());
}

#[test]
fn the_read_spec_holds_what_mapping_and_scope_use() {
    let spec = checked::read_spec(rules());
    let has = |list: &[std::sync::Arc<str>], name: &str| list.iter().any(|n| &**n == name);
    assert_eq!(spec.classes.len(), 4);
    for name in [
        "sAMAccountName",
        "isCriticalSystemObject",
        "msExchRecipientTypeDetails",
        "proxyAddresses",
        "objectSid",
        "groupType",
        "cn",
    ] {
        assert!(has(&spec.attributes, name), "{name}");
    }
    for name in ["member", "manager", "managedBy", "assistant"] {
        assert!(
            has(&spec.links, name) && !has(&spec.attributes, name),
            "{name}"
        );
    }
    for name in ["distinguishedName", "objectGUID", "rdn", "objectClass"] {
        assert!(!has(&spec.attributes, name), "{name}");
    }
}

#[test]
fn the_preset_is_written_back_unchanged() {
    let before: serde_json::Value = serde_json::from_str(preset::AD_TO_DIRECTORY).unwrap();
    let schema: Schema = serde_json::from_value(before.clone()).unwrap();
    assert_eq!(serde_json::to_value(&schema).unwrap(), before);
}

#[test]
fn an_explanation_shows_inputs_steps_and_result() {
    let attributes = user();
    let anchor = anchor();
    let context = Context::default();
    let view = SourceView::new(&anchor, "user", &attributes);
    let trace = explain(rules(), &view, &context).trace.unwrap();
    let given = trace.iter().find(|t| &*t.target == "givenName").unwrap();
    assert_eq!(given.source, "Trim([givenName])");
    assert_eq!(given.inputs, [("givenName".into(), text(&["Anna "]))]);
    assert_eq!(given.steps[0].call, "Trim([givenName])");
    assert_eq!(given.steps[0].result, Ok(text(&["Anna"])));
    assert_eq!(identity::texts(&text(&["a"])), ["a".into()]);
}
