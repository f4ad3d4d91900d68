//! Access tokens: JSON Web Tokens, signed with the key of the data directory, short-lived.
//!
//! Never trusts a word of a token before its signature, nor any algorithm but ours. Trap: a token is a claim of who calls;
//! whether that program still exists, and what it may do, is asked of the engine.
//!
//! Source: RFC 7519 (JSON Web Token), RFC 9068 (their use as access tokens)

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::TokenKey;
use crate::pki::PkiError;

/// How long a token is valid.
pub(super) const LIFETIME_SECONDS: i64 = 1_800;
// LIMIT: bytes of a token that is looked at.
const LONGEST: usize = 8 * 1024;
/// How far clocks may differ; there is only ours, and it may be set back a little.
const LEEWAY_SECONDS: i64 = 60;

/// What a token says.
pub(super) struct Claims {
    /// Client id.
    pub client: String,
    /// When it was issued, unix ms.
    pub issued_at: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    iss: String,
    aud: String,
    sub: String,
    appid: String,
    tid: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    roles: Vec<String>,
    app_displayname: String,
    ver: String,
    idtyp: String,
}

/// Whom a token is for.
pub(super) struct Subject<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// Client id.
    pub client: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its permissions.
    pub permissions: &'a [String],
    /// A number nobody else has.
    pub id: String,
}

/// Makes a token.
///
/// # Errors
/// [`PkiError`] if it cannot be signed.
pub(super) fn issue(key: &TokenKey, subject: Subject<'_>, now_ms: i64) -> Result<String, PkiError> {
    let now = now_ms.div_euclid(1_000);
    let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": key.id() });
    let payload = Payload {
        iss: subject.issuer.to_owned(),
        aud: subject.issuer.to_owned(),
        sub: subject.client.to_owned(),
        appid: subject.client.to_owned(),
        tid: subject.tenant.to_owned(),
        iat: now,
        nbf: now,
        exp: now.saturating_add(LIFETIME_SECONDS),
        jti: subject.id,
        roles: subject.permissions.to_vec(),
        app_displayname: subject.name.to_owned(),
        ver: "2.0".into(),
        idtyp: "app".into(),
    };
    let payload = serde_json::to_vec(&payload).map_err(|_| PkiError::TokenKey)?;
    let mut token = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}

/// Reads a token that we issued and that is valid now.
///
/// # Errors
/// Why not, in words that tell an attacker nothing new.
pub(super) fn verify(
    key: &TokenKey,
    issuer: &str,
    token: &str,
    now_ms: i64,
) -> Result<Claims, &'static str> {
    const NOT_OURS: &str = "the token is not one of this server";
    if token.len() > LONGEST {
        return Err(NOT_OURS);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(NOT_OURS)?;
    let (header, payload) = message.split_once('.').ok_or(NOT_OURS)?;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NOT_OURS);
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| NOT_OURS)?;
    let is_ours = header.alg == "ES256" && header.kid == key.id();
    if !is_ours || !key.has_signed(message.as_bytes(), &decoded(signature)?) {
        return Err(NOT_OURS);
    }
    let payload: Payload = serde_json::from_slice(&decoded(payload)?).map_err(|_| NOT_OURS)?;
    if payload.iss != issuer || payload.aud != issuer {
        return Err(NOT_OURS);
    }
    let now = now_ms.div_euclid(1_000);
    if now >= payload.exp || payload.nbf > now.saturating_add(LEEWAY_SECONDS) {
        return Err("the token has expired; ask for a new one");
    }
    Ok(Claims {
        client: payload.appid,
        issued_at: payload.iat.saturating_mul(1_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Vault;

    fn vault(directory: &tempfile::TempDir) -> Vault {
        Vault::open(directory.path(), None).unwrap()
    }

    const NOW: i64 = 1_767_225_600_000;

    fn issued(key: &TokenKey, issuer: &str) -> String {
        let subject = Subject {
            issuer,
            tenant: "t",
            client: "c",
            name: "portal",
            permissions: &["AuditLog.Read.All".into()],
            id: "1".into(),
        };
        issue(key, subject, NOW).unwrap()
    }

    #[test]
    fn a_token_is_valid_for_half_an_hour_and_only_for_whom_it_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let key = TokenKey::open(&vault(&directory)).unwrap();
        let token = issued(&key, "https://a");
        let at = |now| verify(&key, "https://a", &token, now).is_ok();
        assert_eq!(
            verify(&key, "https://a", &token, NOW).ok().unwrap().client,
            "c"
        );
        assert!(at(NOW + LIFETIME_SECONDS * 1_000 - 1));
        assert!(!at(NOW + LIFETIME_SECONDS * 1_000));
        assert!(at(NOW - LEEWAY_SECONDS * 1_000) && !at(NOW - LEEWAY_SECONDS * 1_000 - 1_000));
        assert!(verify(&key, "https://b", &token, NOW).is_err());
        let other = TokenKey::open(&vault(&tempfile::tempdir().unwrap())).unwrap();
        assert!(verify(&other, "https://a", &token, NOW).is_err());
    }

    #[test]
    fn a_token_that_was_touched_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let key = TokenKey::open(&vault(&directory)).unwrap();
        let token = issued(&key, "https://a");
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"none\",\"kid\":\"{}\"}}", key.id()));
        let admin = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let admin = URL_SAFE_NO_PAD.encode(admin.replace("\"appid\":\"c\"", "\"appid\":\"d\""));
        for wrong in [
            String::new(),
            "..".into(),
            "a.b.c".into(),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{none}.{}.", parts[1]),
            format!("{}.{admin}.{}", parts[0], parts[2]),
            format!("{token}A"),
            "x".repeat(LONGEST + 1),
        ] {
            assert!(verify(&key, "https://a", &wrong, NOW).is_err(), "{wrong}");
        }
    }
}
