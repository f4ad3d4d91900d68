//! The root DSE (MS-ADTS 3.1.1.3.2): what the server is and can, readable by anybody.

use crate::proto::{Answer, Partial, Search, oid};
use crate::schema;
use crate::store::{State, generalized};

pub(super) fn write(state: &State, id: i32, search: &Search, answer: &mut Answer) {
    let is_all = search.attributes.is_empty()
        || search
            .attributes
            .iter()
            .any(|name| name == "*" || name == "+");
    let attributes: Vec<Partial> = all(state)
        .into_iter()
        .filter(|(name, _)| {
            is_all
                || search
                    .attributes
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
        })
        .map(|(name, values)| Partial {
            name: name.to_owned(),
            values: if search.types_only {
                Vec::new()
            } else {
                values.into_iter().map(String::into_bytes).collect()
            },
        })
        .collect();
    answer.entry(id, "", &attributes);
}

// LONG: a table.
fn all(state: &State) -> Vec<(&'static str, Vec<String>)> {
    let options = &state.options;
    let domain = options.domain_dn();
    let root = options.root_dn();
    let configuration = format!("CN=Configuration,{root}");
    let schema_dn = format!("CN=Schema,{configuration}");
    let dsa = state.dsa.map(|id| state.dn(id)).unwrap_or_default();
    let server = dsa
        .split_once(',')
        .map(|(_, rest)| rest.to_owned())
        .unwrap_or_default();
    let one = |value: &str| vec![value.to_owned()];
    let many = |values: &[&str]| {
        values
            .iter()
            .map(|value| (*value).to_owned())
            .collect::<Vec<_>>()
    };
    vec![
        ("currentTime", vec![generalized(state.now())]),
        (
            "subschemaSubentry",
            vec![format!("CN=Aggregate,{schema_dn}")],
        ),
        ("dsServiceName", one(&dsa)),
        ("serverName", vec![server]),
        (
            "namingContexts",
            vec![domain.clone(), configuration.clone(), schema_dn.clone()],
        ),
        ("defaultNamingContext", one(&domain)),
        ("schemaNamingContext", vec![schema_dn]),
        ("configurationNamingContext", vec![configuration]),
        ("rootDomainNamingContext", vec![root]),
        ("supportedControl", many(oid::SUPPORTED)),
        ("supportedLDAPVersion", many(&["3", "2"])),
        ("supportedExtension", many(&[oid::START_TLS, oid::WHO_AM_I])),
        (
            "supportedCapabilities",
            many(&[
                "1.2.840.113556.1.4.800",
                "1.2.840.113556.1.4.1670",
                "1.2.840.113556.1.4.1791",
                "1.2.840.113556.1.4.1935",
                "1.2.840.113556.1.4.2080",
            ]),
        ),
        (
            "supportedLDAPPolicies",
            many(&["MaxPageSize", "MaxValRange", "MaxQueryDuration"]),
        ),
        ("highestCommittedUSN", vec![state.usn.to_string()]),
        ("dnsHostName", vec![options.host_name()]),
        (
            "ldapServiceName",
            vec![format!(
                "{}:{}$@{}",
                options.domain,
                options.host,
                options.domain.to_uppercase()
            )],
        ),
        ("isSynchronized", one("TRUE")),
        ("isGlobalCatalogReady", one("FALSE")),
        ("domainFunctionality", one("7")),
        ("forestFunctionality", one("7")),
        ("domainControllerFunctionality", one("7")),
        (
            "vendorName",
            vec![format!(
                "forest ({} attributes)",
                schema::attributes().count()
            )],
        ),
    ]
}
