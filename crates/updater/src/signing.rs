//! Keys and signatures of releases: Ed25519, whose public key is 32 bytes and fits on a line.
//!
//! Trap: a private key never lies on a machine that is updated, nor on the control plane; it belongs to whoever publishes.

use std::{fs, io::Write as _, path::Path};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use wire::release::{Envelope, Manifest, SIGNED_PREFIX, Signature};

use crate::error::{UpdateError, file};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const KEY_BYTES: usize = 32;

/// A private key.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a key and writes it where only its owner can read it.
    ///
    /// # Errors
    /// If there is a file already, or it cannot be written.
    pub fn create(path: &Path) -> Result<Self, UpdateError> {
        let broken = |_| UpdateError::Invalid("a key cannot be made".into());
        let key = Ed25519KeyPair::generate().map_err(broken)?;
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key);
        let der = der.map_err(broken)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(path).map_err(file("writing", path))?;
        let text = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der.as_ref()));
        out.write_all(text.as_bytes())
            .and_then(|()| out.sync_all())
            .map_err(file("writing", path))?;
        Ok(Self(key))
    }

    /// Reads one (PKCS#8, PEM), also of another tool.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(path: &Path) -> Result<Self, UpdateError> {
        let text = fs::read_to_string(path).map_err(file("reading", path))?;
        let wrong = || {
            UpdateError::Invalid(format!(
                "{} holds no Ed25519 key (PKCS#8, PEM); `hybridge-release key` makes one",
                path.display()
            ))
        };
        let inside = text
            .split(BEGIN)
            .nth(1)
            .and_then(|rest| rest.split(END).next());
        let line: String = inside.ok_or_else(wrong)?.split_whitespace().collect();
        let der = STANDARD.decode(line).map_err(|_| wrong())?;
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| wrong())?;
        Ok(Self(key))
    }

    /// The public key, as a line for the updater's list.
    pub fn public(&self) -> String {
        STANDARD.encode(self.0.public_key().as_ref())
    }

    /// Signs a manifest.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn sign(&self, manifest: &Manifest) -> Result<Envelope, UpdateError> {
        let bytes = serde_json::to_vec(manifest)
            .map_err(|fault| UpdateError::Invalid(fault.to_string()))?;
        let signature = self.0.sign(&signed(&bytes));
        Ok(Envelope {
            payload: STANDARD.encode(&bytes),
            signatures: vec![Signature {
                key: self.public(),
                signature: STANDARD.encode(signature.as_ref()),
            }],
        })
    }
}

/// The bytes a signature is over.
fn signed(payload: &[u8]) -> Vec<u8> {
    [SIGNED_PREFIX, payload].concat()
}

/// Public keys that are believed.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<String>);

impl Keys {
    /// Reads a list: one key a line, `#` begins a comment.
    ///
    /// # Errors
    /// If a line is none.
    pub fn read(path: &Path) -> Result<Self, UpdateError> {
        let text = fs::read_to_string(path).map_err(file("reading", path))?;
        let lines = text.lines().map(str::trim);
        let keys: Vec<String> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        let is_key = |key: &String| STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES);
        match keys.iter().find(|key| !is_key(key)) {
            Some(wrong) => Err(UpdateError::Invalid(format!(
                "{}: {wrong} is not a public key; `hybridge-release public` prints one",
                path.display()
            ))),
            None => Ok(Self(keys)),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of these keys has signed these bytes.
    pub fn vouch_for(&self, payload: &[u8], signatures: &[Signature]) -> bool {
        let message = signed(payload);
        signatures.iter().any(|signature| {
            // The name of a key in the file is only a hint which of ours to try.
            let Some(key) = self.0.iter().find(|key| **key == signature.key) else {
                return false;
            };
            let (Ok(key), Ok(bytes)) =
                (STANDARD.decode(key), STANDARD.decode(&signature.signature))
            else {
                return false;
            };
            UnparsedPublicKey::new(&ED25519, key)
                .verify(&message, &bytes)
                .is_ok()
        })
    }
}
