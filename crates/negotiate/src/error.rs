//! Why a security context was not established, or what it opened cannot be believed.
//!
//! Holds no secret and no token. Trap: with NTLM a wrong password is told by the carrier (the bind is refused), with Kerberos
//! by the KDC, so only Kerberos has reasons here.

/// What the KDC, or the service, objects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// KDC_ERR_PREAUTH_FAILED.
    #[error("wrong password or key")]
    WrongPassword,
    /// KDC_ERR_C_PRINCIPAL_UNKNOWN.
    #[error("no such account in this realm")]
    UnknownAccount,
    /// KDC_ERR_CLIENT_REVOKED.
    #[error("the account is locked out, disabled or expired")]
    AccountRevoked,
    /// KDC_ERR_KEY_EXPIRED.
    #[error("the password has expired or must be changed first")]
    PasswordExpired,
    /// KDC_ERR_POLICY, KDC_ERR_NAME_EXP and the like.
    #[error("the account may not sign in so")]
    NotAllowed,
    /// KDC_ERR_S_PRINCIPAL_UNKNOWN.
    #[error("the realm knows no service of this name")]
    UnknownService,
    /// KRB_AP_ERR_SKEW.
    #[error("the clocks differ by more than the realm tolerates")]
    ClockSkew,
    /// KDC_ERR_WRONG_REALM.
    #[error("the account belongs to another realm")]
    WrongRealm,
    /// KDC_ERR_ETYPE_NOSUPP.
    #[error("the account has no AES key")]
    NoCommonEncryption,
    /// Anything else.
    #[error("the request is refused")]
    Other,
}

impl Reason {
    /// The meaning of a KDC's error code.
    ///
    /// # Source
    /// RFC 4120 §7.5.9 Error Codes
    pub fn of(code: u32) -> Self {
        match code {
            1 | 12 | 13 => Self::NotAllowed,
            6 => Self::UnknownAccount,
            7 => Self::UnknownService,
            14 => Self::NoCommonEncryption,
            18 => Self::AccountRevoked,
            23 => Self::PasswordExpired,
            24 | 31 => Self::WrongPassword,
            37 => Self::ClockSkew,
            68 => Self::WrongRealm,
            _ => Self::Other,
        }
    }
}

/// A failed act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account's name has a form that cannot be used.
    #[error("account name {0:?} cannot be used; write name@domain or DOMAIN\\name")]
    BadAccount(String),
    /// NTLM has no keys of a keytab.
    #[error("NTLM needs the password; a keytab serves Kerberos only")]
    KeytabWithNtlm,
    /// No KDC of the list answers.
    #[error("no KDC of {realm} answers ({text})")]
    KdcUnreachable {
        /// Realm.
        realm: String,
        /// What happened with each.
        text: String,
    },
    /// The KDC, or the service, says no.
    #[error("Kerberos refuses {account} for {service}: {reason} ({text})")]
    Refused {
        /// Account.
        account: String,
        /// Service principal name.
        service: String,
        /// Why.
        reason: Reason,
        /// The words of the library.
        text: String,
    },
    /// A token of the other side cannot be used.
    #[error("the server's token cannot be used: {0}")]
    BadToken(String),
    /// The context is used before it is established, or after it failed.
    #[error("the security context is not established")]
    NotEstablished,
    /// What came sealed was altered, repeated, put in another order, or not sealed at all.
    #[error("sealed data cannot be believed: {0}")]
    Broken(&'static str),
    /// Something could not be sealed.
    #[error("data cannot be sealed: {0}")]
    CannotSeal(String),
}

impl Error {
    /// The reason, if the KDC or the service gave one.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    /// Whether Kerberos failed for a cause that says nothing about the account, so that NTLM may succeed.
    pub fn may_try_ntlm(&self) -> bool {
        match self {
            Self::KdcUnreachable { .. } => true,
            Self::Refused { reason, .. } => matches!(
                reason,
                Reason::UnknownService
                    | Reason::ClockSkew
                    | Reason::WrongRealm
                    | Reason::NoCommonEncryption
            ),
            _ => false,
        }
    }
}
