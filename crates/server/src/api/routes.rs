//! The routes of the administrator's API as a list, read from the text that makes the router.
//!
//! There is no second list that could fall behind. Trap: it reads `.route("…", get(…).post(…))` as this project's formatter writes it.

use std::sync::OnceLock;

/// A route and a method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Method.
    pub method: String,
    /// Path below the base.
    pub path: String,
}

const METHODS: [(&str, &str); 5] = [
    ("get(", "GET"),
    ("post(", "POST"),
    ("patch(", "PATCH"),
    ("put(", "PUT"),
    ("delete(", "DELETE"),
];

/// All routes.
pub fn all() -> &'static [Route] {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(|| read(include_str!("mod.rs")))
}

fn read(text: &str) -> Vec<Route> {
    let mut all = Vec::new();
    let pieces = text.split(".route(").skip(1);
    for piece in pieces {
        let piece = piece.split(".fallback(").next().unwrap_or_default();
        let mut quoted = piece.splitn(3, '"').skip(1);
        let (Some(path), Some(rest)) = (quoted.next(), quoted.next()) else {
            continue;
        };
        if !path.starts_with('/') {
            continue;
        }
        let compact: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
        for (call, method) in METHODS {
            let is_called = [",", "."]
                .iter()
                .any(|before| compact.contains(&format!("{before}{call}")));
            if is_called {
                all.push(Route {
                    method: method.to_owned(),
                    path: path.to_owned(),
                });
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_they_are_written() {
        let text = r#"
            .route("/a", get(a::list).post(a::create))
            .route(
                "/a/{name}",
                get(a::show).patch(a::change).delete(a::remove),
            )
            .fallback(unknown)"#;
        let told: Vec<String> = read(text)
            .iter()
            .map(|one| format!("{} {}", one.method, one.path))
            .collect();
        assert_eq!(
            told,
            [
                "DELETE /a/{name}",
                "GET /a",
                "GET /a/{name}",
                "PATCH /a/{name}",
                "POST /a"
            ]
        );
    }

    #[test]
    fn the_routers_own_text_is_understood() {
        let has = |method: &str, path: &str| {
            all()
                .iter()
                .any(|one| one.method == method && one.path == path)
        };
        assert!(has("GET", "/jobs") && has("POST", "/jobs") && has("DELETE", "/jobs/{name}"));
        assert!(
            has("POST", "/deletions/refuse")
                && has("GET", "/metrics")
                && has("DELETE", "/api-clients/{name}")
        );
        assert!(!has("POST", "/metrics"));
        let written = include_str!("mod.rs").matches(".route(").count();
        let paths: std::collections::BTreeSet<&str> =
            all().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths.len(), written);
    }
}
