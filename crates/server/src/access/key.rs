//! The key that tokens are signed with: ECDSA on P-256, made once and kept in the vault.
//!
//! Never leaves the process but as its public half. Trap: whoever has it can make tokens for every API client.
//!
//! Source: RFC 7518 §3.4 (ES256) and §6.2 (the public half as a JSON Web Key)

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
        UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::pki::{Fingerprint, PkiError, Vault};

const FILE: &str = "token-key.json";
const COORDINATE_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 12;

#[derive(Serialize, Deserialize)]
struct Stored {
    /// PKCS #8, base64.
    key: String,
}

/// The key.
#[derive(Clone)]
pub struct TokenKey(Arc<Inner>);

struct Inner {
    pair: EcdsaKeyPair,
    public: Vec<u8>,
    id: String,
}

impl TokenKey {
    /// Takes the key of the data directory, or makes one.
    ///
    /// # Errors
    /// If the file cannot be read, written or understood.
    pub fn open(vault: &Vault) -> Result<Self, PkiError> {
        if let Some(text) = vault.read(FILE)? {
            let damaged = |_| PkiError::TokenKey;
            let stored: Stored = serde_json::from_str(&text).map_err(damaged)?;
            let bytes = URL_SAFE_NO_PAD.decode(stored.key);
            return Self::of(&bytes.map_err(|_| PkiError::TokenKey)?);
        }
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| PkiError::Random)?;
        let stored = Stored {
            key: URL_SAFE_NO_PAD.encode(document.as_ref()),
        };
        let text = serde_json::to_string(&stored).map_err(|_| PkiError::TokenKey)?;
        vault.write(FILE, &text)?;
        Self::of(document.as_ref())
    }

    fn of(pkcs8: &[u8]) -> Result<Self, PkiError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_| PkiError::TokenKey)?;
        let public = pair.public_key().as_ref().to_vec();
        let print = Fingerprint::of(&public);
        let id = URL_SAFE_NO_PAD.encode(print.0.get(..KEY_ID_BYTES).unwrap_or_default());
        Ok(Self(Arc::new(Inner { pair, public, id })))
    }

    /// The name of the key.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Signs; 64 bytes.
    ///
    /// # Errors
    /// [`PkiError::Random`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let signed = self.0.pair.sign(&SystemRandom::new(), message);
        Ok(signed.map_err(|_| PkiError::Random)?.as_ref().to_vec())
    }

    /// Whether this key signed it.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0.public)
            .verify(message, signature)
            .is_ok()
    }

    /// The public half, as a JSON Web Key.
    pub fn public(&self) -> Json {
        // Uncompressed: a byte that says so, then both coordinates.
        let point = self.0.public.get(1..).unwrap_or_default();
        let (x, y) = point.split_at(point.len().min(COORDINATE_BYTES));
        json!({
            "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": self.0.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(directory: &tempfile::TempDir) -> Vault {
        Vault::open(directory.path(), None).unwrap()
    }

    #[test]
    fn the_key_survives_a_restart_and_signs_what_only_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let first = TokenKey::open(&vault(&directory)).unwrap();
        let signature = first.sign(b"message").unwrap();
        assert_eq!(signature.len(), 64);
        let again = TokenKey::open(&vault(&directory)).unwrap();
        assert_eq!(first.id(), again.id());
        assert!(again.has_signed(b"message", &signature));
        assert!(!again.has_signed(b"another", &signature));
        let other = TokenKey::open(&vault(&tempfile::tempdir().unwrap())).unwrap();
        assert!(!other.has_signed(b"message", &signature));
        let x = first.public()["x"].as_str().unwrap().to_owned();
        assert_eq!(URL_SAFE_NO_PAD.decode(x).unwrap().len(), 32);
    }

    #[test]
    fn a_damaged_key_is_refused_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(directory.path(), None).unwrap();
        vault.write(FILE, "{\"key\":\"AAAA\"}").unwrap();
        assert!(matches!(TokenKey::open(&vault), Err(PkiError::TokenKey)));
    }
}
