//! What each feature needs of a domain: kinds of access, to what, where.
//!
//! The features and what belongs to them are those of Microsoft's documentation "Microsoft Entra Cloud Sync: gMSA cmdlets". Trap:
//! rights beyond reading and DirSync are needed only by features that write; asking for them all is asking for too much.

use sync_core::id::Anchor;

/// READ_PROPERTY, WRITE_PROPERTY, CREATE_CHILD, DELETE_CHILD, CONTROL_ACCESS, DELETE_TREE (MS-ADTS §5.1.3.2).
const READ: u32 = 0x10;
const WRITE: u32 = 0x20;
const CREATE: u32 = 0x01;
const DELETE: u32 = 0x02;
const CONTROL: u32 = 0x100;
const DELETE_TREE: u32 = 0x40;
/// DELETE
const DELETE_SELF: u32 = 0x0001_0000;

/// A class, an attribute or an extended right, by the number Active Directory gives it everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Name.
    pub name: &'static str,
    /// schemaIDGUID or rightsGuid.
    pub guid: &'static str,
}

impl Named {
    /// The bytes, as access control lists hold them.
    pub fn guid(self) -> [u8; 16] {
        let anchor = Anchor::from_guid_text(self.guid);
        let bytes = anchor.as_ref().map(Anchor::as_bytes);
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default()
    }
}

macro_rules! named {
    ($($constant:ident $name:literal $guid:literal;)*) => {
        $(const $constant: Named = Named { name: $name, guid: $guid };)*
    };
}

named! {
    USER "user" "bf967aba-0de6-11d0-a285-00aa003049e2";
    GROUP "group" "bf967a9c-0de6-11d0-a285-00aa003049e2";
    COMPUTER "computer" "bf967a86-0de6-11d0-a285-00aa003049e2";
    CONTACT "contact" "5cb41ed0-0e4c-11d0-a286-00aa003049e2";
    INET_ORG_PERSON "inetOrgPerson" "4828cc14-1437-45bc-9b07-ad6f015e5f28";
    DEVICE "device" "bf967a8e-0de6-11d0-a285-00aa003049e2";
    FOREIGN "foreignSecurityPrincipal" "89e31c12-8530-11d0-afda-00c04fd930c9";
    GET_CHANGES "Replicating Directory Changes" "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2";
    GET_CHANGES_ALL "Replicating Directory Changes All" "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2";
    RESET_PASSWORD "Reset Password" "00299570-246d-11d0-a768-00aa006e0529";
    UNEXPIRE_PASSWORD "Unexpire Password" "ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501";
    LOCKOUT_TIME "lockoutTime" "28630ebf-41d5-11d1-a9c1-0000f80367c1";
    PWD_LAST_SET "pwdLastSet" "bf967a0a-0de6-11d0-a285-00aa003049e2";
    CONSISTENCY_GUID "mS-DS-ConsistencyGuid" "23773dc2-b63a-11d2-90e1-00c04fd91ab1";
}

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the domain itself.
    Root,
    /// On objects of the class below it.
    Below,
}

/// A right that is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Kinds of access, as bits of an access mask.
    pub mask: u32,
    /// To which attribute or child class, or which extended right; `None`: to all.
    pub kind: Option<Named>,
    /// To objects of which class.
    pub class: Option<Named>,
    /// Where.
    pub place: Place,
}

impl Need {
    /// Whether it is about reading only.
    pub fn is_reading(&self) -> bool {
        self.mask == READ
    }

    /// In words.
    pub fn shown(&self) -> String {
        let what = self.kind.map_or("all properties", |kind| kind.name);
        let on = match (self.place, self.class) {
            (Place::Root, _) => "the domain".to_owned(),
            (Place::Below, Some(class)) => format!("{} objects", class.name),
            (Place::Below, None) => "all objects".to_owned(),
        };
        let act = match self.mask {
            READ => format!("read {what}"),
            WRITE => format!("write {what}"),
            CONTROL => what.to_owned(),
            mask if mask == READ | WRITE => format!("read and write {what}"),
            mask if mask == CREATE | DELETE => format!("create and delete {what} objects"),
            _ => "change and delete".to_owned(),
        };
        match self.mask {
            mask if mask == CREATE | DELETE => act,
            _ => format!("{act} on {on}"),
        }
    }

