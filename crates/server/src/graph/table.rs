//! Every act of the Graph-shaped API: method, path, permission, query options. The router, the OpenAPI document and the tests of
//! authorisation read this one table.
//!
//! Trap: paths are matched in the form without parentheses; `path` takes those off.

use crate::access::Permission;

/// What an endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Organizations,
    Organization,
    ChangeOrganization,
    Synchronizations,
    Synchronization,
    ChangeSynchronization,
    ApplicationTemplates,
    ApplicationTemplate,
    Instantiate,
    Applications,
    Application,
    ServicePrincipals,
    ServicePrincipal,
    Templates,
    Template,
    TemplateSchema,
    Jobs,
    Job,
    CreateJob,
    DeleteJob,
    StartJob,
    PauseJob,
    RestartJob,
    ValidateNew,
    ValidateJob,
    OnDemand,
    Schema,
    ReplaceSchema,
    ResetSchema,
    Directories,
    Discover,
    FilterOperators,
    Functions,
    ParseExpression,
    ObjectConnection,
    DeleteObjectConnection,
    Secrets,
    ReplaceSecrets,
    Log,
    LogCount,
    LogRecord,
    Batch,
}

/// An endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Method.
    pub method: &'static str,
    /// Path below the version; parameters in braces.
    pub path: &'static str,
    /// What it needs.
    pub needs: Permission,
    /// What it does.
    pub act: Act,
    /// The query options it takes.
    pub options: &'static [&'static str],
    /// Whether it has a body.
    pub body: bool,
    /// Whether it exists under `/beta` only.
    pub beta: bool,
    /// In one line.
    pub summary: &'static str,
}

impl Endpoint {
    /// Whether who made an application may do this with it.
    pub fn is_for_owners(&self) -> bool {
        self.path.starts_with("/servicePrincipals")
            || self.path.starts_with("/applications")
            || self.path.starts_with("/applicationTemplates")
    }
}

const NONE: &[&str] = &[];
const ITEM: &[&str] = &["$select"];
const LIST: &[&str] = &[
    "$filter",
    "$orderby",
    "$top",
    "$skip",
    "$skiptoken",
    "$select",
    "$count",
];
const JOB: &[&str] = &["$select", "$expand"];
const LOG: &[&str] = &[
    "$filter",
    "$orderby",
    "$top",
    "$skiptoken",
    "$select",
    "$count",
];

const COUNT: &[&str] = &["$filter"];

const READ: Permission = Permission::SynchronizationRead;
const WRITE: Permission = Permission::SynchronizationReadWrite;

const fn get(
    path: &'static str,
    act: Act,
    options: &'static [&'static str],
    summary: &'static str,
) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        needs: READ,
        act,
        options,
        body: false,
        beta: false,
        summary,
    }
}

const fn write(
    method: &'static str,
    path: &'static str,
    act: Act,
    body: bool,
    summary: &'static str,
) -> Endpoint {
    Endpoint {
        method,
        path,
        needs: WRITE,
        act,
        options: NONE,
        body,
        beta: false,
        summary,
    }
}

const fn look(path: &'static str, act: Act, summary: &'static str) -> Endpoint {
    Endpoint {
        method: "POST",
        path,
        needs: READ,
        act,
        options: NONE,
        body: true,
        beta: false,
        summary,
    }
}

const fn log(
    path: &'static str,
    act: Act,
    options: &'static [&'static str],
    summary: &'static str,
) -> Endpoint {
    Endpoint {
        needs: Permission::AuditLogRead,
        ..get(path, act, options, summary)
    }
}

