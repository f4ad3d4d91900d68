//! Requests of a client, read from one LDAPMessage.
//!
//! Reading accepts everything RFC 4511 allows and keeps unknown operations as such, so that the
//! server can answer them; it never answers itself. The trap: a request that cannot be read has no
//! usable message id, so the connection has to end with a notice of disconnection.

use crate::ber::{self, BOOLEAN, BerError, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, SET};
use crate::proto::{Control, Filter};

/// One message from a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Message id, to be repeated in every answer.
    pub id: i32,
    /// What is asked.
    pub operation: Operation,
    /// Controls in the order sent.
    pub controls: Vec<Control>,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Authenticate.
    Bind {
        /// Protocol version.
        version: i64,
        /// DN or one of the name forms of AD.
        name: String,
        /// How the client proves who it is.
        credentials: Credentials,
    },
    /// End the connection.
    Unbind,
    /// Find objects.
    Search(Search),
    /// Change attributes of one object.
    Modify(String, Vec<Change>),
    /// Create an object.
    Add(Add),
    /// Remove an object.
    Delete(String),
    /// Rename or move an object.
    ModifyDn(ModifyDn),
    /// Does the object have this value?
    Compare(String, String, Vec<u8>),
    /// Forget an earlier request.
    Abandon(i32),
    /// StartTLS, WhoAmI and the like.
    Extended(String),
    /// An operation this server does not know, by tag.
    Unknown(u8),
}

/// The authentication choice of a bind.
#[derive(Clone, PartialEq)]
pub enum Credentials {
    /// The password as sent.
    Simple(Vec<u8>),
    /// SASL or another choice, which this server does not offer.
    Other,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Simple(_) => "Simple(..)",
            Self::Other => "Other",
        })
    }
}

/// How far below the base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base object alone.
    Base,
    /// Its direct children.
    One,
    /// Itself and everything below.
    Subtree,
}

/// A search request.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Where to look.
    pub base: String,
    /// How deep to look.
    pub scope: Scope,
    /// Most entries the client wants; 0 is no limit.
    pub size_limit: i64,
    /// Most seconds the client wants to wait; 0 is no limit.
    pub time_limit: i64,
    /// Names of attributes without their values.
    pub types_only: bool,
    /// Which objects.
    pub filter: Filter,
    /// Which attributes; none means all user attributes.
    pub attributes: Vec<String>,
}

/// An attribute's name with its values.
pub type NamedValues = (String, Vec<Vec<u8>>);

/// Objects to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Add {
    /// Name of the new object.
    pub dn: String,
    /// Attributes with their values.
    pub attributes: Vec<NamedValues>,
}

/// A rename or a move.
#[derive(Debug, Clone, PartialEq)]
pub struct ModifyDn {
    /// The object.
    pub dn: String,
    /// Its new relative name.
    pub new_rdn: String,
    /// The new parent, if it moves.
    pub new_superior: Option<String>,
}

/// One step of a modify request.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is done.
    pub kind: ChangeKind,
    /// To which attribute.
    pub attribute: String,
    /// With which values.
    pub values: Vec<Vec<u8>>,
}

/// The kinds of modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Add values.
    Add,
    /// Delete values, or all of them.
    Delete,
    /// Put these values in place of all.
    Replace,
}

impl Request {
    /// Reads one LDAPMessage.
    pub fn read(frame: &[u8]) -> Result<Self, BerError> {
        let mut message = Reader::new(frame).nested(SEQUENCE)?;
        let id = i32::try_from(message.integer(INTEGER)?).map_err(|_| BerError::Range)?;
        let (tag, body) = message.next_value()?;
        let operation = operation(tag, body)?;
        let mut controls = Vec::new();
        if let Some(list) = message.optional(0xa0)? {
            let mut list = Reader::new(list);
            while !list.is_empty() {
                controls.push(Control::read(list.nested(SEQUENCE)?)?);
            }
        }
        Ok(Self {
            id,
            operation,
            controls,
        })
    }
}

