//! What an LDAP failure means to the people who must act on it.
//!
//! Never hides the server's own text. Trap: a refused password is final for the whole list of controllers: trying it on
//! each of them would lock the account.

use ldap::{BindReason, Error, ResultCode, TlsFailure};
use sync_core::{code::Code, operation::Refusal};

use crate::source::SourceError;

/// The right DirSync needs.
pub(super) const DIRSYNC_RIGHT: &str = "Replicating Directory Changes";

/// The code of an LDAP failure.
pub(super) fn code(error: &Error) -> Code {
    match error {
        Error::BadAddress { .. } | Error::BadCaFile { .. } | Error::TlsSetUp(_) => {
            Code::ConfigurationInvalid
        }
        Error::EmptyPassword { .. } => Code::SourceCredentialRefused,
        Error::Resolve { .. } => Code::SourceNameNotResolved,
        Error::Connect { .. } | Error::Closed { .. } => Code::SourceUnreachable,
        Error::Tls { failure, .. } => tls(*failure),
        Error::BindRefused { reason, code, .. } => bind(*reason, *code),
        Error::Negotiate { source, .. } => negotiate(source),
        Error::StrongerAuthRequired { .. } => Code::SourceStrongAuthRequired,
        Error::Timeout { operation, .. } if *operation == "connect" => Code::SourceUnreachable,
        Error::Timeout { .. } => Code::SourceTimeOut,
        Error::Protocol { .. } | Error::Incomplete { .. } => Code::SourceProtocolError,
        Error::Refused { outcome, .. } => result(outcome.code),
    }
}

fn tls(failure: TlsFailure) -> Code {
    match failure {
        TlsFailure::UnknownIssuer | TlsFailure::BadCertificate => Code::SourceCertificateUntrusted,
        TlsFailure::Expired => Code::SourceCertificateExpired,
        TlsFailure::NameMismatch => Code::SourceNameMismatch,
        TlsFailure::NotTls | TlsFailure::StartTlsRefused | TlsFailure::Other => {
            Code::SourceUnreachable
        }
    }
}

fn bind(reason: BindReason, result_code: ResultCode) -> Code {
    match reason {
        BindReason::WrongPassword | BindReason::NoSuchAccount => Code::SourceCredentialRefused,
        BindReason::LogonHours
        | BindReason::Workstation
        | BindReason::PasswordExpired
        | BindReason::AccountDisabled
        | BindReason::AccountExpired
        | BindReason::MustChangePassword
        | BindReason::LockedOut => Code::SourceAccountUnusable,
        BindReason::Unknown if result_code == ResultCode::INVALID_CREDENTIALS => {
            Code::SourceCredentialRefused
        }
        // A sign-in is no search.
        BindReason::Unknown if result_code == ResultCode::OPERATIONS_ERROR => {
            Code::SourceProtocolError
        }
        BindReason::Unknown => result(result_code),
    }
}

fn negotiate(error: &negotiate::Error) -> Code {
    use negotiate::{Error, Reason};
    match error {
        Error::BadAccount(_) | Error::KeytabWithNtlm => Code::ConfigurationInvalid,
        Error::KdcUnreachable { .. } => Code::SourceUnreachable,
        Error::Refused { reason, .. } => match reason {
            Reason::WrongPassword | Reason::UnknownAccount => Code::SourceCredentialRefused,
            Reason::AccountRevoked
            | Reason::PasswordExpired
            | Reason::NotAllowed
            | Reason::NoCommonEncryption => Code::SourceAccountUnusable,
            Reason::UnknownService => Code::SourceNameMismatch,
            Reason::ClockSkew => Code::SourceClockDiffers,
            Reason::WrongRealm => Code::ConfigurationInvalid,
            Reason::Other => Code::SourceProtocolError,
        },
        Error::BadToken(_) | Error::NotEstablished | Error::Broken(_) | Error::CannotSeal(_) => {
            Code::SourceProtocolError
        }
    }
}

/// What to do about a failed negotiation, where the page of its code does not say it.
fn cure(error: &Error) -> Option<&'static str> {
    use negotiate::Reason;
    let Error::Negotiate { source, .. } = error else {
        return None;
    };
    Some(match source.reason()? {
        Reason::UnknownService => {
            "write the domain controller's full name in the URL, or give it as server_name"
        }
        Reason::NoCommonEncryption => {
            "allow AES for the account (msDS-SupportedEncryptionTypes 24), then set its password once more"
        }
        Reason::WrongRealm => "give the realm the account belongs to as negotiate.realm",
        Reason::ClockSkew => "set the clocks of the agent's machine and the domain controllers",
        _ => return None,
    })
}

