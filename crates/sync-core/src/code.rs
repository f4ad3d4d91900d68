//! Every code a person may meet, with who has to act, whether trying again helps, and a page in two languages.
//!
//! The pages are `docs/codes/<Code>.md` (English) and `docs/codes/nl/<Code>.md` (Dutch), compiled in: a code without both
//! pages does not build. Trap: names are a promise to scripts and searches; they are added, never renamed. Stored refusals
//! hold the number of their code, so a new one goes to the end of the list, and one that is taken out leaves its number
//! unused (`RETIRED`).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blame {
    /// The data or the state of the source directory.
    Source,
    /// The target directory.
    Target,
    /// The rules or the configuration.
    Rules,
    /// The network or the machine between.
    Network,
    /// Hybridge itself.
    Us,
}

/// Whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retry {
    /// Only a change helps.
    Never,
    /// Later, by itself.
    Later,
    /// After reading the target back.
    AfterReadBack,
}

macro_rules! codes {
    ($($name:ident $blame:ident $retry:ident $title:literal;)*) => {
        /// A code. The page says cause and cure.
        #[allow(missing_docs, reason = "the page of each code is its documentation")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($name,)* }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// The name as written in logs and answers.
            pub fn name(self) -> &'static str { match self { $(Code::$name => stringify!($name),)* } }
            /// One line for people.
            pub fn title(self) -> &'static str { match self { $(Code::$name => $title,)* } }
            /// Who has to act.
            pub fn blame(self) -> Blame { match self { $(Code::$name => Blame::$blame,)* } }
            /// Whether trying again helps.
            pub fn retry(self) -> Retry { match self { $(Code::$name => Retry::$retry,)* } }
            /// The page in English (Markdown).
            pub fn page_en(self) -> &'static str { match self { $(Code::$name => include_str!(concat!("../../../docs/codes/", stringify!($name), ".md")),)* } }
            /// The page in Dutch (Markdown).
            pub fn page_nl(self) -> &'static str { match self { $(Code::$name => include_str!(concat!("../../../docs/codes/nl/", stringify!($name), ".md")),)* } }
        }
    };
}

