//! A release as it is published: a manifest that says what there is, and signatures of exactly its bytes.
//!
//! The bytes are signed, not their meaning, so nobody has to agree on how JSON is written. Never verifies anything; that is the
//! updater's part. Trap: [`Envelope::peek`] shows what nobody has vouched for; only a person may look at that.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// Form of the manifest.
pub const FORM: u32 = 1;
/// Name of the manifest's file in a release.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Stands before the bytes when they are signed, so that a signature of something else is none of a manifest.
pub const SIGNED_PREFIX: &[u8] = b"hybridge release manifest 1\n";

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The manifest's bytes, Base64.
    pub payload: String,
    /// Signatures.
    pub signatures: Vec<Signature>,
}

/// An Ed25519 signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The public key, Base64.
    pub key: String,
    /// The signature, Base64.
    pub signature: String,
}

/// What is released.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`FORM`].
    pub form: u32,
    /// Channel.
    pub channel: String,
    /// Grows with every manifest of a channel: an older one is a replayed one.
    pub serial: u64,
    /// When it was signed, unix seconds.
    pub issued_at: i64,
    /// Until when it is believed, unix seconds: whoever is shown nothing newer for so long is being kept from it.
    pub expires_at: i64,
    /// The version.
    pub version: String,
    /// Oldest version that may be updated to it directly.
    pub minimum: String,
    /// Its programs.
    pub programs: Vec<Program>,
}

/// A program of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Name of the program.
    pub name: String,
    /// Operating system (`linux`).
    pub system: String,
    /// Architecture (`x86_64`).
    pub architecture: String,
    /// Name of its file in the release.
    pub file: String,
    /// Size, in bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Envelope {
    /// The manifest's bytes; `None` if they are none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.payload).ok()
    }

    /// What it claims, believed by nobody.
    pub fn peek(&self) -> Option<Manifest> {
        serde_json::from_slice(&self.bytes()?).ok()
    }
}
