//! Fences: of several programs that could write for the same purpose, one may, and the directory itself refuses the others.
//!
//! A fence has a name, a holder and a generation. Whoever takes it gets a higher generation, and from that moment every batch
//! with an older one is refused whole, in the transaction that would have written it. Never decides who should have it: taking
//! it from another holder needs the generation that was seen. Trap: it binds those who present it; who writes without one is
//! bound by its rights only.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::batch::Act;
use crate::fault::Fault;
use crate::operation::{Operation, Outcome};
use crate::principal::{Reads, Writer};
use crate::read::timestamp;
use crate::store::Directory;

/// What a writer presents with every batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Its name.
    pub name: String,
    /// Who holds it.
    pub holder: Uuid,
    /// The generation it was taken with.
    pub generation: u64,
}

/// Who holds a fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceHolder {
    /// The fence's name.
    pub name: String,
    /// Who; `None`: it was given up.
    pub holder: Option<Uuid>,
    /// The name of whoever took it last.
    pub holder_name: String,
    /// How often it was taken.
    pub generation: u64,
    /// When it was taken last.
    pub taken_at: Timestamp,
}

fn row(connection: &Connection, name: &str) -> Result<Option<FenceHolder>, Fault> {
    let found: Option<(Option<[u8; 16]>, String, u64, i64)> = connection
        .prepare_cached(
            "SELECT holder, holder_name, generation, taken_at FROM fence WHERE name = ?1",
        )?
        .query_row([name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    found
        .map(|(holder, holder_name, generation, taken_at)| {
            Ok(FenceHolder {
                name: name.to_owned(),
                holder: holder.map(Uuid::from_bytes),
                holder_name,
                generation,
                taken_at: timestamp(taken_at)?,
            })
        })
        .transpose()
}

fn held(by: FenceHolder) -> Fault {
    Fault::Fenced {
        name: by.name,
        holder_name: by.holder_name,
        generation: by.generation,
    }
}

/// Refuses who does not hold it, within the transaction that is about to write.
pub(crate) fn admit(connection: &Connection, fence: &Fence) -> Result<(), Fault> {
    match row(connection, &fence.name)? {
        Some(now) if now.holder == Some(fence.holder) && now.generation == fence.generation => {
            Ok(())
        }
        Some(now) => Err(held(now)),
        None => Err(Fault::Fenced {
            name: fence.name.clone(),
            holder_name: String::new(),
            generation: 0,
        }),
    }
}

impl Directory {
    /// Who holds a fence; `None` if nobody ever took it.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn fence(&self, caller: &impl Reads, name: &str) -> Result<Option<FenceHolder>, Fault> {
        self.read(caller, |connection| row(connection, name))
    }

    /// Takes a fence nobody holds, or takes it anew; `seen` is the generation of another holder it is taken from. Whoever held
    /// it, also an earlier self, is refused from now on.
    ///
    /// # Errors
    /// [`Fault::Fenced`] if another one holds it and its generation was not the one seen.
    pub fn take_fence(
        &self,
        caller: &Writer,
        name: &str,
        holder: Uuid,
        holder_name: &str,
        seen: Option<u64>,
    ) -> Result<Fence, Fault> {
        self.write(caller, Act::PRINCIPAL, |batch| {
            let now = row(batch.connection(), name)?;
            let before = match now {
                None => 0,
                Some(now) if now.holder.is_none_or(|one| one == holder) => now.generation,
                Some(now) if seen == Some(now.generation) => now.generation,
                Some(now) => return Err(held(now)),
            };
            let generation = before.saturating_add(1);
            batch.connection().execute(
                "INSERT INTO fence (name, holder, holder_name, generation, taken_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO UPDATE SET holder = ?2, holder_name = ?3, generation = ?4, taken_at = ?5",
                params![name, &holder.as_bytes()[..], holder_name, generation, batch.now().as_millisecond()],
            )?;
            Ok(Fence {
                name: name.to_owned(),
                holder,
                generation,
            })
        })
    }

    /// Gives a fence up, so that anybody may take it; of one that is not held any more nothing is given up.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn release_fence(&self, caller: &Writer, fence: &Fence) -> Result<(), Fault> {
        self.write(caller, Act::PRINCIPAL, |batch| {
            batch.connection().execute(
                "UPDATE fence SET holder = NULL WHERE name = ?1 AND holder = ?2 AND generation = ?3",
                params![fence.name, &fence.holder.as_bytes()[..], fence.generation],
            )?;
            Ok(())
        })
    }

    /// As [`Directory::apply`], if the fence is still the caller's; otherwise nothing is written.
    ///
    /// # Errors
    /// [`Fault::Fenced`]; those of `apply`.
    pub fn apply_fenced(
        &self,
        caller: &Writer,
        fence: &Fence,
        operations: Vec<Operation>,
    ) -> Result<Vec<Outcome>, Fault> {
        self.apply_if(caller, operations, |connection| admit(connection, fence))
    }
}