codes! {
    // an object and its values
    AttributeValueMustBeUnique Source Later "another object already owns a value that must be unique";
    InvalidSoftMatch Source Later "the object found by address or name belongs to another source object";
    InvalidHardMatch Rules Later "taking over the object found by its anchor is switched off";
    ExistingAdminRoleConflict Target Later "the account found holds administrative roles and is not taken over";
    FederatedDomainChangeError Target Never "a sign-in name cannot move from one federated domain to another";
    ObjectTypeMismatch Source Later "an object of another type owns the address";
    IdentityDataValidationFailed Source Never "a sign-in name has a form the target does not accept";
    DataValidationFailed Source Never "a value has a form the target does not accept";
    ExceededAllowedLength Source Never "a value is too long, or there are too many";
    InvalidDomain Source Later "the domain of a name or address is not verified in the target";
    DuplicateTargetEntries Target Later "a matching value finds more than one object in the target";
    DuplicateSourceEntries Source Later "two source objects claim one target object";
    ImportSkipped Source Never "the object has no value to be matched by";
    MandatoryFieldsMissing Source Never "a required attribute has no value";
    SchemaAttributeNotFound Rules Never "a mapping names an attribute the system does not have";
    SchemaPropertyCanOnlyAcceptValue Rules Never "several values for an attribute that holds one";
    SourceAnchorChanged Source Never "the source anchor of a linked object has changed";
    InvalidAnchor Target Later "the linked object has vanished from the target";
    DeletionAccessViolation Target Never "the target object is no longer synchronised and must not be deleted";
    UnableToResolveReferenceAttributeValue Source Later "a reference points to an object that is not in the target";
    EntrySynchronizationSkipped Rules Never "the object is out of scope, or nothing changed";
    ExpressionFailed Rules Never "an expression of the rules failed for this object";
    ExpressionInvalid Rules Never "an expression contains mistakes";
    // deletions
    TooManyDeletes Source Never "more deletions or disables than the guard lets through";
    DeletionRefused Rules Never "an administrator refused this deletion";
    UndoneByAdministrator Rules Never "an administrator undid this, and it stays undone";
    LeaverWaits Rules Never "the object has left and waits for the end of its grace period";
    ObjectVanished Source Later "an object was not shown by a full read, and nothing proves that it was deleted";
    // rules
    SchemaInvalid Rules Never "the rules contain mistakes";
    ConfigurationInvalid Rules Never "the configuration contains mistakes";
    // the source
    SourceUnreachable Network Later "no domain controller of the list can be reached";
    SourceNameNotResolved Network Later "the name of the domain controller cannot be resolved";
    SourceCertificateUntrusted Network Never "the certificate of the domain controller is not trusted";
    SourceCertificateExpired Network Never "the certificate of the domain controller has expired";
    SourceNameMismatch Network Never "the certificate is for another host name";
    SourceCredentialRefused Source Never "the directory refuses the name or password of the sync account";
    SourceAccountUnusable Source Never "the sync account is locked, disabled, expired or must change its password";
    SourceClockDiffers Network Later "the clocks of the agent's machine and the domain controller differ too much";
    SourceStrongAuthRequired Source Never "the directory demands an encrypted connection";
    SourceInsufficientAccess Source Never "the sync account lacks a right";
    SourceBaseNotFound Rules Never "the base of the search does not exist in the directory";
    SourceReferral Source Never "the directory refers to another server";
    SourceBusy Source Later "the directory is busy";
    SourceTimeOut Network Later "the directory did not answer in time";
    SourceProtocolError Source Later "the directory sent something that cannot be understood";
    SourceCookieRefused Source Later "the directory refuses the stored read position";
    SourceReplicaReset Source Later "the domain controller was restored or replaced";
    SourceCookieTooOld Source Later "the stored read position is older than deletions are remembered";
    SourceReadSpecChanged Rules Later "what is read from the source has changed";
    SourceSyncNotOffered Source Never "the directory does not offer content synchronisation";
    SourceReplicaLags Source Later "the domain controller has not received yet what another one has shown";
    SourceServerChanged Source Later "another domain controller answers, and it was not read before";
    SourceMethodChanged Source Later "changes are found in a better way from now on";
    SourceComparisonDue Us Later "the source is compared whole from time to time";
    SourceReadEndedEarly Source Later "a full read ended before it was complete";
    SourceReadEmpty Source Never "a full read showed no object, and that is not believed";
    SourceReadShrunk Source Never "a full read showed far fewer objects than before, and that is not believed";
    SourceReadThinned Source Never "a full read showed an attribute missing on far more objects than before, and that is not believed";
    // the target
    TargetBusy Target Later "the target is busy";
    TargetFault Target Later "the target answered with a fault";
    CredentialMissing Target Never "no credential for the target is stored";
    CredentialExpired Target Never "the credential for the target has expired";
    CredentialWrong Target Never "the target refuses the credential";
    QuotaExceeded Target Never "the target's quota is used up";
    OutcomeUnknown Target AfterReadBack "the answer of the target was lost";
    // the job
    EncounteredQuarantineException Target Later "the job cannot reach its source or target";
    EncounteredEscrowProportionThreshold Source Later "too large a part of the objects failed";
    EncounteredBaseEscrowThreshold Source Later "too many objects failed";
    EncounteredTotalEscrowThreshold Source Later "too many objects failed, references included";
    // agents and the link
    TimeOut Network Later "the agent did not answer in time";
    HybridIdentityServiceNoAgentsAssigned Rules Never "no agent serves this connector";
    HybridIdentityServiceNoActiveAgents Network Later "no agent of this connector is connected";
    EnrolmentRefused Rules Never "the enrolment token is unknown, used or expired";
    AgentCertificateRefused Rules Never "the agent's certificate is expired, revoked or unknown";
    AgentSuperseded Rules Never "another process works with this agent's identity";
    ServerUnreachable Network Later "the control plane cannot be reached";
    ServerUntrusted Network Never "the certificate of the control plane is not the expected one";
    // the server and its store
    NotAuthenticated Rules Never "the request carries no valid credential";
    NotAllowed Rules Never "the credential does not allow this";
    RequestInvalid Rules Never "the request cannot be understood";
    NotFound Rules Never "there is no such thing";
    Conflict Rules Never "the state does not allow this now";
    StoreLocked Us Never "another process uses this data directory";
    StoreDamaged Us Never "the database file is damaged";
    StoreMismatch Rules Never "the databases of the data directory do not belong together";
    StoreRestored Us Later "a database was restored from a backup, and what may differ is compared with the target again";
    StoreNewer Rules Never "the database was written by a newer version";
    StoreUnwritable Us Later "the data directory cannot be written";
    DiskFull Us Later "the disk is full";
    SecretFileUnsafe Rules Never "a secret file can be read by others";
    AddressInUse Rules Never "the address to listen on is in use";
    InternalFault Us Later "a fault of Hybridge itself";
    // added since
    QuarantinedOnDemand Rules Never "an administrator put the job into quarantine";
    IngestionInterrupted Source Later "reading the source breaks off again and again";
    HybridSynchronizationActiveDirectoryInternalServerError Source Later "the agent could not turn a request into a search of the directory";
    HybridIdentityServiceInvalidResource Rules Never "the name of a connector is missing or unknown, so work cannot be given to an agent";
    HybridIdentityServiceAgentSignalingError Network Later "an agent is connected and does not take its work";
    TooManyRequests Target Later "too many requests in too short a time";
    InsufficientRights Target Never "the target knows who asks and does not allow it";
    AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService Target Never "the object belongs to another source and may only be changed there";
    TargetChanged Target Later "the target was changed by somebody else";
    NotificationFailed Network Later "a message to an administrator could not be sent";
    BackupUnusable Rules Never "the file is not a backup that can be used";
    ServerNameNotResolved Network Later "the name of the control plane cannot be resolved";
    ProxyUnreachable Network Later "the proxy cannot be reached, or cannot reach the control plane";
    ProxyCredentialMissing Network Never "the proxy wants to know who asks, and no account is set";
    ProxyCredentialRefused Network Never "the proxy refuses account or password";
    ProxyRefused Network Never "the proxy does not let through to the control plane";
    FencedOff Rules Never "another server is active for this job";
    UpdateUntrusted Rules Never "a release for the agent is not believed";
    UpdateStale Rules Later "a release for the agent is too old, or was replayed";
    UpdateReturned Us Never "a new version of the agent did not become healthy, and the one before is in place again";
    MasterKeyMissing Rules Never "secrets are sealed, and the master key is not there";
    MasterKeyWrong Rules Never "secrets are sealed under another master key";
    PrivilegeMissing Rules Never "the account a program runs as may not do what it has to";
}

