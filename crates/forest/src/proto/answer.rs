//! Answers of the server, written straight into the octets that go to the socket.
//!
//! It never looks at the store. The trap: results of different operations differ only by their tag,
//! so the tag is an argument and the names of the tags are here.

use crate::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTETS, SEQUENCE, SET, Writer};
use crate::proto::Control;
use crate::store::encode;

/// Result codes this server uses (RFC 4511 §4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Code {
    Success = 0,
    OperationsError = 1,
    ProtocolError = 2,
    TimeLimitExceeded = 3,
    SizeLimitExceeded = 4,
    CompareFalse = 5,
    CompareTrue = 6,
    AuthMethodNotSupported = 7,
    StrongAuthRequired = 8,
    Referral = 10,
    AdminLimitExceeded = 11,
    UnavailableCriticalExtension = 12,
    NoSuchAttribute = 16,
    ConstraintViolation = 19,
    AttributeOrValueExists = 20,
    InvalidAttributeSyntax = 21,
    NoSuchObject = 32,
    InvalidDnSyntax = 34,
    InvalidCredentials = 49,
    InsufficientAccessRights = 50,
    Busy = 51,
    Unavailable = 52,
    UnwillingToPerform = 53,
    NamingViolation = 64,
    ObjectClassViolation = 65,
    NotAllowedOnNonLeaf = 66,
    NotAllowedOnRdn = 67,
    EntryAlreadyExists = 68,
    Other = 80,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The result code.
    pub code: Code,
    /// The part of the name that does exist.
    pub matched: String,
    /// Text for a person.
    pub text: String,
    /// Where else to ask.
    pub referrals: Vec<String>,
}

impl Outcome {
    /// It went well.
    pub fn success() -> Self {
        Self::of(Code::Success, "")
    }

    /// A code with its text.
    pub fn of(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            matched: String::new(),
            text: text.into(),
            referrals: Vec::new(),
        }
    }
}

/// An attribute of an entry, its name with options.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    /// Name with options, such as `member;range=0-1499`.
    pub name: String,
    /// Values as sent.
    pub values: Vec<Vec<u8>>,
}

/// An entry that has been begun.
#[derive(Debug)]
#[must_use = "close or cancel what was opened"]
pub struct OpenEntry {
    start: usize,
    opened: [crate::ber::Open; 3],
}

/// Octets of the answers to one request.
#[derive(Debug, Default)]
pub struct Answer {
    writer: Writer,
    ends: Vec<usize>,
}

impl Answer {
    /// Tag of BindResponse.
    pub const BIND: u8 = 0x61;
    /// Tag of SearchResultDone.
    pub const SEARCH: u8 = 0x65;
    /// Tag of ModifyResponse.
    pub const MODIFY: u8 = 0x67;
    /// Tag of AddResponse.
    pub const ADD: u8 = 0x69;
    /// Tag of DelResponse.
    pub const DELETE: u8 = 0x6b;
    /// Tag of ModifyDNResponse.
    pub const MODIFY_DN: u8 = 0x6d;
    /// Tag of CompareResponse.
    pub const COMPARE: u8 = 0x6f;
    /// Tag of ExtendedResponse.
    pub const EXTENDED: u8 = 0x78;

    /// Octets written so far.
    pub fn len(&self) -> usize {
        self.writer.bytes.len()
    }

    /// How many entries are in it.
    pub fn entries(&self) -> usize {
        self.ends.len()
    }

    /// Octets up to the end of the first `count` entries.
    pub fn end_of_entry(&self, count: usize) -> usize {
        count
            .checked_sub(1)
            .and_then(|place| self.ends.get(place))
            .copied()
            .unwrap_or(0)
    }

    /// Nothing written yet.
    pub fn is_empty(&self) -> bool {
        self.writer.bytes.is_empty()
    }

