//! The vault: what the server keeps secret, each in a file of the data directory, sealed under the master key.
//!
//! Reads and writes secrets by the name of their file, seals what older versions left open, and changes the key while the server
//! works. Never writes a secret open, and never seals under any key but the first of the ring. Trap: a new key is on the disk
//! before anything is sealed under it, and an old one stays until somebody takes it off; so whatever moment the process ends at,
//! everything can be opened.

mod fault;
mod ring;
mod sealed;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use zeroize::Zeroizing;

pub use fault::VaultFault;
pub use ring::{KEY_VARIABLE, MasterKey, OWN_KEY_FILE, Origin, Ring};

use super::{PkiError, files};
use crate::failpoint;
use sealed::Sealed;

/// Names of the files that hold secrets.
pub const SECRETS: [&str; 5] = [
    "authority.pem",
    "token-key.json",
    "expression-seed",
    "directory-credential.json",
    "notifications.json",
];

/// The vault of a data directory.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    data: PathBuf,
    ring: RwLock<Ring>,
    /// Held while a secret is written, so that none is sealed under a key that is just being replaced.
    turn: Mutex<()>,
}

/// How a secret lies in the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Name of its file.
    pub name: &'static str,
    /// Id of the key it is sealed under; `None`: it is open.
    pub key: Option<String>,
}

impl Vault {
    /// Opens the vault of a data directory: finds the master key, or makes one where there has been none, sees that it opens
    /// everything, and seals what is open or under an older key. `chosen` is a file with the key, if the administrator names one.
    ///
    /// # Errors
    /// `MasterKeyMissing`, `MasterKeyWrong`, those of the files.
    pub fn open(data: &Path, chosen: Option<&Path>) -> Result<Self, PkiError> {
        let mut ring = Ring::find(data, chosen)?;
        if ring.is_empty() {
            if let Some((name, key)) = first_sealed(data)? {
                return Err(VaultFault::Missing {
                    place: data.join(name),
                    key,
                    looked: data.join(OWN_KEY_FILE),
                }
                .into());
            }
            ring = Ring::found(data)?;
        }
        let vault = Self(Arc::new(Inner {
            data: data.to_owned(),
            ring: RwLock::new(ring),
            turn: Mutex::default(),
        }));
        vault.seal_all()?;
        Ok(vault)
    }

