//! The tenant directory as a target.
//!
//! It is treated like any foreign system: every call authenticates as a service principal, so a missing, expired or wrong
//! credential is a real condition. Trap: an object that carries our source anchor already is not a failure to create it
//! but a stale plan ([`Outcome::Stale`]): it is matched again.

mod convert;

use std::sync::Arc;

use ::directory::{Caller, DeleteScope, Directory, Fault, Fence, FenceHolder, LookupKey};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sync_core::{
    code::Code,
    operation::{Lookup, Operation, Outcome, Precondition, Refusal, TargetObject, Verb},
    plan::IMMUTABLE_ID,
    value::Name,
};
use uuid::Uuid;

use crate::target::{ListedTarget, Target, TargetAttribute, TargetInfo};
use convert::{attributes_from, attributes_to, kind_of, object_from, references_to, refusal_from};

/// Marks objects that synchronisation manages.
const SYNC_ENABLED: &str = "onPremisesSyncEnabled";

/// Questions and operations in one call of the directory.
const BATCH: usize = 2_000;

/// Name and secret the target connector signs in with.
#[derive(Clone)]
pub struct Credential {
    /// Application id of the service principal.
    pub app_id: Uuid,
    /// Its secret.
    pub secret: SecretString,
}

/// Where the credential comes from at each call, so that a rotated one is used at once.
pub type CredentialSource = Arc<dyn Fn() -> Option<Credential> + Send + Sync>;

/// The connector.
#[derive(Clone)]
pub struct DirectoryTarget {
    directory: Arc<Directory>,
    credential: CredentialSource,
    /// What every write presents; without one only the rights bind.
    fence: Option<Fence>,
}

impl DirectoryTarget {
    /// A connector to this directory.
    pub fn new(directory: Arc<Directory>, credential: CredentialSource) -> Self {
        Self {
            directory,
            credential,
            fence: None,
        }
    }

    /// The same, writing only as long as it holds this fence.
    #[must_use]
    pub fn fenced(self, fence: Fence) -> Self {
        Self {
            fence: Some(fence),
            ..self
        }
    }

    /// Who holds a fence of this name; `None`: nobody ever did.
    ///
    /// # Errors
    /// Of the credential and the directory.
    pub async fn holder(&self, name: &str) -> Result<Option<FenceHolder>, Refusal> {
        let name = name.to_owned();
        self.run(move |this, caller| {
            let found = this.directory.fence(&caller.reader(), &name);
            found.map_err(fault)
        })
        .await
    }

    /// Takes a fence; `seen` is the generation of another holder it is taken from.
    ///
    /// # Errors
    /// `FencedOff` if another one holds it.
    pub async fn take(
        &self,
        name: &str,
        holder: Uuid,
        holder_name: &str,
        seen: Option<u64>,
    ) -> Result<Fence, Refusal> {
        let (name, holder_name) = (name.to_owned(), holder_name.to_owned());
        self.run(move |this, caller| {
            let writer = caller.writer().map_err(|error| fault(error.into()))?;
            let taken = this
                .directory
                .take_fence(&writer, &name, holder, &holder_name, seen);
            taken.map_err(fault)
        })
        .await
    }

    /// Gives a fence up.
    ///
    /// # Errors
    /// Of the credential and the directory.
    pub async fn give_up(&self, fence: Fence) -> Result<(), Refusal> {
        self.run(move |this, caller| {
            let writer = caller.writer().map_err(|error| fault(error.into()))?;
            this.directory.release_fence(&writer, &fence).map_err(fault)
        })
        .await
    }

