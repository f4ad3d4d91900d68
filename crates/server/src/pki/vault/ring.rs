//! Master keys: where they come from, and which one seals.
//!
//! The first key seals, the others only open. They come from a file the administrator names, from the environment, from a
//! systemd credential, or from a file of our own in the data directory, which is made at the first start and is part of no
//! backup. The own file is looked into in any case, so that a server whose key moves elsewhere opens what it sealed before.
//! Never shown, only by its id. Trap: a systemd credential may be shown as readable by the group, because access lists stand
//! in the group's place there; its directory protects it, so its mode is not judged.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use super::VaultFault;
use crate::pki::{Fingerprint, PkiError, files};

/// The key file of our own, in the data directory.
pub const OWN_KEY_FILE: &str = "master-key";
/// The environment variable with keys, apart by blanks.
pub const KEY_VARIABLE: &str = "HYBRIDGE_MASTER_KEY";
/// Name of the systemd credential.
pub const CREDENTIAL: &str = "hybridge-master-key";
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
const KEY_BYTES: usize = 32;
// LIMIT: keys of a ring.
const MOST_KEYS: usize = 16;
/// Stands before the key in what its id is made of.
const ID_PURPOSE: &[u8] = b"hybridge master key id\0";
const ID_DIGITS: usize = 16;

/// A key that seals secrets.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: String,
}

impl MasterKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`PkiError::Random`].
    pub fn new() -> Result<Self, PkiError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| PkiError::Random)?;
        Ok(Self::of(bytes))
    }

    fn of(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let print = Fingerprint::of(&Zeroizing::new([ID_PURPOSE, &bytes[..]].concat())).to_string();
        let id = print.get(..ID_DIGITS).unwrap_or_default().to_owned();
        Self { bytes, id }
    }

    /// Reads a key as written: base64 of any alphabet, or hexadecimal.
    fn parse(text: &str) -> Option<Self> {
        let bytes = match text.len() {
            // Twice the bytes can only be hexadecimal.
            length if length == 2 * KEY_BYTES => hexadecimal(text)?,
            _ => {
                let text = text.trim_end_matches('=').replace('+', "-");
                URL_SAFE_NO_PAD.decode(text.replace('/', "_")).ok()?
            }
        };
        let bytes = Zeroizing::new(bytes);
        let mut own = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return None;
        }
        own.copy_from_slice(&bytes);
        Some(Self::of(own))
    }

    /// Its name: tells keys apart and nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..]
    }

    /// As written into files and credentials.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(&self.bytes[..]))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, which we may write.
    File(PathBuf),
    /// The environment.
    Environment,
    /// A systemd credential.
    Credential(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => write!(f, "the environment variable {KEY_VARIABLE}"),
            Self::Credential(path) => write!(f, "the systemd credential {}", path.display()),
        }
    }
}

/// The keys of a server; the first one seals.
#[derive(Clone, Debug)]
pub struct Ring {
    origin: Origin,
    keys: Vec<MasterKey>,
    /// How many of them come from the origin; the rest from our own file.
    from_origin: usize,
}

impl Ring {
    /// The keys there are for a data directory; possibly none.
    ///
    /// # Errors
    /// If a place that should hold keys cannot be read or holds none.
    pub fn find(data: &Path, chosen: Option<&Path>) -> Result<Self, PkiError> {
        let own = data.join(OWN_KEY_FILE);
        let mut ring = match elsewhere(chosen)? {
            Some((origin, keys)) => Self {
                from_origin: keys.len(),
                origin,
                keys,
            },
            None => Self {
                origin: Origin::File(own.clone()),
                keys: Vec::new(),
                from_origin: 0,
            },
        };
        let is_own = ring.origin == Origin::File(own.clone());
        if is_own && !ring.keys.is_empty() {
            return Ok(ring);
        }
        if let Some(text) = files::read_private(&own)?.map(Zeroizing::new) {
            for key in parse(&text, &Origin::File(own))? {
                if ring.key(key.id()).is_none() {
                    ring.keys.push(key);
                }
            }
        }
        if is_own {
            ring.from_origin = ring.keys.len();
        }
        Ok(ring)
    }

