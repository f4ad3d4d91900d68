//! Who may call the API, and what for: permissions, callers, the keys that tokens are signed with, and the token endpoint.
//!
//! Never holds a password of a person: callers are programs with a secret of their own, and the administrator of the data
//! directory. Trap: what a caller may do is looked up with every request; what its token says of that is for people to read.

mod api;
mod endpoint;
mod key;
mod limit;
mod permission;
mod token;

pub(crate) use api::permissions;
pub use api::{create, delete, list, rotate};
pub use endpoint::router;
pub use key::TokenKey;
pub use limit::Throttle;
pub use permission::{Permission, Permissions, of_route};

use std::sync::Arc;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use sync_core::{code::Code, operation::Refusal};

use crate::{agents::blocking, app::App};

/// The name of the administrator in the audit trail.
pub const ADMINISTRATOR: &str = "administrator";

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Name, for the audit trail.
    pub name: Arc<str>,
    /// Client id; `None`: the administrator of the data directory.
    pub client: Option<Arc<str>>,
    /// What it may do.
    pub permissions: Permissions,
}

impl Caller {
    /// Whoever holds the token of the data directory.
    pub fn administrator() -> Self {
        Self {
            name: ADMINISTRATOR.into(),
            client: None,
            permissions: Permissions::all(),
        }
    }

    /// Refuses a caller that may not do this.
    ///
    /// # Errors
    /// `NotAllowed`, naming what it lacks.
    pub fn demand(&self, needed: Permission) -> Result<(), Refusal> {
        match self.permissions.allow(needed) {
            true => Ok(()),
            false => Err(Refusal::new(Code::NotAllowed)
                .with("client", &*self.name)
                .with("permission", needed.name())),
        }
    }
}

/// The caller of a request, by its bearer token.
///
/// # Errors
/// `NotAuthenticated`, and those of the store.
pub async fn caller_of(app: &App, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let offered = bearer(headers).ok_or_else(|| Refusal::new(Code::NotAuthenticated))?;
    if app.admin_key().is(offered) {
        return Ok(Caller::administrator());
    }
    let now = app.engine().now();
    let claims = token::verify(app.token_key(), &app.issuer(), offered, now)
        .map_err(|why| Refusal::new(Code::NotAuthenticated).with("text", why))?;
    let id = claims.client.clone();
    let row = match blocking(app.engine(), move |engine| engine.api_client(&id)).await {
        Ok(row) => row,
        Err(why) if why.code == Code::NotFound => {
            return Err(Refusal::new(Code::NotAuthenticated)
                .with("text", "the API client of this token is not known any more"));
        }
        Err(why) => return Err(why),
    };
    // A second is how finely tokens tell time.
    if claims.issued_at.saturating_add(1_000) <= row.valid_from {
        return Err(Refusal::new(Code::NotAuthenticated).with(
            "text",
            "the token was issued for a secret that was replaced",
        ));
    }
    Ok(Caller {
        name: row.name.as_str().into(),
        client: Some(row.guid.as_str().into()),
        permissions: Permissions::named(&row.permissions),
    })
}

/// The token of an `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

tokio::task_local! {
    static ACTOR: Arc<str>;
}

/// Runs what a caller asked for, so that whatever it stores can say who it was.
pub async fn acting<T>(name: Arc<str>, work: impl Future<Output = T>) -> T {
    ACTOR.scope(name, work).await
}

/// The same for work on another thread.
pub(crate) fn acting_here<T>(name: Option<Arc<str>>, work: impl FnOnce() -> T) -> T {
    match name {
        Some(name) => ACTOR.sync_scope(name, work),
        None => work(),
    }
}

/// Who is being worked for, if it is known.
pub(crate) fn present_actor() -> Option<Arc<str>> {
    ACTOR.try_with(Arc::clone).ok()
}

/// Who is being worked for: the caller of the request, or the server itself.
pub fn actor() -> Arc<str> {
    present_actor().unwrap_or_else(|| "server".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_header_carries_a_token() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of("Bearer s3cret").as_deref(), Some("s3cret"));
        assert_eq!(of("bearer s3cret ").as_deref(), Some("s3cret"));
        for wrong in ["", "s3cret", "Basic s3cret", "Bearer"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn the_caller_is_known_to_whatever_is_done_for_it() {
        assert_eq!(&*actor(), "server");
        acting("portal".into(), async {
            assert_eq!(&*actor(), "portal");
            let name = present_actor();
            let there = std::thread::spawn(move || acting_here(name, actor));
            assert_eq!(&*there.join().unwrap(), "portal");
        })
        .await;
    }
}
