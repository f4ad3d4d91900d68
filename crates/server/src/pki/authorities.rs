//! The tenant's authorities: one, and two while the old one is being exchanged for a new one.
//!
//! The newest issues agents' certificates; the oldest issues the server's own, because whoever was told only of that one must
//! still find the server. Both are trusted until the old one is retired; then the new one does everything. Trap: the file with
//! both is written before anybody hears of a change, so a restart goes on where the last process stopped.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{Authority, Fingerprint, PkiError, Vault, authority::AUTHORITY_FILE};

/// Where an authority's certificate begins in the file; its key follows it.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// The authorities of a tenant.
pub struct Authorities {
    vault: Vault,
    /// The oldest first.
    ///
    /// INVARIANT: never empty.
    state: RwLock<State>,
    /// Counts changes.
    changes: watch::Sender<u64>,
}

#[derive(Clone)]
struct State {
    oldest: Arc<Authority>,
    newer: Option<Arc<Authority>>,
}

/// Why an exchange cannot begin or end.
#[derive(Debug, Error)]
pub enum RollFault {
    /// One is under way.
    #[error(
        "an exchange of the authority is under way; `hybridge ca show` says who still needs the old one, `hybridge ca retire` ends it"
    )]
    UnderWay,
    /// None is under way.
    #[error("there is one authority only; `hybridge ca roll` makes a new one beside it")]
    NoneUnderWay,
    /// Keys and files.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

impl Authorities {
    /// Opens the authorities of a vault, or founds the first one.
    ///
    /// # Errors
    /// Whatever is wrong with the file.
    pub fn open(vault: &Vault, now: Timestamp) -> Result<Self, PkiError> {
        let text = match vault.read(AUTHORITY_FILE)? {
            Some(text) => text,
            None => {
                let text = Authority::found(1, now)?;
                vault.write(AUTHORITY_FILE, &text)?;
                text
            }
        };
        Ok(Self {
            vault: vault.clone(),
            state: RwLock::new(parse(&text)?),
            changes: watch::Sender::new(0),
        })
    }

    fn state(&self) -> State {
        let state = self.state.read();
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The authority that issues the server's certificate, and whom newcomers are told to trust.
    pub fn presenting(&self) -> Arc<Authority> {
        self.state().oldest
    }

    /// The authority that issues agents' certificates.
    pub fn issuing(&self) -> Arc<Authority> {
        let state = self.state();
        state.newer.unwrap_or(state.oldest)
    }

    /// All that are trusted, the oldest first.
    pub fn all(&self) -> Vec<Arc<Authority>> {
        let state = self.state();
        [Some(state.oldest), state.newer]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Whether certificates of this authority are trusted.
    pub fn trusts(&self, authority: &Fingerprint) -> bool {
        let all = self.all();
        all.iter().any(|one| one.fingerprint() == *authority)
    }

    /// Certificates of all that are trusted, PEM: what agents and clients trust.
    pub fn pem(&self) -> String {
        self.all().iter().map(|one| one.pem()).collect()
    }

    /// Fingerprint of the authority newcomers are told to trust.
    pub fn fingerprint(&self) -> Fingerprint {
        self.presenting().fingerprint()
    }

    /// Hears of every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Founds a new authority beside the present one.
    ///
    /// # Errors
    /// [`RollFault::UnderWay`] if there are two already; those of the file.
    pub fn roll(&self, now: Timestamp) -> Result<(), RollFault> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.newer.is_some() {
            return Err(RollFault::UnderWay);
        }
        let next = Authority::found(state.oldest.number().saturating_add(1), now)?;
        let mut text = self.vault.read(AUTHORITY_FILE)?.unwrap_or_default();
        text.push_str(&next);
        let both = parse(&text)?;
        self.vault.write(AUTHORITY_FILE, &text)?;
        *state = both;
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Ends the trust in the old authority; its fingerprint.
    ///
    /// # Errors
    /// [`RollFault::NoneUnderWay`] if there is one only; those of the file.
    pub fn retire(&self) -> Result<Fingerprint, RollFault> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.newer.is_none() {
            return Err(RollFault::NoneUnderWay);
        }
        let text = self.vault.read(AUTHORITY_FILE)?.unwrap_or_default();
        let newest = Zeroizing::new(text.get(last(&text)..).unwrap_or_default().to_owned());
        let alone = parse(&newest)?;
        let gone = state.oldest.fingerprint();
        self.vault.write(AUTHORITY_FILE, &newest)?;
        *state = alone;
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        Ok(gone)
    }
}

/// Where the newest authority begins.
fn last(text: &str) -> usize {
    text.rfind(BEGIN).unwrap_or_default()
}

fn parse(text: &str) -> Result<State, PkiError> {
    let newest = last(text);
    let (before, after) = text.split_at(newest);
    match before.contains(BEGIN) {
        true => Ok(State {
            oldest: Arc::new(Authority::from_pem(before)?),
            newer: Some(Arc::new(Authority::from_pem(after)?)),
        }),
        false => Ok(State {
            oldest: Arc::new(Authority::from_pem(text)?),
            newer: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn open(folder: &tempfile::TempDir) -> Authorities {
        Authorities::open(&Vault::open(folder.path(), None).unwrap(), now()).unwrap()
    }

    #[test]
    fn an_exchange_survives_restarts_at_every_step() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(&folder);
        let old = first.fingerprint();
        assert!(matches!(first.retire(), Err(RollFault::NoneUnderWay)));
        first.roll(now()).unwrap();
        assert!(matches!(first.roll(now()), Err(RollFault::UnderWay)));
        let rolling = open(&folder);
        let new = rolling.issuing().fingerprint();
        assert_eq!(
            (rolling.fingerprint(), first.issuing().fingerprint()),
            (old, new)
        );
        assert!(rolling.trusts(&old) && rolling.trusts(&new));
        assert_eq!(rolling.pem().matches(BEGIN).count(), 2);
        assert_eq!(rolling.issuing().number(), 2);
        assert_eq!(rolling.retire().unwrap(), old);
        let alone = open(&folder);
        assert_eq!(
            (alone.fingerprint(), alone.issuing().fingerprint()),
            (new, new)
        );
        assert!(!alone.trusts(&old));
        alone.roll(now()).unwrap();
        assert_eq!(alone.issuing().number(), 3);
    }
}
