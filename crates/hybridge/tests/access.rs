//! API clients: admitted, given tokens, held to their permissions, taken off again.

use std::collections::BTreeMap;

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};

use crate::world::world;

/// A program that calls the API.
pub struct Program {
    pub http: reqwest::Client,
    pub url: String,
    pub tenant: String,
}

/// One that trusts the world's authority.
pub fn program() -> Program {
    let admin = admin();
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(admin["ca_pem"].as_str().unwrap().as_bytes())
    {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap();
    let tenant = world().json(&["directory", "show"])["id"]
        .as_str()
        .unwrap()
        .to_owned();
    Program {
        http,
        url: admin["url"].as_str().unwrap().to_owned(),
        tenant,
    }
}

pub fn admin() -> Value {
    let text = std::fs::read_to_string(world().path().join("server/admin.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Program {
    /// Asks for a token; status and body.
    pub async fn token(&self, tenant: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let body: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let response = self
            .http
            .post(format!("{}/{tenant}/oauth2/v2.0/token", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"))
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    /// The token of a client.
    pub async fn token_of(&self, issued: &Value) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", issued["client"]["id"].as_str().unwrap()),
            ("client_secret", issued["secret"].as_str().unwrap()),
            ("scope", "https%3A%2F%2Flocalhost%2F.default"),
        ];
        let (status, body) = self.token(&self.tenant, &form).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 1_800);
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends a request; status and body.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }
}

/// Admits a program with these permissions.
pub fn admitted(name: &str, permissions: &[&str]) -> Value {
    let mut arguments = vec!["api-client", "create", name];
    for permission in permissions {
        arguments.extend(["--permission", permission]);
    }
    world().json(&arguments)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_program_is_admitted_uses_its_token_and_is_taken_off() {
    let issued = admitted("portal", &["AuditLog.Read.All", "Synchronization.Read.All"]);
    let program = program();
    runtime().block_on(async {
        let token = program.token_of(&issued).await;
        let (status, log) = program
            .ask("GET", "/api/v1/log?limit=1", &token, None)
            .await;
        assert_eq!(status, 200, "{log}");
        let (status, refused) = program
            .ask("POST", "/api/v1/jobs/canal/pause", &token, None)
            .await;
        assert_eq!(
            (status, refused["error"]["code"].as_str()),
            (403, Some("NotAllowed")),
            "{refused}"
        );
        assert_eq!(
            refused["error"]["arguments"]["permission"],
            "Synchronization.ReadWrite.All"
        );

        let listed = world().json(&["api-client", "list"]);
        let own = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == "portal")
            .unwrap();
        assert!(
            own["lastUsedAt"].is_string() && own.get("secret").is_none(),
            "{own}"
        );
        let text = world().json(&["audit", "--limit", "500"]).to_string();
        assert!(
            text.contains("create API client")
                && !text.contains(issued["secret"].as_str().unwrap())
        );

        world().json(&["api-client", "delete", "portal"]);
        let (status, gone) = program.ask("GET", "/api/v1/log", &token, None).await;
        assert_eq!(
            (status, gone["error"]["code"].as_str()),
            (401, Some("NotAuthenticated"))
        );
    });
}

#[test]
fn a_secret_is_replaced_at_once_or_after_a_while() {
    let first = admitted("rotating", &["Synchronization.Read.All"]);
    let program = program();
    runtime().block_on(async {
        let token = program.token_of(&first).await;
        let second = world().json(&["api-client", "rotate", "rotating", "--overlap-hours", "1"]);
        assert_eq!(second["client"]["secrets"], 2);
        let _ = program.token_of(&first).await;
        assert_eq!(
            program.ask("GET", "/api/v1/jobs", &token, None).await.0,
            200
        );
        // Tokens tell time by the second.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let third = world().json(&["api-client", "rotate", "rotating"]);
        assert_eq!(
            program.ask("GET", "/api/v1/jobs", &token, None).await.0,
            401
        );
        for old in [&first, &second] {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", old["client"]["id"].as_str().unwrap()),
                ("client_secret", old["secret"].as_str().unwrap()),
            ];
            let (status, body) = program.token(&program.tenant, &form).await;
            assert_eq!(
                (status, body["error"].as_str()),
                (401, Some("invalid_client"))
            );
        }
        let token = program.token_of(&third).await;
        assert_eq!(
            program.ask("GET", "/api/v1/jobs", &token, None).await.0,
            200
        );
    });
}

#[test]
// LONG: one story, told in order.
fn the_token_endpoint_refuses_by_the_book_and_slows_down_who_guesses() {
    let issued = admitted("guessed", &["Synchronization.Read.All"]);
    let (id, secret) = (
        issued["client"]["id"].as_str().unwrap(),
        issued["secret"].as_str().unwrap(),
    );
    let program = program();
    runtime().block_on(async {
        let tenant = program.tenant.clone();
        let right = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        let with = |name: &str, value: &'static str| {
            right
                .iter()
                .map(|(key, old)| (*key, if *key == name { value } else { *old }))
                .collect::<Vec<_>>()
        };
        let cases = [
            ("other", right.to_vec(), 400, "invalid_request"),
            (
                tenant.as_str(),
                with("grant_type", "password"),
                400,
                "unsupported_grant_type",
            ),
            (
                tenant.as_str(),
                with("client_secret", ""),
                400,
                "invalid_request",
            ),
            (
                tenant.as_str(),
                with("client_secret", "wrong"),
                401,
                "invalid_client",
            ),
            (
                tenant.as_str(),
                with("client_id", "nobody"),
                401,
                "invalid_client",
            ),
            (
                tenant.as_str(),
                [&right[..], &[("scope", "User.Read")]].concat(),
                400,
                "invalid_scope",
            ),
        ];
        for (tenant, form, status, error) in cases {
            let (told, body) = program.token(tenant, &form).await;
            assert_eq!(
                (told, body["error"].as_str()),
                (status, Some(error)),
                "{body}"
            );
        }
        // By one of its domains a tenant is known, too.
        let domain = world().json(&["directory", "show"])["initialDomain"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(program.token(&domain, &right).await.0, 200);
        let mut last = 0;
        for _ in 0..12 {
            last = program
                .token(&tenant, &with("client_secret", "wrong"))
                .await
                .0;
        }
        assert_eq!(last, 429);
        assert_eq!(
            program.token(&tenant, &right).await.0,
            200,
            "guessing shuts out who knows"
        );
    });
}

#[test]
fn metadata_leads_clients_to_keys_and_tokens() {
    let program = program();
    runtime().block_on(async {
        let path = format!("/{}/v2.0/.well-known/openid-configuration", program.tenant);
        let (status, metadata) = program.ask("GET", &path, "", None).await;
        assert_eq!(status, 200);
        let endpoint = metadata["token_endpoint"].as_str().unwrap();
        assert_eq!(
            endpoint,
            format!("{}/{}/oauth2/v2.0/token", program.url, program.tenant)
        );
        let keys = metadata["jwks_uri"]
            .as_str()
            .unwrap()
            .strip_prefix(&program.url)
            .unwrap()
            .to_owned();
        let (_, keys) = program.ask("GET", &keys, "", None).await;
        assert_eq!(
            (
                keys["keys"][0]["kty"].as_str(),
                keys["keys"][0]["alg"].as_str()
            ),
            (Some("EC"), Some("ES256"))
        );
        assert!(keys["keys"][0].get("d").is_none());
        let (status, _) = program
            .ask(
                "GET",
                "/other/v2.0/.well-known/openid-configuration",
                "",
                None,
            )
            .await;
        assert_eq!(status, 400);
    });
}

/// Every endpoint with every permission: served or refused as the tables say, and without a token never served.
#[test]
// LONG: one story, told in order.
fn every_endpoint_is_open_to_those_who_may_and_closed_to_all_others() {
    use server::{
        access::{Permission, Permissions, of_route},
        api::routes,
        graph::table::ENDPOINTS,
    };
    let program = program();
    let issued: BTreeMap<&str, Value> = Permission::ALL
        .iter()
        .map(|one| {
            (
                one.name(),
                admitted(&format!("matrix {}", one.name()), &[one.name()]),
            )
        })
        .collect();
    runtime().block_on(async {
        let mut tokens = Vec::new();
        for permission in Permission::ALL {
            tokens.push((
                permission,
                program.token_of(&issued[permission.name()]).await,
            ));
        }
        let mut endpoints: Vec<(String, String, Permission, bool)> = Vec::new();
        for route in routes::all() {
            let method = route.method.parse().unwrap();
            // Names of things there are none of, so that nothing is changed by whoever may.
            let path = format!("/api/v1{}", filled(&route.path));
            endpoints.push((
                route.method.clone(),
                path,
                of_route(&method, &route.path),
                false,
            ));
        }
        for endpoint in ENDPOINTS {
            let path = format!("/beta{}", filled(endpoint.path));
            endpoints.push((
                endpoint.method.to_owned(),
                path,
                endpoint.needs,
                endpoint.is_for_owners(),
            ));
        }
        let mut asked = 0;
        for (method, path, needs, is_for_owners) in &endpoints {
            let (status, _) = program.ask(method, path, "nobody", Some(&json!("x"))).await;
            assert_eq!(status, 401, "{method} {path} without a token");
            for (permission, token) in &tokens {
                // A body nobody understands: who may come in is refused for that, if for anything.
                let (status, body) = program.ask(method, path, token, Some(&json!("x"))).await;
                let may = Permissions::default().with(*permission).allow(*needs);
                let is_batch = path.ends_with("$batch");
                let is_anothers = ["/servicePrincipals/nobody", "/applications/nobody"]
                    .iter()
                    .any(|part| path.contains(part));
                let owner_may =
                    *is_for_owners && *permission == Permission::ApplicationOwned && !is_anothers;
                match may || is_batch || owner_may {
                    true => assert!(
                        status != 403 && status != 401 && status < 500,
                        "{method} {path} as {permission:?}: {status} {body}"
                    ),
                    false => assert_eq!(status, 403, "{method} {path} as {permission:?}: {body}"),
                }
                asked += 1;
            }
        }
        assert!(asked > 700, "{asked}");
    });
    for name in issued.values() {
        world().json(&[
            "api-client",
            "delete",
            name["client"]["id"].as_str().unwrap(),
        ]);
    }
}

/// A path whose parameters name nothing that there is.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            "nobody"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn a_configuration_gives_nobody_more_than_he_may() {
    let operator = admitted("operator", &["Synchronization.ReadWrite.All"]);
    let reader = admitted("looks-on", &["Synchronization.Read.All"]);
    let auditor = admitted("audits", &["AuditLog.Read.All"]);
    let program = program();
    runtime().block_on(async {
        let mut tokens = Vec::new();
        for issued in [&operator, &reader, &auditor] {
            tokens.push(program.token_of(issued).await);
        }
        let [operator, reader, auditor] = tokens.as_slice() else {
            panic!("three tokens");
        };
        let base = "/api/v1/configuration";
        let ask = async |token: &str, method: &str, act: &str, body: Option<&Value>| {
            program
                .ask(method, &format!("{base}{act}"), token, body)
                .await
        };
        assert_eq!(ask(auditor, "GET", "", None).await.0, 403);
        // Who may neither see the directory nor the programs does not see them here.
        let (status, shown) = ask(operator, "GET", "", None).await;
        assert_eq!(status, 200, "{shown}");
        assert!(
            shown["jobs"]
                .as_array()
                .is_some_and(|jobs| !jobs.is_empty())
        );
        for part in ["domains", "apiClients"] {
            let all = shown[part].as_array().map_or(0, Vec::len);
            assert_eq!(all, 0, "{part}: {shown}");
        }
        let (_, plan) = ask(
            operator,
            "POST",
            "/plan",
            Some(&json!({ "configuration": shown })),
        )
        .await;
        let mark = plan["mark"].clone();
        let wants = |part: &str, value: Value| {
            let mut wanted = shown.clone();
            wanted[part] = value;
            json!({ "configuration": wanted, "mark": mark })
        };
        // Nor does he raise his own permissions by a file, or make a domain.
        let raised = wants(
            "apiClients",
            json!([{ "name": "operator", "permissions": ["Administrator"] }]),
        );
        let domain = wants(
            "domains",
            json!([{ "name": "raised.example", "isFederated": false }]),
        );
        for (wanted, lacks) in [
            (&raised, "Administrator"),
            (&domain, "Directory.ReadWrite.All"),
        ] {
            let (status, refused) = ask(operator, "POST", "/apply", Some(wanted)).await;
            assert_eq!(
                (status, &refused["error"]["code"]),
                (403, &json!("NotAllowed")),
                "{refused}"
            );
            assert_eq!(
                refused["error"]["arguments"]["permission"], lacks,
                "{refused}"
            );
        }
        assert_eq!(ask(operator, "POST", "/plan", Some(&raised)).await.0, 403);
        let listed = world().json(&["api-client", "list"]);
        let own = listed["items"].as_array().unwrap().iter();
        let own: Vec<&Value> = own.filter(|one| one["name"] == "operator").collect();
        assert_eq!(
            own[0]["permissions"],
            json!(["Synchronization.ReadWrite.All"])
        );
        // Who may only look compares, and puts nothing in force.
        let same = json!({ "configuration": shown, "mark": mark });
        assert_eq!(ask(reader, "POST", "/plan", Some(&same)).await.0, 200);
        let (status, refused) = ask(reader, "POST", "/apply", Some(&same)).await;
        assert_eq!(
            (status, &refused["error"]["arguments"]["permission"]),
            (403, &json!("Synchronization.ReadWrite.All"))
        );
        let (status, done) = ask(operator, "POST", "/apply", Some(&same)).await;
        assert_eq!((status, &done["isApplied"]), (200, &json!(false)), "{done}");
    });
    for name in ["operator", "looks-on", "audits"] {
        world().json(&["api-client", "delete", name]);
    }
}

#[test]
fn records_of_the_log_are_counted_by_the_address_that_counts() {
    let issued = admitted("counts", &["AuditLog.Read.All"]);
    let program = program();
    runtime().block_on(async {
        let token = program.token_of(&issued).await;
        let ask = async |query: &str| {
            let path = format!("/v1.0/auditLogs/provisioning{query}");
            program.ask("GET", &path, &token, None).await
        };
        let creates = "$filter=provisioningAction%20eq%20'create'";
        let counted = ask(&format!("/$count?{creates}")).await;
        assert_eq!(counted.0, 200, "{counted:?}");
        let (_, page) = ask(&format!("?$count=true&$top=1&{creates}")).await;
        assert!(counted.1.as_u64() > Some(10), "{counted:?}");
        assert_eq!(counted.1, page["@odata.count"]);
        let nothing = ask("/$count?$filter=activityDateTime%20gt%202999-01-01T00:00:00Z").await;
        assert_eq!(nothing, (200, json!(0)));
        let (status, told) = ask("/$count?$top=1").await;
        assert_eq!(status, 400);
        let message = told["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("$top"), "{message}");
    });
}

#[test]
fn protection_against_deletion_is_told_in_the_shape_of_graph() {
    let issued = admitted("protects", &["Synchronization.ReadWrite.All"]);
    let program = program();
    let settings = || world().json(&["job", "show"])["settings"].clone();
    let before = settings();
    runtime().block_on(async {
        let token = program.token_of(&issued).await;
        let ask = async |method: &str, path: &str, body: Option<&Value>| {
            program
                .ask(method, &format!("/v1.0{path}"), &token, body)
                .await
        };
        let path = format!("/directory/onPremisesSynchronization/{}", program.tenant);
        let prevention =
            |shown: &Value| shown["configuration"]["accidentalDeletionPrevention"].clone();
        let tell = |kind: &str, threshold: u64| {
            json!({ "configuration": { "accidentalDeletionPrevention": {
                "synchronizationPreventionType": kind, "alertThreshold": threshold } } })
        };
        let was = prevention(&ask("GET", &path, None).await.1);
        let change = tell("enabledForPercentage", 30);
        assert_eq!(ask("PATCH", &path, Some(&change)).await.0, 204);
        let (_, all) = ask("GET", "/directory/onPremisesSynchronization", None).await;
        assert_eq!(
            prevention(&all["value"][0]),
            json!({ "synchronizationPreventionType": "enabledForPercentage", "alertThreshold": 30 })
        );
        for wrong in [tell("enabledForPercentage", 101), tell("often", 3)] {
            let (status, body) = ask("PATCH", &path, Some(&wrong)).await;
            assert_eq!(status, 400, "{body}");
        }
        let unknown = json!({ "configuration": { "synchronizationInterval": "PT1H" } });
        let (status, body) = ask("PATCH", &path, Some(&unknown)).await;
        assert_eq!(status, 400);
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("synchronizationInterval"), "{body}");
        let elsewhere = "/directory/onPremisesSynchronization/nobody";
        assert_eq!(ask("GET", elsewhere, None).await.0, 404);
        let back = json!({ "configuration": { "accidentalDeletionPrevention": was } });
        assert_eq!(ask("PATCH", &path, Some(&back)).await.0, 204);

        // The job's own limit, as its secrets tell it.
        let (_, principals) = ask("GET", "/servicePrincipals", None).await;
        let secrets = format!(
            "/servicePrincipals/{}/synchronization/secrets",
            principals["value"][0]["id"].as_str().unwrap()
        );
        let put = async |value: Value| {
            let pair = json!({ "key": "SyncNotificationSettings", "value": value.to_string() });
            ask("PUT", &secrets, Some(&json!({ "value": [pair] })))
                .await
                .0
        };
        let off = json!({ "Enabled": false, "DeleteThresholdEnabled": false });
        assert_eq!(put(off).await, 204);
        let now = settings();
        assert_eq!(
            (&now["guardCount"], &now["guardPercent"]),
            (&json!(0), &json!(0))
        );
        let on = json!({ "DeleteThresholdEnabled": true, "DeleteThresholdValue": 123 });
        assert_eq!(put(on).await, 204);
        let now = settings();
        assert_eq!(
            (&now["guardCount"], &now["guardPercent"]),
            (&json!(123), &json!(20))
        );
        let nothing = json!({ "DeleteThresholdEnabled": true, "DeleteThresholdValue": 0 });
        assert_eq!(put(nothing).await, 400);
    });
    let count = before["guardCount"].to_string();
    let percent = before["guardPercent"].to_string();
    world().json(&[
        "job",
        "settings",
        "--guard-count",
        &count,
        "--guard-percent",
        &percent,
    ]);
}