fn result(code: ResultCode) -> Code {
    match code {
        ResultCode::REFERRAL => Code::SourceReferral,
        ResultCode::NO_SUCH_OBJECT => Code::SourceBaseNotFound,
        ResultCode::INSUFFICIENT_ACCESS_RIGHTS => Code::SourceInsufficientAccess,
        ResultCode::STRONGER_AUTH_REQUIRED | ResultCode::CONFIDENTIALITY_REQUIRED => {
            Code::SourceStrongAuthRequired
        }
        ResultCode::INVALID_CREDENTIALS => Code::SourceCredentialRefused,
        ResultCode::BUSY
        | ResultCode::UNAVAILABLE
        | ResultCode::TIME_LIMIT_EXCEEDED
        | ResultCode::ADMIN_LIMIT_EXCEEDED => Code::SourceBusy,
        ResultCode::SIZE_LIMIT_EXCEEDED => Code::SourceReadEndedEarly,
        // It is no search this directory can make.
        ResultCode::OPERATIONS_ERROR
        | ResultCode::UNDEFINED_ATTRIBUTE_TYPE
        | ResultCode::INAPPROPRIATE_MATCHING
        | ResultCode::INVALID_ATTRIBUTE_SYNTAX
        | ResultCode::INVALID_DN_SYNTAX => {
            Code::HybridSynchronizationActiveDirectoryInternalServerError
        }
        _ => Code::SourceProtocolError,
    }
}

/// The failure as a refusal: code, server, operation, text.
pub(super) fn refusal(server: &str, operation: &str, error: &Error) -> SourceError {
    let refusal = crate::source::source_error(code(error), server, operation, error.chain());
    match cure(error) {
        Some(cure) => refusal.with("cure", cure),
        None => refusal,
    }
}

/// As [`refusal`], for DirSync: says which right is missing where.
pub(super) fn dirsync(server: &str, naming_context: &str, error: &Error) -> SourceError {
    let refusal = refusal(server, "DirSync search", error);
    match refusal.code {
        Code::SourceInsufficientAccess => refusal
            .with("right", DIRSYNC_RIGHT)
            .with("naming_context", naming_context),
        _ => refusal,
    }
}

/// Whether this failure says that the account may not use DirSync.
pub(super) fn lacks_dirsync_right(refusal: &Refusal) -> bool {
    refusal.code == Code::SourceInsufficientAccess
        && refusal.argument("right") == Some(DIRSYNC_RIGHT)
}

/// Whether the server was lost in the middle of something that another one could go on with.
pub(super) fn is_loss(refusal: &Refusal) -> bool {
    matches!(
        refusal.code,
        Code::SourceUnreachable | Code::SourceTimeOut | Code::SourceBusy
    )
}

/// Whether another controller of the list should be tried after this failure.
pub(super) fn is_worth_another_server(refusal: &Refusal) -> bool {
    !matches!(
        refusal.code,
        Code::SourceCredentialRefused
            | Code::SourceAccountUnusable
            | Code::ConfigurationInvalid
            | Code::SecretFileUnsafe
    )
}

/// One refusal for a list of controllers none of which could be used.
pub(super) fn all_failed(failures: Vec<(String, SourceError)>) -> SourceError {
    let text = failures
        .iter()
        .map(|(url, refusal)| {
            let cause = refusal.argument("text").unwrap_or(refusal.code.title());
            format!("{url}: {} ({cause})", refusal.code)
        })
        .collect::<Vec<_>>()
        .join("; ");
    let urls: Vec<&str> = failures.iter().map(|(url, _)| url.as_str()).collect();
    let mut codes = failures.iter().map(|(_, refusal)| refusal.code);
    let code = match codes.next() {
        None => Code::ConfigurationInvalid,
        Some(first) if codes.clone().all(|code| code == first) => first,
        // The others are down: that one of them answers and has to catch up is what people should know.
        Some(first)
            if codes
                .chain([first])
                .any(|code| code == Code::SourceReplicaLags) =>
        {
            Code::SourceReplicaLags
        }
        Some(_) => Code::SourceUnreachable,
    };
    crate::source::source_error(code, &urls.join(", "), "connect", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_the_directory_cannot_make_is_told_from_an_answer_nobody_understands() {
        let no_search = Code::HybridSynchronizationActiveDirectoryInternalServerError;
        for (answer, wanted) in [
            (ResultCode::OPERATIONS_ERROR, no_search),
            (ResultCode::INVALID_DN_SYNTAX, no_search),
            (ResultCode::UNDEFINED_ATTRIBUTE_TYPE, no_search),
            (ResultCode::NO_SUCH_OBJECT, Code::SourceBaseNotFound),
            (ResultCode::BUSY, Code::SourceBusy),
            (ResultCode::PROTOCOL_ERROR, Code::SourceProtocolError),
        ] {
            assert_eq!(result(answer), wanted, "{answer:?}");
        }
    }
}