fn operation(tag: u8, body: &[u8]) -> Result<Operation, BerError> {
    let mut reader = Reader::new(body);
    Ok(match tag {
        0x60 => bind(&mut reader)?,
        0x42 => Operation::Unbind,
        0x63 => Operation::Search(search(&mut reader)?),
        0x66 => modify(&mut reader)?,
        0x68 => Operation::Add(Add {
            dn: reader.text(OCTETS)?,
            attributes: attribute_list(reader.nested(SEQUENCE)?)?,
        }),
        0x4a => Operation::Delete(ber::text(body)?),
        0x6c => Operation::ModifyDn(modify_dn(&mut reader)?),
        0x6e => compare(&mut reader)?,
        0x50 => {
            Operation::Abandon(i32::try_from(ber::integer(body)?).map_err(|_| BerError::Range)?)
        }
        0x77 => Operation::Extended(reader.text(0x80)?),
        other => Operation::Unknown(other),
    })
}

fn bind(reader: &mut Reader<'_>) -> Result<Operation, BerError> {
    Ok(Operation::Bind {
        version: reader.integer(INTEGER)?,
        name: reader.text(OCTETS)?,
        credentials: match reader.next_value()? {
            (0x80, password) => Credentials::Simple(password.to_vec()),
            _ => Credentials::Other,
        },
    })
}

fn search(reader: &mut Reader<'_>) -> Result<Search, BerError> {
    let base = reader.text(OCTETS)?;
    let scope = match reader.integer(ENUMERATED)? {
        0 => Scope::Base,
        1 => Scope::One,
        2 => Scope::Subtree,
        _ => return Err(BerError::Range),
    };
    reader.integer(ENUMERATED)?;
    let size_limit = reader.integer(INTEGER)?;
    let time_limit = reader.integer(INTEGER)?;
    let types_only = reader.expect(BOOLEAN)? != [0];
    let filter = Filter::read(reader)?;
    let mut attributes = Vec::new();
    let mut list = reader.nested(SEQUENCE)?;
    while !list.is_empty() {
        attributes.push(list.text(OCTETS)?);
    }
    Ok(Search {
        base,
        scope,
        size_limit,
        time_limit,
        types_only,
        filter,
        attributes,
    })
}

fn modify(reader: &mut Reader<'_>) -> Result<Operation, BerError> {
    let dn = reader.text(OCTETS)?;
    let mut list = reader.nested(SEQUENCE)?;
    let mut changes = Vec::new();
    while !list.is_empty() {
        let mut step = list.nested(SEQUENCE)?;
        let kind = match step.integer(ENUMERATED)? {
            0 => ChangeKind::Add,
            1 => ChangeKind::Delete,
            2 => ChangeKind::Replace,
            _ => return Err(BerError::Range),
        };
        let (attribute, values) = attribute(step.nested(SEQUENCE)?)?;
        changes.push(Change {
            kind,
            attribute,
            values,
        });
    }
    Ok(Operation::Modify(dn, changes))
}

fn modify_dn(reader: &mut Reader<'_>) -> Result<ModifyDn, BerError> {
    let dn = reader.text(OCTETS)?;
    let new_rdn = reader.text(OCTETS)?;
    // AD always drops the old name; whether the client asks for it makes no difference.
    reader.expect(BOOLEAN)?;
    let new_superior = reader.optional(0x80)?.map(ber::text).transpose()?;
    Ok(ModifyDn {
        dn,
        new_rdn,
        new_superior,
    })
}

fn compare(reader: &mut Reader<'_>) -> Result<Operation, BerError> {
    let dn = reader.text(OCTETS)?;
    let mut assertion = reader.nested(SEQUENCE)?;
    let attribute = assertion.text(OCTETS)?;
    let value = assertion.expect(OCTETS)?.to_vec();
    Ok(Operation::Compare(dn, attribute, value))
}

fn attribute_list(mut list: Reader<'_>) -> Result<Vec<NamedValues>, BerError> {
    let mut attributes = Vec::new();
    while !list.is_empty() {
        attributes.push(attribute(list.nested(SEQUENCE)?)?);
    }
    Ok(attributes)
}

fn attribute(mut reader: Reader<'_>) -> Result<(String, Vec<Vec<u8>>), BerError> {
    let name = reader.text(OCTETS)?;
    let mut set = reader.nested(SET)?;
    let mut values = Vec::new();
    while !set.is_empty() {
        values.push(set.expect(OCTETS)?.to_vec());
    }
    Ok((name, values))
}