    /// A ring with a new key, in our own file.
    pub(super) fn found(data: &Path) -> Result<Self, PkiError> {
        let ring = Self {
            origin: Origin::File(data.join(OWN_KEY_FILE)),
            keys: vec![MasterKey::new()?],
            from_origin: 1,
        };
        ring.save()?;
        Ok(ring)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Where the first key comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Ids, the one that seals first.
    pub fn ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.clone()).collect()
    }

    /// The keys as written, for whoever has to keep them out of something.
    pub fn texts(&self) -> Vec<Zeroizing<String>> {
        self.keys.iter().map(MasterKey::text).collect()
    }

    pub(super) fn first(&self) -> Result<&MasterKey, VaultFault> {
        self.keys.first().ok_or_else(|| VaultFault::Malformed {
            origin: self.origin.to_string(),
        })
    }

    pub(super) fn key(&self, id: &str) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Puts a new key before the others and on the disk; its id.
    pub(super) fn put_first(&mut self, key: MasterKey) -> Result<String, PkiError> {
        let origin = self.origin.to_string();
        if !matches!(self.origin, Origin::File(_)) {
            return Err(VaultFault::NotOurs { origin }.into());
        }
        if self.keys.len() >= MOST_KEYS {
            let most = MOST_KEYS;
            return Err(VaultFault::TooMany { origin, most }.into());
        }
        let id = key.id.clone();
        self.keys.insert(0, key);
        self.from_origin += 1;
        self.save()?;
        Ok(id)
    }

    /// Takes all keys off but the first; the ids of those that went.
    pub(super) fn keep_first(&mut self, data: &Path) -> Result<Vec<String>, PkiError> {
        let gone = self.ids().split_off(1.min(self.keys.len()));
        if gone.is_empty() {
            return Ok(gone);
        }
        let own = data.join(OWN_KEY_FILE);
        let is_file = matches!(self.origin, Origin::File(_));
        if !is_file && self.from_origin > 1 {
            let origin = self.origin.to_string();
            return Err(VaultFault::OldNotOurs { origin }.into());
        }
        self.keys.truncate(1);
        self.from_origin = 1;
        if is_file {
            self.save()?;
        }
        if self.origin != Origin::File(own.clone()) {
            remove(&own)?;
        }
        Ok(gone)
    }

    /// Adds the keys of another ring to our own file, where a server started without more words finds them.
    ///
    /// # Errors
    /// Of the file.
    pub fn keep_in(&self, data: &Path) -> Result<(), PkiError> {
        let own = data.join(OWN_KEY_FILE);
        let mut kept = Self {
            origin: Origin::File(own.clone()),
            keys: match files::read_private(&own)?.map(Zeroizing::new) {
                Some(text) => parse(&text, &Origin::File(own))?,
                None => Vec::new(),
            },
            from_origin: 0,
        };
        for key in &self.keys {
            if kept.key(key.id()).is_none() {
                kept.keys.push(key.clone());
            }
        }
        kept.save()
    }

    fn save(&self) -> Result<(), PkiError> {
        let Origin::File(path) = &self.origin else {
            return Ok(());
        };
        let mut text = Zeroizing::new(String::from(
            "# Master key of a Hybridge server, the newest first. Keep a copy apart from the backups: neither opens without the other.\n",
        ));
        for key in &self.keys {
            text.push_str(&key.text());
            text.push('\n');
        }
        Ok(files::write_private(path, &text)?)
    }
}

/// Keys from where the administrator put them; `None`: nowhere.
fn elsewhere(chosen: Option<&Path>) -> Result<Option<(Origin, Vec<MasterKey>)>, PkiError> {
    if let Some(path) = chosen {
        let Some(text) = files::read_private(path)?.map(Zeroizing::new) else {
            return Err(VaultFault::NoFile { path: path.into() }.into());
        };
        let origin = Origin::File(path.into());
        return Ok(Some((origin.clone(), parse(&text, &origin)?)));
    }
    if let Some(text) = std::env::var(KEY_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty())
    {
        let keys = parse(&Zeroizing::new(text), &Origin::Environment)?;
        return Ok(Some((Origin::Environment, keys)));
    }
    let Some(directory) = std::env::var_os(CREDENTIALS_VARIABLE) else {
        return Ok(None);
    };
    let path = Path::new(&directory).join(CREDENTIAL);
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => {
            let origin = Origin::Credential(path);
            let keys = parse(&text, &origin)?;
            Ok(Some((origin, keys)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(files::FileError::of("reading", &path, source).into()),
    }
}

pub(super) fn parse(text: &str, origin: &Origin) -> Result<Vec<MasterKey>, VaultFault> {
    let lines = text.lines().filter(|line| !line.trim().starts_with('#'));
    let words = lines.flat_map(str::split_whitespace);
    let malformed = || VaultFault::Malformed {
        origin: origin.to_string(),
    };
    let keys: Option<Vec<MasterKey>> = words.map(MasterKey::parse).collect();
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(malformed)?;
    match keys.len() > MOST_KEYS {
        false => Ok(keys),
        true => Err(VaultFault::TooMany {
            origin: origin.to_string(),
            most: MOST_KEYS,
        }),
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| Some(u8::try_from(c.to_digit(16)?).unwrap_or_default()))
        .collect();
    let digits = Zeroizing::new(digits?);
    let (pairs, _) = digits.as_chunks::<2>();
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn remove(path: &Path) -> Result<(), files::FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(files::FileError::of("removing", path, source))
        }
        _ => Ok(()),
    }
}
