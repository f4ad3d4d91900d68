//! Who a client is: simple binds by DN, principal name or `DOMAIN\account`, with AD's refusals.
//!
//! It never logs a password. The trap: the sub-codes that explain a refusal (disabled, expired, locked) are
//! given only to who knows the password, except for a locked account.

use crate::proto::{Code, Credentials, Outcome};
use crate::schema::attr;
use crate::server::conn::Session;
use crate::store::{ObjectId, State};

const DISABLED: i64 = 0x2;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
const NEVER_EXPIRES: i64 = 0x1_0000;

impl Session {
    pub(super) fn bind(&mut self, version: i64, name: &str, credentials: &Credentials) -> Outcome {
        // A bind, even a failed one, ends what the connection was before (RFC 4511 §4.2.1).
        self.who = None;
        if version != 3 {
            return Outcome::of(Code::ProtocolError, "only version 3 is spoken");
        }
        let Credentials::Simple(password) = credentials else {
            return Outcome::of(
                Code::AuthMethodNotSupported,
                "00002027: LdapErr: DSID-0C090609, comment: this server offers simple binds only, data 0, v4563",
            );
        };
        if password.is_empty() {
            return Outcome::success();
        }
        let state = self.forest.read();
        if !self.is_secure && !state.options.allows_plain_bind {
            return Outcome::of(
                Code::StrongAuthRequired,
                "00002028: LdapErr: DSID-0C09032F, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v4563",
            );
        }
        match check(&state, name, password) {
            Ok(who) => {
                drop(state);
                self.who = Some(who);
                Outcome::success()
            }
            Err(data) => Outcome::of(
                Code::InvalidCredentials,
                format!(
                    "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {data}, v4563"
                ),
            ),
        }
    }

    pub(super) fn who_am_i(&self) -> String {
        let state = self.forest.read();
        self.who
            .and_then(|who| state.object(who).text(attr::SAM).map(str::to_owned))
            .map(|name| format!("u:{}\\{name}", state.options.netbios))
            .unwrap_or_default()
    }
}

/// Finds the account and checks the password; the error is AD's sub-code.
fn check(state: &State, name: &str, password: &[u8]) -> Result<ObjectId, &'static str> {
    let who = account(state, name).ok_or("52e")?;
    let object = state.object(who);
    let number = |attribute| object.number(attribute).unwrap_or(0);
    if number(attr::LOCKOUT_TIME) > 0 {
        return Err("775");
    }
    if !state.has_password(who, password) {
        return Err("52e");
    }
    let control = number(attr::USER_ACCOUNT_CONTROL);
    if control & DISABLED != 0 {
        return Err("533");
    }
    let expires = number(attr::ACCOUNT_EXPIRES);
    if expires != 0 && expires != i64::MAX && expires < crate::store::filetime(state.now()) {
        return Err("701");
    }
    if control & PASSWORD_EXPIRED != 0 {
        return Err("532");
    }
    if control & NEVER_EXPIRES == 0 && number(attr::PWD_LAST_SET) == 0 {
        return Err("773");
    }
    Ok(who)
}

fn account(state: &State, name: &str) -> Option<ObjectId> {
    if let Some((domain, account)) = name.split_once('\\')
        && !name.contains('=')
    {
        let is_ours = domain.eq_ignore_ascii_case(&state.options.netbios)
            || domain.eq_ignore_ascii_case(&state.options.domain);
        return state.by_account(account).filter(|_| is_ours);
    }
    if name.contains('@') && !name.contains('=') {
        if let [only] = state.by_principal(name).as_slice() {
            return Some(*only);
        }
        let (account, domain) = name.rsplit_once('@')?;
        let is_ours = domain.eq_ignore_ascii_case(&state.options.domain);
        return state.by_account(account).filter(|_| is_ours);
    }
    state
        .find(name)
        .ok()
        .filter(|id| !state.object(*id).is_deleted)
}