impl Code {
    /// Exit code of a program that ends with this: 1 if something outside Hybridge has to be changed first, 2 if Hybridge or the
    /// machine it runs on is at fault. 0 is success; there are no others.
    pub fn exit_code(self) -> u8 {
        match self.blame() {
            Blame::Source | Blame::Target | Blame::Rules | Blame::Network => 1,
            Blame::Us => 2,
        }
    }

    /// Whether a name or secret is refused: trying it again and again locks accounts.
    pub fn is_credential(self) -> bool {
        matches!(
            self,
            Self::SourceCredentialRefused
                | Self::SourceAccountUnusable
                | Self::CredentialMissing
                | Self::CredentialExpired
                | Self::CredentialWrong
        )
    }

    /// The number it is stored by.
    fn number(self) -> u32 {
        let mut number = self as u32;
        for retired in RETIRED {
            number += u32::from(*retired <= number);
        }
        number
    }

    /// The code stored by this number.
    fn of_number(number: u32) -> Option<Self> {
        if RETIRED.contains(&number) {
            return None;
        }
        let before = RETIRED.iter().filter(|retired| **retired < number).count();
        let place = usize::try_from(number).ok()?.checked_sub(before)?;
        Self::ALL.get(place).copied()
    }

    /// The code of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code of this name, or of a name or number the originals give it; case and blanks do not matter.
    pub fn find(text: &str) -> Option<Self> {
        let folded = fold(text);
        let own = Self::ALL
            .iter()
            .copied()
            .find(|code| fold(code.name()) == folded);
        own.or_else(|| {
            let alias = ALIASES.iter().find(|(alias, _)| fold(alias) == folded);
            alias.map(|(_, code)| *code)
        })
    }

    /// Names and numbers by which the originals know it.
    pub fn aliases(self) -> Vec<&'static str> {
        let own = ALIASES.iter().filter(|(_, code)| *code == self);
        own.map(|(alias, _)| *alias).collect()
    }
}

/// Numbers of codes that nothing raised and that were taken out; ascending. They are given to no other.
const RETIRED: &[u32] = &[58, 96, 101, 102, 103, 105];

/// By name where people read it, by number where it is stored.
impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit_variant("Code", self.number(), self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let name = String::deserialize(deserializer)?;
            return Self::from_name(&name)
                .ok_or_else(|| de::Error::custom(format!("{name} is not a code")));
        }
        let number = u32::deserialize(deserializer)?;
        Self::of_number(number)
            .ok_or_else(|| de::Error::custom(format!("no code has the number {number}")))
    }
}

