//! The handles that carry rights.
//!
//! Never made outside this crate except by authenticating or by opening the file. Trap: holding one proves that the
//! credential was good once; whether it still is, every call checks.

use super::{AuthError, Role};

/// On whose behalf a call is made; public only in name, it is not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    Administrator,
    Credential { principal: i64, credential: i64 },
}

impl Identity {
    fn row(self) -> i64 {
        match self {
            Identity::Administrator => 0,
            Identity::Credential { principal, .. } => principal,
        }
    }
}

mod sealed {
    pub trait Sealed {
        fn identity(&self) -> super::Identity;
    }
}

/// Any handle with which one may read.
pub trait Reads: sealed::Sealed {}

/// The right to read.
#[derive(Clone, Debug)]
pub struct Reader(Identity);

/// The right to read and write objects.
#[derive(Clone, Debug)]
pub struct Writer(Identity);

/// The right to do everything, tenant and principals included.
#[derive(Clone, Debug)]
pub struct Administrator(());

macro_rules! reads {
    ($($handle:ty => |$this:ident| $identity:expr;)*) => {$(
        impl sealed::Sealed for $handle {
            fn identity(&self) -> Identity {
                let $this = self;
                $identity
            }
        }
        impl Reads for $handle {}
    )*};
}

reads! {
    Reader => |reader| reader.0;
    Writer => |writer| writer.0;
    Caller => |caller| caller.identity;
    Administrator => |_administrator| Identity::Administrator;
}

impl Administrator {
    pub(crate) fn new() -> Administrator {
        Administrator(())
    }

    /// The right to read.
    pub fn reader(&self) -> Reader {
        Reader(Identity::Administrator)
    }

    /// The right to write; changes carry no principal.
    pub fn writer(&self) -> Writer {
        Writer(Identity::Administrator)
    }
}

/// A service principal that has shown its secret; it may read.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Identity,
    role: Role,
}

impl Caller {
    pub(super) fn new(identity: Identity, role: Role) -> Caller {
        Caller { identity, role }
    }

    /// The right to read.
    pub fn reader(&self) -> Reader {
        Reader(self.identity)
    }

    /// The right to write.
    ///
    /// # Errors
    /// `Forbidden` when the principal may only read.
    pub fn writer(&self) -> Result<Writer, AuthError> {
        match self.role {
            Role::Writer => Ok(Writer(self.identity)),
            Role::Reader => Err(AuthError::Forbidden),
        }
    }
}

/// The principal to be noted on what the caller changes.
pub(crate) fn row_of(caller: &impl Reads) -> i64 {
    caller.identity().row()
}