    fn sign_in(&self) -> Result<Caller, Refusal> {
        let credential =
            (self.credential)().ok_or_else(|| Refusal::new(Code::CredentialMissing))?;
        self.directory
            .authenticate(credential.app_id, credential.secret.expose_secret())
            .map_err(|error| {
                let code = match error.code() {
                    "StorageFull" => Code::DiskFull,
                    "StorageDamaged" => Code::StoreDamaged,
                    "StorageInUse" => Code::StoreLocked,
                    "StorageInaccessible" => Code::StoreUnwritable,
                    "CredentialExpired" => Code::CredentialExpired,
                    "CredentialMissing" => Code::CredentialMissing,
                    "CredentialWrong" | "PrincipalDisabled" => Code::CredentialWrong,
                    "Forbidden" => Code::InsufficientRights,
                    _ => Code::TargetFault,
                };
                Refusal::new(code)
                    .with("application", credential.app_id.to_string())
                    .with("text", error.to_string())
            })
    }

    /// A fault of the directory's file names the file.
    fn placed(&self, refusal: Refusal) -> Refusal {
        match refusal.code {
            Code::DiskFull | Code::StoreDamaged | Code::StoreLocked | Code::StoreUnwritable => {
                refusal.with("file", self.directory.path().display().to_string())
            }
            _ => refusal,
        }
    }

    /// Runs a blocking act on a thread of its own.
    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Self, &Caller) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || {
            let caller = this.sign_in()?;
            act(&this, &caller).map_err(|refusal| this.placed(refusal))
        })
        .await
        .map_err(|_| {
            Refusal::new(Code::InternalFault).with("text", "the directory's thread ended")
        })?
    }
}

fn fault(error: Fault) -> Refusal {
    let code = match error.code() {
        "CredentialExpired" => Code::CredentialExpired,
        "CredentialMissing" => Code::CredentialMissing,
        "CredentialWrong" => Code::CredentialWrong,
        "Forbidden" => Code::InsufficientRights,
        "NotAllowed" => Code::NotAllowed,
        "StorageFull" => Code::DiskFull,
        "StorageDamaged" => Code::StoreDamaged,
        "StorageInUse" => Code::StoreLocked,
        "StorageInaccessible" => Code::StoreUnwritable,
        _ => Code::TargetFault,
    };
    if let Fault::Fenced {
        name,
        holder_name,
        generation,
    } = &error
    {
        return Refusal::new(Code::FencedOff)
            .with("job", name)
            .with("server", holder_name)
            .with("generation", generation.to_string());
    }
    let detail = std::error::Error::source(&error)
        .map(ToString::to_string)
        .unwrap_or_default();
    Refusal::new(code)
        .with("text", error.to_string())
        .with("detail", detail)
}

#[async_trait]
impl Target for DirectoryTarget {
    async fn discover(&self) -> Result<TargetInfo, Refusal> {
        self.run(|this, caller| {
            let reader = caller.reader();
            let tenant = this.directory.tenant(&reader).map_err(fault)?;
            let classes = ::directory::Kind::ALL.into_iter().map(|kind| {
                // What synchronisation may not write is not offered to the rules.
                let offered = ::directory::schema(kind)
                    .filter(|attribute| attribute.name != ::directory::ADMINISTRATIVE_ROLES);
                let attributes = offered.map(|attribute| TargetAttribute {
                    name: attribute.name.into(),
                    is_multivalued: attribute.is_multi_valued,
                    is_reference: attribute.value_type == ::directory::ValueType::Reference,
                    is_required: attribute.is_required_for(kind),
                });
                (convert::class_of(kind), attributes.collect())
            });
            Ok(TargetInfo {
                name: tenant.display_name,
                id: tenant.id.to_string(),
                initial_domain: tenant.initial_domain,
                verified_domains: this.directory.verified_domains(&reader).map_err(fault)?,
                classes: classes.collect(),
            })
        })
        .await
    }

    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<TargetObject>>, Refusal> {
        let lookups = lookups.to_vec();
        self.run(move |this, caller| {
            let reader = caller.reader();
            let mut answers = Vec::with_capacity(lookups.len());
            for batch in lookups.chunks(BATCH) {
                let asked: Vec<Option<::directory::Lookup>> = batch.iter().map(lookup_to).collect();
                let sent: Vec<_> = asked.iter().flatten().cloned().collect();
                let mut found = this
                    .directory
                    .find(&reader, &sent)
                    .map_err(fault)?
                    .into_iter();
                for question in &asked {
                    let matches = if question.is_some() {
                        found.next().unwrap_or_default()
                    } else {
                        Vec::new()
                    };
                    answers.push(
                        matches
                            .into_iter()
                            .map(|found| object_from(&found.object))
                            .collect(),
                    );
                }
            }
            Ok(answers)
        })
        .await
    }