    /// The octets, to be sent.
    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.bytes
    }

    /// One found object.
    pub fn entry(&mut self, id: i32, dn: &str, attributes: &[Partial]) {
        let open = self.open_entry(id, dn);
        for attribute in attributes {
            let name = encode([&attribute.name]);
            self.attribute(&name, &encode(&attribute.values));
        }
        self.close_entry(open);
    }

    /// Begins an entry; its attributes follow.
    pub fn open_entry(&mut self, id: i32, dn: &str) -> OpenEntry {
        let start = self.writer.bytes.len();
        let message = self.begin(id);
        let entry = self.writer.open(0x64);
        self.writer.octets(OCTETS, dn.as_bytes());
        let list = self.writer.open(SEQUENCE);
        OpenEntry {
            start,
            opened: [list, entry, message],
        }
    }

    /// One attribute of the open entry, name and values encoded already.
    pub fn attribute(&mut self, name: &[u8], values: &[u8]) {
        let one = self.writer.open(SEQUENCE);
        self.writer.bytes.extend_from_slice(name);
        let set = self.writer.open(SET);
        self.writer.bytes.extend_from_slice(values);
        self.writer.close(set);
        self.writer.close(one);
    }

    /// Ends the entry.
    pub fn close_entry(&mut self, open: OpenEntry) {
        for one in open.opened {
            self.writer.close(one);
        }
        self.ends.push(self.writer.bytes.len());
    }

    /// Takes the entry back.
    pub fn cancel_entry(&mut self, open: OpenEntry) {
        self.writer.bytes.truncate(open.start);
    }

    /// Another naming context lies below the base.
    pub fn reference(&mut self, id: i32, url: &str) {
        let message = self.begin(id);
        let reference = self.writer.open(0x73);
        self.writer.octets(OCTETS, url.as_bytes());
        self.writer.close(reference);
        self.writer.close(message);
    }

    /// The result of an operation, with controls.
    pub fn done(&mut self, id: i32, tag: u8, outcome: &Outcome, controls: &[Control]) {
        let message = self.begin(id);
        let result = self.writer.open(tag);
        self.result(outcome);
        self.writer.close(result);
        self.controls(controls);
        self.writer.close(message);
    }

    /// The result of an extended operation.
    pub fn extended(
        &mut self,
        id: i32,
        outcome: &Outcome,
        name: Option<&str>,
        value: Option<&[u8]>,
    ) {
        let message = self.begin(id);
        let result = self.writer.open(Self::EXTENDED);
        self.result(outcome);
        if let Some(name) = name {
            self.writer.octets(0x8a, name.as_bytes());
        }
        if let Some(value) = value {
            self.writer.octets(0x8b, value);
        }
        self.writer.close(result);
        self.writer.close(message);
    }

    fn begin(&mut self, id: i32) -> crate::ber::Open {
        let message = self.writer.open(SEQUENCE);
        self.writer.integer(INTEGER, i64::from(id));
        message
    }

    fn result(&mut self, outcome: &Outcome) {
        self.writer
            .integer(ENUMERATED, i64::from(outcome.code as u8));
        self.writer.octets(OCTETS, outcome.matched.as_bytes());
        self.writer.octets(OCTETS, outcome.text.as_bytes());
        if !outcome.referrals.is_empty() {
            let list = self.writer.open(0xa3);
            for url in &outcome.referrals {
                self.writer.octets(OCTETS, url.as_bytes());
            }
            self.writer.close(list);
        }
    }

    fn controls(&mut self, controls: &[Control]) {
        if controls.is_empty() {
            return;
        }
        let list = self.writer.open(0xa0);
        for control in controls {
            let one = self.writer.open(SEQUENCE);
            self.writer.octets(OCTETS, control.oid.as_bytes());
            if control.is_critical {
                self.writer.boolean(BOOLEAN, true);
            }
            if let Some(value) = &control.value {
                self.writer.octets(OCTETS, value);
            }
            self.writer.close(one);
        }
        self.writer.close(list);
    }
}