    /// Reads a secret; `None` if there is none. What was put there open by hand is taken as it is until the next start seals it:
    /// whoever can write into the data directory can replace the databases as well.
    ///
    /// # Errors
    /// If it cannot be read, or no key of the ring opens it.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, PkiError> {
        let path = self.0.data.join(name);
        let Some(text) = files::read_private(&path)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        match Sealed::parse(&text) {
            None => Ok(Some(text)),
            Some(sealed) => Ok(Some(sealed.open(&self.ring(), name, &path)?)),
        }
    }

    /// Seals a secret and puts it in the place of the one before; after a power cut it is the old or the new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, secret: &str) -> Result<(), PkiError> {
        let _turn = self.turn();
        self.put(name, secret)
    }

    fn put(&self, name: &str, secret: &str) -> Result<(), PkiError> {
        let sealed = Sealed::seal(self.ring().first()?, name, secret)?;
        Ok(files::write_private(
            &self.0.data.join(name),
            &sealed.text(),
        )?)
    }

    /// Seals everything that is open or under another key than the first; how many secrets that were.
    fn seal_all(&self) -> Result<usize, PkiError> {
        let _turn = self.turn();
        let current = self.ring().first()?.id().to_owned();
        let mut count = 0;
        for kept in kept(&self.0.data)? {
            // Opened in any case: a key that does not fit is found now and not in the middle of the work.
            let secret = self.read(kept.name)?;
            if kept.key.as_ref() == Some(&current) {
                continue;
            }
            if let Some(secret) = secret {
                self.put(kept.name, &secret)?;
                count += 1;
                point("vault.sealed");
            }
        }
        Ok(count)
    }

    /// Makes a new master key and seals everything under it; its id. The one before stays, for backups that were made under it,
    /// until [`Vault::retire`].
    ///
    /// # Errors
    /// `ConfigurationInvalid` if the key is not in a file of ours to write; those of the files.
    pub fn rotate(&self) -> Result<String, PkiError> {
        let id = {
            let _turn = self.turn();
            let mut ring = self.ring();
            let id = ring.put_first(MasterKey::new()?)?;
            *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
            id
        };
        point("vault.key");
        self.seal_all()?;
        Ok(id)
    }

    /// Takes the keys off that seal nothing any more; their ids.
    ///
    /// # Errors
    /// `Conflict` if something is still sealed under one; those of the files.
    pub fn retire(&self) -> Result<Vec<String>, PkiError> {
        self.seal_all()?;
        let _turn = self.turn();
        let mut ring = self.ring();
        let gone = ring.keep_first(&self.0.data)?;
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(gone)
    }

    /// The keys there are.
    pub fn ring(&self) -> Ring {
        let ring = self.0.ring.read();
        ring.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How each secret lies in the data directory.
    ///
    /// # Errors
    /// Of the files.
    pub fn kept(&self) -> Result<Vec<Kept>, PkiError> {
        kept(&self.0.data)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The secrets of a folder, and under which key each is.
///
/// # Errors
/// Of the files.
pub fn kept(folder: &Path) -> Result<Vec<Kept>, PkiError> {
    let mut all = Vec::new();
    for name in SECRETS {
        if let Some(text) = files::read_private(&folder.join(name))?.map(Zeroizing::new) {
            let key = Sealed::parse(&text).map(|sealed| sealed.key().to_owned());
            all.push(Kept { name, key });
        }
    }
    Ok(all)
}

fn first_sealed(folder: &Path) -> Result<Option<(&'static str, String)>, PkiError> {
    let all = kept(folder)?;
    Ok(all
        .into_iter()
        .find_map(|kept| Some((kept.name, kept.key?))))
}

/// Sees that the keys at hand open the secrets of a folder, before they are put where a server will need them. `shown` is where
/// they come from, for whoever reads the error.
///
/// # Errors
/// `MasterKeyMissing`, `MasterKeyWrong`; `StoreDamaged` for what was changed or changed places.
pub fn check(folder: &Path, shown: &Path, ring: &Ring, looked: &Path) -> Result<(), PkiError> {
    for kept in kept(folder)? {
        let place = shown.join(kept.name);
        let Some(key) = kept.key else { continue };
        if ring.is_empty() {
            let looked = looked.to_owned();
            return Err(VaultFault::Missing { place, key, looked }.into());
        }
        let text = files::read_private(&folder.join(kept.name))?.map(Zeroizing::new);
        if let Some(sealed) = text.and_then(|text| Sealed::parse(&text)) {
            sealed.open(ring, kept.name, &place)?;
        }
    }
    Ok(())
}

/// Puts the sealed secrets of a stopped server aside, so that it makes new ones; the files as they are called now.
///
/// # Errors
/// Of the files.
pub fn abandon(data: &Path, stamp: &str) -> Result<Vec<PathBuf>, PkiError> {
    let mut gone = Vec::new();
    for kept in kept(data)?.into_iter().filter(|kept| kept.key.is_some()) {
        let (from, to) = (
            data.join(kept.name),
            data.join(format!("{}.abandoned-{stamp}", kept.name)),
        );
        fs::rename(&from, &to).map_err(|source| files::FileError::of("renaming", &from, source))?;
        gone.push(to);
    }
    Ok(gone)
}

/// Whether a text is a sealed secret.
pub fn is_sealed(text: &str) -> bool {
    Sealed::parse(text).is_some()
}

/// A point at which a test may end the process.
fn point(name: &str) {
    static HOOK: std::sync::OnceLock<Option<failpoint::Hook>> = std::sync::OnceLock::new();
    if let Some(hook) = HOOK.get_or_init(failpoint::hook) {
        hook(name);
    }
}

#[cfg(test)]
mod tests;