const fn beta(endpoint: Endpoint) -> Endpoint {
    Endpoint {
        beta: true,
        ..endpoint
    }
}

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = &[
    get("/organization", Act::Organizations, LIST, "The tenant"),
    get(
        "/organization/{organization}",
        Act::Organization,
        ITEM,
        "The tenant",
    ),
    write(
        "PATCH",
        "/organization/{organization}",
        Act::ChangeOrganization,
        true,
        "Say that the tenant is synchronised",
    ),
    get(
        "/directory/onPremisesSynchronization",
        Act::Synchronizations,
        LIST,
        "How the tenant is protected against accidental deletion",
    ),
    get(
        "/directory/onPremisesSynchronization/{synchronization}",
        Act::Synchronization,
        ITEM,
        "The same",
    ),
    write(
        "PATCH",
        "/directory/onPremisesSynchronization/{synchronization}",
        Act::ChangeSynchronization,
        true,
        "Change how the tenant is protected",
    ),
    get(
        "/applicationTemplates",
        Act::ApplicationTemplates,
        LIST,
        "What applications can be made from",
    ),
    get(
        "/applicationTemplates/{template}",
        Act::ApplicationTemplate,
        ITEM,
        "One of them",
    ),
    write(
        "POST",
        "/applicationTemplates/{template}/instantiate",
        Act::Instantiate,
        true,
        "Make application and service principal of a domain",
    ),
    get(
        "/applications",
        Act::Applications,
        LIST,
        "Applications, one of each source",
    ),
    get(
        "/applications/{application}",
        Act::Application,
        ITEM,
        "One of them",
    ),
    get(
        "/servicePrincipals",
        Act::ServicePrincipals,
        LIST,
        "Service principals, one of each source",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}",
        Act::ServicePrincipal,
        ITEM,
        "One of them",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/templates",
        Act::Templates,
        LIST,
        "What jobs can be made from",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/templates/{template}",
        Act::Template,
        ITEM,
        "One of them",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/templates/{template}/schema",
        Act::TemplateSchema,
        ITEM,
        "The rules it begins with",
    ),
    look(
        "/servicePrincipals/{servicePrincipal}/synchronization/templates/{template}/schema/parseExpression",
        Act::ParseExpression,
        "Parse and try an expression",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs",
        Act::Jobs,
        LIST,
        "Jobs of a source",
    ),
    write(
        "POST",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs",
        Act::CreateJob,
        true,
        "Make a job from a template",
    ),
    look(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/validateCredentials",
        Act::ValidateNew,
        "Whether the source can be reached with its agent's credential",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}",
        Act::Job,
        JOB,
        "One job with its status",
    ),
    write(
        "DELETE",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}",
        Act::DeleteJob,
        false,
        "Stop a job and forget its state",
    ),
    write(
        "POST",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/start",
        Act::StartJob,
        false,
        "Start a job, or go on with it",
    ),
    write(
        "POST",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/pause",
        Act::PauseJob,
        false,
        "Pause a job; its state is kept",
    ),
    write(
        "POST",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/restart",
        Act::RestartJob,
        true,
        "Begin anew, forgetting what the criteria say",
    ),
    look(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/validateCredentials",
        Act::ValidateJob,
        "Whether the source can be reached with its agent's credential",
    ),
    write(
        "POST",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/provisionOnDemand",
        Act::OnDemand,
        true,
        "Synchronise one object now",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema",
        Act::Schema,
        ITEM,
        "The rules of a job",
    ),
    write(
        "PUT",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema",
        Act::ReplaceSchema,
        true,
        "Replace the rules of a job",
    ),
    write(
        "DELETE",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema",
        Act::ResetSchema,
        false,
        "Back to the rules of the template",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema/directories",
        Act::Directories,
        LIST,
        "Both systems with their objects and attributes",
    ),
    look(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema/directories/{directory}/discover",
        Act::Discover,
        "Ask a system for its objects and attributes",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema/filterOperators",
        Act::FilterOperators,
        LIST,
        "Operators of scopes",
    ),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema/functions",
        Act::Functions,
        LIST,
        "Functions of expressions",
    ),
    look(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/schema/parseExpression",
        Act::ParseExpression,
        "Parse and try an expression",
    ),
    beta(get(
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/objectConnections/{object}",
        Act::ObjectConnection,
        ITEM,
        "Which target object belongs to a source object",
    )),
    beta(write(
        "DELETE",
        "/servicePrincipals/{servicePrincipal}/synchronization/jobs/{job}/objectConnections/{object}",
        Act::DeleteObjectConnection,
        false,
        "Forget which target object belongs to a source object",
    )),
    get(
        "/servicePrincipals/{servicePrincipal}/synchronization/secrets",
        Act::Secrets,
        NONE,
        "Settings of a source; values of secrets are not shown",
    ),
    write(
        "PUT",
        "/servicePrincipals/{servicePrincipal}/synchronization/secrets",
        Act::ReplaceSecrets,
        true,
        "Replace all settings of a source",
    ),
    log(
        "/auditLogs/provisioning",
        Act::Log,
        LOG,
        "The provisioning log",
    ),
    log(
        "/auditLogs/provisioning/$count",
        Act::LogCount,
        COUNT,
        "How many records there are, as text",
    ),
    log(
        "/auditLogs/provisioning/{record}",
        Act::LogRecord,
        ITEM,
        "One record of it",
    ),
    beta(log(
        "/auditLogs/directoryProvisioning",
        Act::Log,
        LOG,
        "The provisioning log",
    )),
    beta(log(
        "/auditLogs/directoryProvisioning/$count",
        Act::LogCount,
        COUNT,
        "How many records there are, as text",
    )),
    // Each request within a batch is held against its own permission.
    Endpoint {
        needs: READ,
        ..look("/$batch", Act::Batch, "Several requests at once")
    },
];

