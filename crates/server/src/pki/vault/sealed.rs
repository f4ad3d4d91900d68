//! One sealed secret: AES-256-GCM, with the id of its key beside it, and bound to the name of its file.
//!
//! Never opened under another name: a file put into another's place is a file that was changed. Trap: the nonce is random, and a
//! key seals a few secrets a day; it must not be used to seal a stream of things.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{MasterKey, Ring, VaultFault};

/// Form of what is written.
const FORM: u32 = 1;
/// Stands before the name in what a secret is bound to, so that nothing else sealed under the key fits.
const PURPOSE: &str = "hybridge sealed secret\0";

/// A sealed secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    sealed: u32,
    key: String,
    nonce: String,
    text: String,
}

impl Sealed {
    /// Reads what was sealed; `None`: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let sealed: Self = serde_json::from_str(text).ok()?;
        (sealed.sealed == FORM).then_some(sealed)
    }

    /// As written.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Id of its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Seals a secret for its place.
    ///
    /// # Errors
    /// [`VaultFault::Cipher`].
    pub fn seal(key: &MasterKey, place: &str, secret: &str) -> Result<Self, VaultFault> {
        let mut bytes = Zeroizing::new(secret.as_bytes().to_vec());
        let nonce = cipher(key)?
            .seal_in_place_append_tag(bound_to(place), &mut *bytes)
            .map_err(|_| VaultFault::Cipher)?;
        Ok(Self {
            sealed: FORM,
            key: key.id().to_owned(),
            nonce: STANDARD.encode(nonce.as_ref()),
            text: STANDARD.encode(&*bytes),
        })
    }

    /// Opens it with the key it names; `path` is for whoever reads the error.
    ///
    /// # Errors
    /// [`VaultFault::Wrong`] if that key is not there, [`VaultFault::Tampered`] if it does not open.
    pub fn open(
        &self,
        ring: &Ring,
        place: &str,
        path: &Path,
    ) -> Result<Zeroizing<String>, VaultFault> {
        let tampered = || VaultFault::Tampered { place: path.into() };
        let key = ring.key(&self.key).ok_or_else(|| VaultFault::Wrong {
            place: path.into(),
            key: self.key.clone(),
            origin: ring.origin().to_string(),
            have: ring.ids().join(", "),
        })?;
        let nonce = STANDARD.decode(&self.nonce).map_err(|_| tampered())?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| tampered())?;
        let bytes = STANDARD.decode(&self.text).map_err(|_| tampered())?;
        let mut bytes = Zeroizing::new(bytes);
        let opened = cipher(key)?
            .open_in_place(Nonce::from(&nonce), bound_to(place), &mut bytes)
            .map_err(|_| tampered())?;
        let text = std::str::from_utf8(opened).map_err(|_| tampered())?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

fn cipher(key: &MasterKey) -> Result<RandomizedNonceKey, VaultFault> {
    RandomizedNonceKey::new(&AES_256_GCM, key.bytes()).map_err(|_| VaultFault::Cipher)
}

fn bound_to(place: &str) -> Aad<Vec<u8>> {
    Aad::from([PURPOSE.as_bytes(), place.as_bytes()].concat())
}