    async fn apply(&self, operations: &[Operation]) -> Result<Vec<Outcome>, Refusal> {
        let operations = operations.to_vec();
        self.run(move |this, caller| {
            let writer = caller.writer().map_err(|error| fault(error.into()))?;
            let mut outcomes = Vec::with_capacity(operations.len());
            for batch in operations.chunks(BATCH) {
                // An operation that cannot be put in the directory's terms is refused without being sent.
                let mut sent = Vec::with_capacity(batch.len());
                let mut refused = Vec::with_capacity(batch.len());
                for operation in batch {
                    match operation_to(operation) {
                        Ok(ready) => {
                            sent.push(ready);
                            refused.push(None);
                        }
                        Err(why) => refused.push(Some(why)),
                    }
                }
                let applied = match &this.fence {
                    Some(fence) => this.directory.apply_fenced(&writer, fence, sent),
                    None => this.directory.apply(&writer, sent),
                };
                let done = match applied {
                    Ok(done) => done,
                    Err(error) if outcomes.is_empty() => return Err(fault(error)),
                    // Earlier batches were carried out: the rest was certainly not, and is tried again.
                    Err(error) => {
                        let why = fault(error);
                        outcomes.extend(
                            (outcomes.len()..operations.len())
                                .map(|_| Outcome::Refused(why.clone())),
                        );
                        return Ok(outcomes);
                    }
                };
                let mut done = done.into_iter();
                for (operation, refused) in batch.iter().zip(refused) {
                    outcomes.push(match refused {
                        Some(why) => Outcome::Refused(why),
                        None => done
                            .next()
                            .map_or(Outcome::Unknown, |outcome| outcome_from(operation, outcome)),
                    });
                }
            }
            Ok(outcomes)
        })
        .await
    }

    fn creates_with_references(&self) -> bool {
        true
    }

    async fn enumerate(
        &self,
        each: &mut (dyn FnMut(ListedTarget) -> bool + Send),
    ) -> Result<(), Refusal> {
        // The blocking side reads in chunks; the receiver is called on this side, so it need not be 'static.
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<ListedTarget>(1_024);
        let this = self.clone();
        let reader = tokio::task::spawn_blocking(move || {
            let caller = this.sign_in()?;
            let rights = caller.reader();
            let mut references = convert::References::default();
            this.directory
                .scan_references(&rights, |source, attribute, target| {
                    references.add(source, attribute, target);
                    true
                })
                .map_err(fault)?;
            this.directory
                .scan(&rights, |object| {
                    let listed = ListedTarget {
                        object: object_from(&object),
                        references: references.take(object.id),
                    };
                    sender.blocking_send(listed).is_ok()
                })
                .map_err(fault)
        });
        while let Some(listed) = receiver.recv().await {
            if !each(listed) {
                break;
            }
        }
        drop(receiver);
        reader.await.map_err(|_| {
            Refusal::new(Code::InternalFault).with("text", "the directory's thread ended")
        })?
    }
}

/// A question in the directory's terms; `None` if it can find nothing (an id that is not one, an attribute that is not unique).
fn lookup_to(lookup: &Lookup) -> Option<::directory::Lookup> {
    let (kind, key) = match lookup {
        Lookup::Id(id) => (None, LookupKey::Id(Uuid::try_parse(&id.0).ok()?)),
        Lookup::SourceAnchor(class, anchor) => (
            Some(kind_of(class)?),
            LookupKey::ImmutableId(anchor.clone()),
        ),
        Lookup::Attribute(class, name, value) => {
            let key = match &**name {
                "userPrincipalName" => LookupKey::UserPrincipalName(value.clone()),
                "mailNickname" => LookupKey::MailNickname(value.clone()),
                "mail" => LookupKey::Mail(value.clone()),
                "onPremisesSecurityIdentifier" => LookupKey::SecurityIdentifier(value.clone()),
                "onPremisesImmutableId" => LookupKey::ImmutableId(value.clone()),
                "proxyAddresses" => return address(value),
                _ => return None,
            };
            (Some(kind_of(class)?), key)
        }
        Lookup::ProxyAddress(value) => return address(value),
    };
    Some(::directory::Lookup { kind, key })
}