    /// The letters of SDDL for the mask (MS-DTYP §2.5.1.1).
    pub(super) fn letters(&self) -> String {
        let all = [
            (CREATE, "CC"),
            (DELETE, "DC"),
            (READ, "RP"),
            (WRITE, "WP"),
            (DELETE_TREE, "DT"),
            (CONTROL, "CR"),
            (DELETE_SELF, "SD"),
        ];
        let letters = all.iter().filter(|(bit, _)| self.mask & bit != 0);
        letters.map(|(_, letters)| *letters).collect()
    }
}

/// What an account is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Reading people, groups, contacts, devices.
    BasicRead,
    /// Finding changes by DirSync.
    DirSync,
    /// Password hashes.
    PasswordHashSync,
    /// Setting passwords.
    PasswordWriteBack,
    /// Writing what Exchange shares with the cloud.
    HybridExchange,
    /// Making and deleting users and groups.
    UserGroupCreateDelete,
    /// Writing the source anchor.
    ConsistencyGuid,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::BasicRead,
        Self::DirSync,
        Self::PasswordHashSync,
        Self::PasswordWriteBack,
        Self::HybridExchange,
        Self::UserGroupCreateDelete,
        Self::ConsistencyGuid,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::BasicRead => "basic-read",
            Self::DirSync => "dirsync",
            Self::PasswordHashSync => "password-hash-sync",
            Self::PasswordWriteBack => "password-write-back",
            Self::HybridExchange => "hybrid-exchange",
            Self::UserGroupCreateDelete => "user-group-create-delete",
            Self::ConsistencyGuid => "consistency-guid",
        }
    }

    /// What it needs.
    pub fn needs(self) -> Vec<Need> {
        let root = |kind| Need {
            mask: CONTROL,
            kind: Some(kind),
            class: None,
            place: Place::Root,
        };
        let below = |mask, kind, class| Need {
            mask,
            kind,
            class: Some(class),
            place: Place::Below,
        };
        let read = [
            USER,
            INET_ORG_PERSON,
            GROUP,
            CONTACT,
            COMPUTER,
            DEVICE,
            FOREIGN,
        ];
        match self {
            Self::BasicRead => read.map(|class| below(READ, None, class)).into(),
            Self::DirSync => vec![root(GET_CHANGES)],
            Self::PasswordHashSync => vec![root(GET_CHANGES), root(GET_CHANGES_ALL)],
            Self::PasswordWriteBack => vec![
                below(CONTROL, Some(RESET_PASSWORD), USER),
                below(WRITE, Some(LOCKOUT_TIME), USER),
                below(WRITE, Some(PWD_LAST_SET), USER),
                root(UNEXPIRE_PASSWORD),
            ],
            Self::HybridExchange => [USER, INET_ORG_PERSON, GROUP, CONTACT]
                .map(|class| below(READ | WRITE, None, class))
                .into(),
            Self::UserGroupCreateDelete => [USER, GROUP]
                .into_iter()
                .flat_map(|class| {
                    let children = Need {
                        mask: CREATE | DELETE,
                        kind: Some(class),
                        class: None,
                        place: Place::Below,
                    };
                    let whole = READ | WRITE | DELETE_SELF | DELETE_TREE;
                    [children, below(whole, None, class)]
                })
                .collect(),
            Self::ConsistencyGuid => [USER, GROUP]
                .map(|class| below(WRITE, Some(CONSISTENCY_GUID), class))
                .into(),
        }
    }
}

impl std::str::FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|feature| feature.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text} is not a feature; known are {names}")
        })
    }
}
