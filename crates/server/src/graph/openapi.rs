//! The OpenAPI document of everything that is served to administrators and their programs.
//!
//! Made from the tables the router itself is made of. Trap: it says which requests there are and what they need, not every member of
//! every answer; those are Microsoft Graph's, or in the guide.

use axum::{Json, extract::State};
use serde_json::{Map, Value, json};

use super::table::ENDPOINTS;
use crate::{
    access::{self, Permission},
    api::routes,
    app::App,
};

/// `GET /openapi.json`.
pub async fn document(State(app): State<App>) -> Json<Value> {
    Json(of(&app.url(), &app.tenant_id()))
}

/// The document for a server at this address.
pub fn of(url: &str, tenant: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in ENDPOINTS {
        let versions: &[&str] = if endpoint.beta {
            &["beta"]
        } else {
            &["v1.0", "beta"]
        };
        for version in versions {
            let path = format!("/{version}{}", endpoint.path);
            let operation = operation(Operation {
                id: format!("{version}_{:?}_{}", endpoint.act, path.len()),
                path: &path,
                summary: endpoint.summary,
                needs: endpoint.needs,
                options: endpoint.options,
                body: endpoint.body,
            });
            insert(&mut paths, &path, endpoint.method, operation);
        }
    }
    for route in routes::all() {
        let path = format!("{}{}", wire::api::v1::BASE, route.path);
        let summary = format!("{} {}", route.method, route.path);
        let method: axum::http::Method = route.method.parse().unwrap_or_default();
        let operation = operation(Operation {
            id: format!(
                "v1_{}{}",
                route.method.to_lowercase(),
                route.path.replace(['/', '{', '}', '-'], "_")
            ),
            path: &path,
            summary: &summary,
            needs: access::of_route(&method, &route.path),
            options: &[],
            body: matches!(route.method.as_str(), "POST" | "PATCH" | "PUT"),
        });
        insert(&mut paths, &path, &route.method, operation);
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Hybridge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The administrator's API (/api/v1) and the API in the shape of Microsoft Graph's synchronization (/v1.0, /beta).",
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": url }],
        "security": [{ "bearer": [] }, { "clientCredentials": [] }],
        "paths": paths,
        "components": { "securitySchemes": {
            "bearer": { "type": "http", "scheme": "bearer" },
            "clientCredentials": { "type": "oauth2", "flows": { "clientCredentials": {
                "tokenUrl": format!("{url}/{tenant}/oauth2/v2.0/token"),
                "scopes": Permission::ALL.iter().map(|one| (one.name().to_owned(), Value::from(""))).collect::<Map<_, _>>(),
            } } },
        } },
    })
}

struct Operation<'a> {
    id: String,
    path: &'a str,
    summary: &'a str,
    needs: Permission,
    options: &'a [&'a str],
    body: bool,
}

fn operation(of: Operation<'_>) -> Value {
    let in_path = of
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }));
    let in_query = of.options.iter().map(|name| {
        let schema = match *name {
            "$top" => json!({ "type": "integer", "minimum": 1, "maximum": 1000 }),
            "$skip" => json!({ "type": "integer", "minimum": 0 }),
            "$count" => json!({ "type": "boolean" }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "query", "required": false, "schema": schema })
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let mut operation = json!({
        "operationId": of.id,
        "summary": of.summary,
        "description": format!("Needs {}.", of.needs.name()),
        "parameters": parameters,
        "responses": {
            "2XX": { "description": "Done" },
            "4XX": { "description": "Something has to be changed by the caller" },
            "502": { "description": "The source or target could not be reached or refused" },
            "504": { "description": "The source or target did not answer in time" },
        },
    });
    if let (true, Value::Object(members)) = (of.body, &mut operation) {
        let content = json!({ "application/json": { "schema": { "type": "object" } } });
        members.insert(
            "requestBody".into(),
            json!({ "required": false, "content": content }),
        );
    }
    operation
}

fn insert(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    let entry = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
    if let Value::Object(methods) = entry {
        methods.insert(method.to_lowercase(), operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_an_id_of_its_own_and_all_parameters_of_its_path() {
        let document = of("https://x", "t");
        let mut ids = std::collections::BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} twice");
                let named = operation["parameters"].as_array().unwrap();
                let in_path = named.iter().filter(|one| one["in"] == "path").count();
                assert_eq!(in_path, path.matches('{').count(), "{path}");
            }
        }
        assert!(ids.len() > 100, "{}", ids.len());
    }
}