/// A name without case and blanks, and without the word before a number.
fn fold(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix("error ").unwrap_or(&text);
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Names and numbers of the originals, each with our code for the same thing.
const ALIASES: &[(&str, Code)] = &[
    // a translation of the original's documents calls it so
    ("Out", Code::TimeOut),
    ("AzureDirectoryServiceServerBusy", Code::TargetBusy),
    ("81", Code::TargetBusy),
    ("deadlock", Code::TargetBusy),
    (
        "AzureActiveDirectoryInvalidCredential",
        Code::CredentialMissing,
    ),
    ("AADSTS50034", Code::CredentialMissing),
    (
        "AzureActiveDirectoryExpiredCredentials",
        Code::CredentialExpired,
    ),
    ("AADSTS50055", Code::CredentialExpired),
    (
        "AzureActiveDirectoryAuthenticationFailed",
        Code::CredentialWrong,
    ),
    ("AADSTS50126", Code::CredentialWrong),
    ("QuarantineOnDemand", Code::QuarantinedOnDemand),
    ("113", Code::TooManyDeletes),
    ("116", Code::TooManyDeletes),
    ("StagedDelete", Code::TooManyDeletes),
    ("stopped-deletion-threshold-exceeded", Code::TooManyDeletes),
    ("114", Code::DeletionAccessViolation),
    ("0x8023134a", Code::DeletionAccessViolation),
    ("EntryConflict", Code::AttributeValueMustBeUnique),
    ("AttributeConflict", Code::AttributeValueMustBeUnique),
    ("PropertyConflict", Code::AttributeValueMustBeUnique),
    ("InternalServerError", Code::TargetFault),
    ("InternalError", Code::TargetFault),
    ("WebExceptionProtocolError", Code::TargetFault),
    ("429", Code::TooManyRequests),
    ("MethodNotAllowed", Code::InsufficientRights),
    ("NotPermitted", Code::InsufficientRights),
    ("Unauthorized", Code::InsufficientRights),
    ("AzureActiveDirectoryForbidden", Code::InsufficientRights),
    ("UnprocessableEntity", Code::TargetFault),
    ("NotImplemented", Code::TargetFault),
    (
        "SystemForCrossDomainIdentityManagementServiceIncompatible",
        Code::TargetFault,
    ),
    (
        "HybridSynchronizationActiveDirectoryInsufficientAccessRights",
        Code::SourceInsufficientAccess,
    ),
    ("InvalidAttributeSyntax", Code::DataValidationFailed),
    ("LicenseLimitExceeded", Code::QuotaExceeded),
    (
        "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse",
        Code::DuplicateTargetEntries,
    ),
    ("MissingValues", Code::MandatoryFieldsMissing),
    ("LargeObject", Code::ExceededAllowedLength),
    (
        "AzureActiveDirectoryQuotaLimitExceeded",
        Code::QuotaExceeded,
    ),
    ("sourceAnchor has changed", Code::SourceAnchorChanged),
    ("InvitationCreationFailure", Code::TargetFault),
    (
        "InvitationCreationFailureInvalidPropertyValue",
        Code::DataValidationFailed,
    ),
    (
        "AzureDirectoryB2BManagementPolicyCheckFailure",
        Code::InsufficientRights,
    ),
    (
        "IdentitySynchronizationError",
        Code::EncounteredQuarantineException,
    ),
    ("permission-issue", Code::SourceInsufficientAccess),
    ("no-start-credentials", Code::SourceCredentialRefused),
    ("server-down", Code::SourceUnreachable),
    ("stopped-server-down", Code::SourceUnreachable),
    ("no-start-server-down", Code::SourceUnreachable),
    (
        "no-start-no-agent",
        Code::HybridIdentityServiceNoActiveAgents,
    ),
    ("no-start-configuration", Code::ConfigurationInvalid),
    ("stopped-configuration", Code::ConfigurationInvalid),
    (
        "stopped-error-limit",
        Code::EncounteredEscrowProportionThreshold,
    ),
    ("stopped-service-restart", Code::OutcomeUnknown),
];

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_originals_lead_to_our_codes() {
        for (text, code) in [
            ("Out", Code::TimeOut),
            ("timeout", Code::TimeOut),
            ("AADSTS50034", Code::CredentialMissing),
            ("aadsts50055", Code::CredentialExpired),
            ("error 81", Code::TargetBusy),
            ("Error 113", Code::TooManyDeletes),
            ("114", Code::DeletionAccessViolation),
            ("0x8023134A", Code::DeletionAccessViolation),
            (
                "existing admin role conflict",
                Code::ExistingAdminRoleConflict,
            ),
            (
                "AttributeValueMustBeUnique",
                Code::AttributeValueMustBeUnique,
            ),
        ] {
            assert_eq!(Code::find(text), Some(code), "{text}");
        }
        assert_eq!(Code::find("nothing of the kind"), None);
    }

    #[test]
    fn no_alias_hides_a_code_or_another_alias() {
        let mut seen = std::collections::BTreeSet::new();
        for (alias, _) in ALIASES {
            let is_code = Code::ALL
                .iter()
                .any(|code| fold(code.name()) == fold(alias));
            assert!(!is_code, "{alias} is a code of its own");
            assert!(seen.insert(fold(alias)), "{alias} stands there twice");
        }
    }

    /// What the originals' documents list, by their own names.
    #[test]
    fn every_documented_code_is_known() {
        let documented = "TimeOut HybridSynchronizationActiveDirectoryInternalServerError
            HybridSynchronizationActiveDirectoryInsufficientAccessRights HybridIdentityServiceNoAgentsAssigned
            HybridIdentityServiceNoActiveAgents HybridIdentityServiceInvalidResource HybridIdentityServiceAgentSignalingError
            AzureDirectoryServiceServerBusy AzureActiveDirectoryInvalidCredential AzureActiveDirectoryExpiredCredentials
            AzureActiveDirectoryAuthenticationFailed EncounteredQuarantineException EncounteredEscrowProportionThreshold
            EncounteredBaseEscrowThreshold EncounteredTotalEscrowThreshold QuarantinedOnDemand QuarantineOnDemand TooManyDeletes
            IngestionInterrupted Conflict EntryConflict TooManyRequests InternalServerError WebExceptionProtocolError Timeout
            InternalError InsufficientRights MethodNotAllowed NotPermitted Unauthorized UnprocessableEntity NotImplemented
            InvalidAnchor MandatoryFieldsMissing MissingValues SchemaAttributeNotFound InvalidDomain LicenseLimitExceeded
            DuplicateTargetEntries DuplicateSourceEntries ImportSkipped EntrySynchronizationSkipped
            SystemForCrossDomainIdentityManagementMultipleEntriesInResponse
            SystemForCrossDomainIdentityManagementServiceIncompatible SchemaPropertyCanOnlyAcceptValue InvalidAttributeSyntax
            UnableToResolveReferenceAttributeValue AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService
            AzureActiveDirectoryQuotaLimitExceeded AzureActiveDirectoryForbidden InvitationCreationFailure
            InvitationCreationFailureInvalidPropertyValue AzureDirectoryB2BManagementPolicyCheckFailure InvalidHardMatch
            InvalidSoftMatch ObjectTypeMismatch AttributeValueMustBeUnique IdentityDataValidationFailed DataValidationFailed
            FederatedDomainChangeError LargeObject ExceededAllowedLength ExistingAdminRoleConflict DeletionAccessViolation";
        for name in documented.split_whitespace() {
            assert!(Code::find(name).is_some(), "{name}");
        }
    }

    /// Stored refusals hold the number of their code, and answers its name.
    #[test]
    fn the_numbers_of_codes_stay() {
        for (code, number) in [
            (Code::AttributeValueMustBeUnique, 0),
            (Code::TargetBusy, 59),
            (Code::InternalFault, 92),
            (Code::HybridIdentityServiceInvalidResource, 97),
            (Code::FencedOff, 114),
        ] {
            assert_eq!(postcard::to_stdvec(&code).unwrap(), [number], "{code}");
        }
        for code in Code::ALL {
            let stored = postcard::to_stdvec(code).unwrap();
            assert_eq!(postcard::from_bytes::<Code>(&stored).unwrap(), *code);
            let told = serde_json::to_string(code).unwrap();
            assert_eq!(told, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<Code>(&told).unwrap(), *code);
        }
        for number in RETIRED {
            let stored = postcard::to_stdvec(number).unwrap();
            assert!(postcard::from_bytes::<Code>(&stored).is_err(), "{number}");
        }
        assert!(serde_json::from_str::<Code>("\"Nonsense\"").is_err());
    }
}