/// Segments of a path as it was requested: decoded, keys in parentheses taken apart, empty parentheses and the namespace of
/// actions taken off. `None` if it cannot be decoded.
pub fn segments(path: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = decoded(part)?;
        let (name, key) = match part.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((name, key)) if !name.is_empty() => (name.to_owned(), key.to_owned()),
            _ => (part, String::new()),
        };
        let name = name.strip_prefix("microsoft.graph.").unwrap_or(&name);
        all.push(name.to_owned());
        let key = key
            .rsplit_once('=')
            .map_or(key.as_str(), |(_, value)| value);
        let key = key.trim_matches('\'');
        if !key.is_empty() {
            all.push(key.replace("''", "'"));
        }
    }
    Some(all)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// What a path and method mean.
pub enum Found {
    /// This, with these parameters.
    Endpoint(&'static Endpoint, Vec<String>),
    /// The path is there, the method is not.
    OtherMethod,
    /// Nothing.
    Nothing,
}

/// Looks an endpoint up. Fixed paths win over parameters.
pub fn find(method: &str, segments: &[String], is_beta: bool) -> Found {
    let mut other = false;
    let mut best: Option<(&'static Endpoint, Vec<String>)> = None;
    for endpoint in ENDPOINTS.iter().filter(|one| is_beta || !one.beta) {
        let Some(parameters) = matched(endpoint.path, segments) else {
            continue;
        };
        if endpoint.method != method {
            other = true;
            continue;
        }
        if best
            .as_ref()
            .is_none_or(|(_, have)| parameters.len() < have.len())
        {
            best = Some((endpoint, parameters));
        }
    }
    match best {
        Some((endpoint, parameters)) => Found::Endpoint(endpoint, parameters),
        None if other => Found::OtherMethod,
        None => Found::Nothing,
    }
}

fn matched(path: &str, segments: &[String]) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    let mut rest = segments.iter();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let segment = rest.next()?;
        match part.starts_with('{') {
            true => parameters.push(segment.clone()),
            false if part.eq_ignore_ascii_case(segment) => {}
            false => return None,
        }
    }
    rest.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(method: &str, path: &str, is_beta: bool) -> Option<(Act, Vec<String>)> {
        match find(method, &segments(path)?, is_beta) {
            Found::Endpoint(endpoint, parameters) => Some((endpoint.act, parameters)),
            _ => None,
        }
    }

    #[test]
    fn paths_are_understood_in_all_their_forms() {
        let job = "/servicePrincipals/s/synchronization/jobs/j.t.g";
        assert_eq!(
            act("GET", job, false),
            Some((Act::Job, vec!["s".into(), "j.t.g".into()]))
        );
        for path in [
            "schema/filterOperators",
            "schema/filterOperators()",
            "schema/microsoft.graph.filterOperators()",
        ] {
            assert_eq!(
                act("GET", &format!("{job}/{path}"), false).unwrap().0,
                Act::FilterOperators
            );
        }
        let link = format!("{job}/objectConnections('a%27%27b')");
        assert_eq!(
            act("GET", &link, true).unwrap(),
            (
                Act::ObjectConnection,
                vec!["s".into(), "j.t.g".into(), "a'b".into()]
            )
        );
        assert_eq!(act("GET", &link, false), None);
        let by_key = "/servicePrincipals(appId='x')/synchronization/jobs";
        assert_eq!(
            act("GET", by_key, false),
            Some((Act::Jobs, vec!["x".into()]))
        );
        let validate = "/servicePrincipals/s/synchronization/jobs/validateCredentials";
        assert_eq!(act("POST", validate, false).unwrap().0, Act::ValidateNew);
        assert_eq!(act("POST", "/%24batch", false).unwrap().0, Act::Batch);
        assert_eq!(segments("/a%2"), None);
        assert_eq!(segments("/a%ff"), None);
    }

    #[test]
    fn no_two_endpoints_are_the_same_and_parameters_have_names_once() {
        for (at, one) in ENDPOINTS.iter().enumerate() {
            let same = |other: &Endpoint| one.method == other.method && one.path == other.path;
            assert!(
                !ENDPOINTS[..at].iter().any(same),
                "{} {}",
                one.method,
                one.path
            );
        }
    }
}
