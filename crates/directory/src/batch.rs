//! One write transaction and what is known while it runs.
//!
//! Never commits twice and never half: dropping it undoes everything. Trap: what is remembered outside the database
//! (domains, number of objects) may change only after the commit has succeeded.

use std::cell::{RefCell, RefMut};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::check::Domains;
use crate::fault::Fault;
use crate::located::Located;
use crate::options::{CommitHook, Options};
use crate::refusal::Refusal;
use crate::store::WriterState;

/// A kind of transaction: the names of the two edges of its commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

impl Act {
    pub(crate) const APPLY: Act = Act {
        before: "directory.apply.before_commit",
        after: "directory.apply.after_commit",
    };
    pub(crate) const PURGE: Act = Act {
        before: "directory.purge.before_commit",
        after: "directory.purge.after_commit",
    };
    pub(crate) const TRIM: Act = Act {
        before: "directory.trim.before_commit",
        after: "directory.trim.after_commit",
    };
    pub(crate) const TENANT: Act = Act {
        before: "directory.tenant.before_commit",
        after: "directory.tenant.after_commit",
    };
    pub(crate) const PRINCIPAL: Act = Act {
        before: "directory.principal.before_commit",
        after: "directory.principal.after_commit",
    };
}

/// One write transaction.
pub(crate) struct Batch<'a> {
    transaction: Transaction<'a>,
    pub(crate) domains: Domains,
    kept_domains: &'a mut Domains,
    objects: Option<u64>,
    kept_objects: &'a mut Option<u64>,
    quota: Option<u64>,
    first_sequence: i64,
    sequence: i64,
    now: Timestamp,
    located: RefCell<Located>,
    kept_located: &'a mut Located,
    pub(crate) options: &'a Options,
}

impl<'a> Batch<'a> {
    pub(crate) fn begin(
        state: &'a mut WriterState,
        options: &'a Options,
    ) -> Result<Batch<'a>, Fault> {
        let WriterState {
            connection,
            domains,
            objects,
            located,
        } = state;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sequence = transaction
            .prepare_cached("SELECT sequence FROM tenant")?
            .query_row([], |row| row.get(0))?;
        Ok(Batch {
            transaction,
            domains: domains.clone(),
            kept_domains: domains,
            objects: *objects,
            kept_objects: objects,
            quota: options.quota_objects,
            first_sequence: sequence,
            sequence,
            now: (options.clock)(),
            // Put back by the commit only: what a batch that was undone has seen may never have been.
            located: RefCell::new(std::mem::take(located)),
            kept_located: located,
            options,
        })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.transaction
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The next number of the directory-wide change sequence.
    pub(crate) fn next_version(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    /// The number [`Self::next_version`] will give.
    pub(crate) fn coming_version(&self) -> i64 {
        self.sequence + 1
    }

    /// Rows of live objects that were looked up.
    pub(crate) fn located(&self) -> RefMut<'_, Located> {
        self.located.borrow_mut()
    }

    /// Whether one more object may be made.
    pub(crate) fn check_quota(&self) -> Result<(), Refusal> {
        match (self.quota, self.objects) {
            (Some(limit), Some(objects)) if objects >= limit => {
                Err(Refusal::QuotaExceeded { limit })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn count_created(&mut self) {
        self.objects = self.objects.map(|objects| objects.saturating_add(1));
    }

    pub(crate) fn count_destroyed(&mut self) {
        self.objects = self.objects.map(|objects| objects.saturating_sub(1));
    }

    pub(crate) fn commit(self, act: Act, hook: Option<&CommitHook>) -> Result<(), Fault> {
        if self.sequence != self.first_sequence {
            self.transaction
                .prepare_cached("UPDATE tenant SET sequence = ?1")?
                .execute([self.sequence])?;
        }
        let tell = |edge| {
            if let Some(hook) = hook {
                hook(edge);
            }
        };
        tell(act.before);
        self.transaction.commit()?;
        *self.kept_domains = self.domains;
        *self.kept_objects = self.objects;
        *self.kept_located = self.located.into_inner();
        tell(act.after);
        Ok(())
    }
}
