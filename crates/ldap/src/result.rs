//! The result of an operation (RFC 4511 §4.1.9) and its code.
//!
//! Never judges. Trap: codes are open-ended; an unknown one is kept as a number.

use std::fmt;

use crate::message::Control;

/// A result code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultCode(pub u32);

macro_rules! codes {
    ($($constant:ident $number:literal $name:literal;)*) => {
        #[allow(missing_docs, reason = "the names are those of RFC 4511 appendix A and RFC 4533")]
        impl ResultCode {
            $(pub const $constant: Self = Self($number);)*
            /// The name in RFC 4511.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some($name),)* _ => None }
            }
        }
    };
}

codes! {
    SUCCESS 0 "success";
    OPERATIONS_ERROR 1 "operationsError";
    PROTOCOL_ERROR 2 "protocolError";
    TIME_LIMIT_EXCEEDED 3 "timeLimitExceeded";
    SIZE_LIMIT_EXCEEDED 4 "sizeLimitExceeded";
    COMPARE_FALSE 5 "compareFalse";
    COMPARE_TRUE 6 "compareTrue";
    AUTH_METHOD_NOT_SUPPORTED 7 "authMethodNotSupported";
    STRONGER_AUTH_REQUIRED 8 "strongerAuthRequired";
    REFERRAL 10 "referral";
    ADMIN_LIMIT_EXCEEDED 11 "adminLimitExceeded";
    UNAVAILABLE_CRITICAL_EXTENSION 12 "unavailableCriticalExtension";
    CONFIDENTIALITY_REQUIRED 13 "confidentialityRequired";
    SASL_BIND_IN_PROGRESS 14 "saslBindInProgress";
    NO_SUCH_ATTRIBUTE 16 "noSuchAttribute";
    UNDEFINED_ATTRIBUTE_TYPE 17 "undefinedAttributeType";
    INAPPROPRIATE_MATCHING 18 "inappropriateMatching";
    CONSTRAINT_VIOLATION 19 "constraintViolation";
    ATTRIBUTE_OR_VALUE_EXISTS 20 "attributeOrValueExists";
    INVALID_ATTRIBUTE_SYNTAX 21 "invalidAttributeSyntax";
    NO_SUCH_OBJECT 32 "noSuchObject";
    ALIAS_PROBLEM 33 "aliasProblem";
    INVALID_DN_SYNTAX 34 "invalidDNSyntax";
    INAPPROPRIATE_AUTHENTICATION 48 "inappropriateAuthentication";
    INVALID_CREDENTIALS 49 "invalidCredentials";
    INSUFFICIENT_ACCESS_RIGHTS 50 "insufficientAccessRights";
    BUSY 51 "busy";
    UNAVAILABLE 52 "unavailable";
    UNWILLING_TO_PERFORM 53 "unwillingToPerform";
    LOOP_DETECT 54 "loopDetect";
    NAMING_VIOLATION 64 "namingViolation";
    OBJECT_CLASS_VIOLATION 65 "objectClassViolation";
    NOT_ALLOWED_ON_NON_LEAF 66 "notAllowedOnNonLeaf";
    NOT_ALLOWED_ON_RDN 67 "notAllowedOnRDN";
    ENTRY_ALREADY_EXISTS 68 "entryAlreadyExists";
    OBJECT_CLASS_MODS_PROHIBITED 69 "objectClassModsProhibited";
    AFFECTS_MULTIPLE_DSAS 71 "affectsMultipleDSAs";
    OTHER 80 "other";
    SYNC_REFRESH_REQUIRED 4096 "e-syncRefreshRequired";
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "result code {}", self.0),
        }
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the server said at the end of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Result code.
    pub code: ResultCode,
    /// The deepest ancestor that exists, where the server says so.
    pub matched_dn: String,
    /// Diagnostic message.
    pub text: String,
    /// Other servers to ask.
    pub referrals: Vec<String>,
    /// Controls of the response.
    pub controls: Vec<Control>,
}

impl Outcome {
    /// The response control of this OID.
    pub fn control(&self, oid: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.oid == oid)
    }
}