fn address(value: &str) -> Option<::directory::Lookup> {
    let value = if value.contains(':') {
        value.to_owned()
    } else {
        format!("smtp:{value}")
    };
    Some(::directory::Lookup {
        kind: None,
        key: LookupKey::ProxyAddress(value),
    })
}

fn operation_to(operation: &Operation) -> Result<::directory::Operation, Refusal> {
    let kind = kind_of(&operation.class).ok_or_else(|| {
        Refusal::new(Code::SchemaInvalid).with(
            "text",
            format!("the tenant directory has no class {}", operation.class),
        )
    })?;
    let expected_version = match operation.precondition {
        Precondition::Version(version) => Some(version),
        Precondition::Absent | Precondition::Exists => None,
    };
    let id = || {
        operation
            .target
            .as_ref()
            .and_then(|id| Uuid::try_parse(&id.0).ok())
            .ok_or_else(|| {
                Refusal::new(Code::InternalFault)
                    .with("text", "an operation on an object needs the object's id")
            })
    };
    let mut set = attributes_to(kind, &operation.attributes)?;
    // At the version it requires, the object carries these two already.
    let is_only_references = operation.verb == Verb::Update
        && expected_version.is_some()
        && operation.attributes.is_empty()
        && !operation.references.is_empty();
    if operation.verb != Verb::Delete && !is_only_references {
        set.insert(
            IMMUTABLE_ID,
            ::directory::Value::Text(operation.source_anchor.as_str().into()),
        );
        set.insert(SYNC_ENABLED, ::directory::Value::Bool(true));
    }
    let references = references_to(&operation.references)?;
    Ok(match operation.verb {
        Verb::Create => ::directory::Operation::Create {
            kind,
            attributes: set,
            references,
        },
        Verb::Update | Verb::Disable => ::directory::Operation::Update {
            id: id()?,
            expected_version,
            set,
            references,
        },
        Verb::Restore => ::directory::Operation::Restore {
            id: id()?,
            expected_version,
            set,
        },
        Verb::Delete => ::directory::Operation::Delete {
            id: id()?,
            expected_version,
            scope: DeleteScope::SynchronisedOnly,
        },
    })
}

fn outcome_from(operation: &Operation, outcome: ::directory::Outcome) -> Outcome {
    match outcome {
        ::directory::Outcome::Done { id, version } => Outcome::Done {
            target: id.to_string().into(),
            version,
        },
        ::directory::Outcome::Refused(why) => {
            use ::directory::Refusal as R;
            match &why {
                R::PreconditionFailed { .. } | R::NotFound { .. } | R::NotDeleted { .. } => {
                    Outcome::Stale
                }
                R::AttributeValueMustBeUnique(clash)
                    if operation.verb == Verb::Create && clash.attribute == IMMUTABLE_ID =>
                {
                    Outcome::Stale
                }
                _ => Outcome::Refused(refusal_from(&why)),
            }
        }
    }
}

/// The name of a target class in the terms of the rules.
pub fn class_name(kind: ::directory::Kind) -> Name {
    convert::class_of(kind)
}

/// A refusal of the directory as a code with arguments.
pub fn refusal_of(why: &::directory::Refusal) -> Refusal {
    refusal_from(why)
}

/// Attributes of a directory object in the terms of the rules.
pub fn attributes_of(object: &::directory::Object) -> sync_core::value::Attributes {
    attributes_from(&object.attributes)
}
