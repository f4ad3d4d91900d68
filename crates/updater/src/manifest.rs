//! Whether a release is believed, and whether it is wanted. Pure: bytes, keys, what was seen before, and the time.
//!
//! Trap: the order matters. Nothing of a manifest is looked at before its signature was, and its age before its contents.

use sync_core::{code::Code, update::Version};
use thiserror::Error;
use wire::{
    agent::v1::update::LARGEST_MANIFEST_BYTES,
    release::{Envelope, FORM, Manifest, Program},
};

use crate::signing::Keys;

/// How far ahead of this machine's clock a manifest may have been signed, in seconds.
const CLOCK_SLACK: i64 = 86_400;
// LIMIT: bytes of a program.
const LARGEST_PROGRAM_BYTES: u64 = 2 << 30;

/// Why a release is not believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Doubt {
    /// No manifest.
    #[error("the manifest cannot be read")]
    Unreadable,
    /// Not signed by a key of ours.
    #[error("no key of this machine has signed the manifest")]
    NotSigned,
    /// A form of later.
    #[error(
        "the manifest has form {0}, and this updater knows form {FORM} only; install a newer updater"
    )]
    Form(u32),
    /// Of another channel.
    #[error("the manifest is of channel {0}")]
    Channel(String),
    /// An older manifest than was seen before.
    #[error("the manifest is number {serial}, and number {seen} was seen already")]
    Replayed {
        /// Its number.
        serial: u64,
        /// The newest that was seen.
        seen: u64,
    },
    /// Too old.
    #[error("the manifest was good until {0} only")]
    Expired(String),
    /// Signed in the future.
    #[error("the manifest was signed at {0}, which is still to come; look at this machine's clock")]
    Early(String),
    /// Nothing that can be installed.
    #[error("the manifest says nonsense of {0}")]
    Nonsense(&'static str),
    /// No program for this machine.
    #[error("the release has no program for {0}")]
    NoProgram(String),
    /// A file differs from what was signed.
    #[error("the file {0} is not the one that was signed")]
    Tampered(String),
}

impl Doubt {
    /// The code a person looks up.
    pub fn code(&self) -> Code {
        match self {
            Self::Replayed { .. } | Self::Expired(_) | Self::Early(_) => Code::UpdateStale,
            _ => Code::UpdateUntrusted,
        }
    }
}

/// A release that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Believed {
    /// What it says.
    pub manifest: Manifest,
    /// Its version.
    pub version: Version,
    /// Oldest version it may replace.
    pub minimum: Version,
    /// Its program for this machine.
    pub program: Program,
}

/// For whom and when a manifest is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// Keys of this machine.
    pub keys: &'a Keys,
    /// Channel it follows.
    pub channel: &'a str,
    /// The newest manifest it has seen.
    pub seen: u64,
    /// Now, unix seconds.
    pub now: i64,
    /// Name of the program it updates.
    pub program: &'a str,
}

impl Judge<'_> {
    /// Judges a manifest.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn judge(&self, text: &str) -> Result<Believed, Doubt> {
        if text.len() > LARGEST_MANIFEST_BYTES {
            return Err(Doubt::Unreadable);
        }
        let envelope: Envelope = serde_json::from_str(text).map_err(|_| Doubt::Unreadable)?;
        let payload = envelope.bytes().ok_or(Doubt::Unreadable)?;
        if !self.keys.vouch_for(&payload, &envelope.signatures) {
            return Err(Doubt::NotSigned);
        }
        let manifest: Manifest = serde_json::from_slice(&payload).map_err(|_| Doubt::Unreadable)?;
        if manifest.form != FORM {
            return Err(Doubt::Form(manifest.form));
        }
        if manifest.channel != self.channel {
            return Err(Doubt::Channel(manifest.channel));
        }
        self.age(&manifest)?;
        self.contents(manifest)
    }

    fn age(&self, manifest: &Manifest) -> Result<(), Doubt> {
        let (serial, seen) = (manifest.serial, self.seen);
        if serial < seen {
            return Err(Doubt::Replayed { serial, seen });
        }
        if self.now >= manifest.expires_at {
            return Err(Doubt::Expired(time(manifest.expires_at)));
        }
        if manifest.issued_at.saturating_sub(CLOCK_SLACK) > self.now {
            return Err(Doubt::Early(time(manifest.issued_at)));
        }
        Ok(())
    }

    fn contents(&self, manifest: Manifest) -> Result<Believed, Doubt> {
        let version = Version::parse(&manifest.version).ok_or(Doubt::Nonsense("its version"))?;
        let minimum = Version::parse(&manifest.minimum).ok_or(Doubt::Nonsense("its minimum"))?;
        let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
        let program = manifest.programs.iter().find(|program| {
            program.name == self.program
                && program.system == system
                && program.architecture == architecture
        });
        let missing = || Doubt::NoProgram(format!("{} on {system} {architecture}", self.program));
        let program = program.ok_or_else(missing)?.clone();
        let is_digest = program.sha256.len() == 64
            && program.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest || program.size == 0 || program.size > LARGEST_PROGRAM_BYTES {
            return Err(Doubt::Nonsense("its program"));
        }
        Ok(Believed {
            version,
            minimum,
            program,
            manifest,
        })
    }
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

/// What follows from a release that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is newer and is to be installed.
    Install,
    /// What is there is as new, or newer: nothing ever goes back by a release.
    Current,
    /// It replaces this version and later ones only.
    TooFar(Version),
    /// It did not become healthy here.
    Failed,
}

impl Believed {
    /// Whether it is wanted where `installed` is in place.
    pub fn verdict(&self, installed: Version, failed: &[String]) -> Verdict {
        if self.version <= installed {
            Verdict::Current
        } else if failed.contains(&self.version.to_string()) {
            Verdict::Failed
        } else if installed < self.minimum {
            Verdict::TooFar(self.minimum)
        } else {
            Verdict::Install
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;
    use crate::signing::SigningKey;

    struct Bench {
        dir: TempDir,
        key: SigningKey,
        keys: Keys,
    }

    fn bench() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::create(&dir.path().join("key")).unwrap();
        let list: PathBuf = dir.path().join("keys");
        std::fs::write(&list, format!("# ours\n\n{}\n", key.public())).unwrap();
        let keys = Keys::read(&list).unwrap();
        Bench { dir, key, keys }
    }

    fn manifest() -> Manifest {
        Manifest {
            form: FORM,
            channel: "stable".into(),
            serial: 10,
            issued_at: 1_000_000,
            expires_at: 2_000_000,
            version: "1.2.3".into(),
            minimum: "1.1.0".into(),
            programs: vec![Program {
                name: "hybridge-agent".into(),
                system: std::env::consts::OS.into(),
                architecture: std::env::consts::ARCH.into(),
                file: "agent".into(),
                size: 5,
                sha256: "0".repeat(64),
            }],
        }
    }

    impl Bench {
        fn judge_at(&self, now: i64, seen: u64, text: &str) -> Result<Believed, Doubt> {
            let judge = Judge {
                keys: &self.keys,
                channel: "stable",
                seen,
                now,
                program: "hybridge-agent",
            };
            judge.judge(text)
        }

        fn judged(&self, change: impl FnOnce(&mut Manifest)) -> Result<Believed, Doubt> {
            let mut manifest = manifest();
            change(&mut manifest);
            let text = serde_json::to_string(&self.key.sign(&manifest).unwrap()).unwrap();
            self.judge_at(1_500_000, 10, &text)
        }
    }

    #[test]
    fn believes_what_a_key_of_this_machine_has_signed_and_nothing_else() {
        let bench = bench();
        assert_eq!(bench.judged(|_| ()).unwrap().version, Version(1, 2, 3));
        let other = SigningKey::create(&bench.dir.path().join("other")).unwrap();
        let foreign = other.sign(&manifest()).unwrap();
        let text = |envelope: &Envelope| serde_json::to_string(envelope).unwrap();
        let judge = |envelope: &Envelope| bench.judge_at(1_500_000, 0, &text(envelope));
        assert_eq!(judge(&foreign), Err(Doubt::NotSigned));
        // Under our name, but not by our key.
        let mut renamed = foreign.clone();
        renamed.signatures[0].key = bench.key.public();
        assert_eq!(judge(&renamed), Err(Doubt::NotSigned));
        // Signed by us, and changed afterwards.
        let mut changed = bench.key.sign(&manifest()).unwrap();
        changed.payload = other
            .sign(&Manifest {
                version: "9.9.9".into(),
                ..manifest()
            })
            .unwrap()
            .payload;
        assert_eq!(judge(&changed), Err(Doubt::NotSigned));
        // Any flipped bit of payload or signature.
        let good = text(&bench.key.sign(&manifest()).unwrap());
        for at in (20..good.len()).step_by(37) {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let judged = bench.judge_at(1_500_000, 0, &String::from_utf8(bytes).unwrap());
            assert!(
                matches!(judged, Err(Doubt::NotSigned | Doubt::Unreadable)),
                "{at}: {judged:?}"
            );
        }
    }

    #[test]
    fn every_key_of_the_list_counts_and_a_list_of_anything_else_is_refused() {
        let bench = bench();
        let other = SigningKey::create(&bench.dir.path().join("other")).unwrap();
        let list = bench.dir.path().join("both");
        std::fs::write(
            &list,
            format!("{}\n{}\n", other.public(), bench.key.public()),
        )
        .unwrap();
        let keys = Keys::read(&list).unwrap();
        for key in [&other, &bench.key] {
            let envelope = key.sign(&manifest()).unwrap();
            assert!(keys.vouch_for(&envelope.bytes().unwrap(), &envelope.signatures));
        }
        std::fs::write(&list, "no key\n").unwrap();
        assert!(Keys::read(&list).is_err());
    }

    #[test]
    fn refuses_what_is_replayed_expired_or_of_the_future() {
        let bench = bench();
        let doubt = |change: fn(&mut Manifest)| bench.judged(change).unwrap_err();
        assert_eq!(
            doubt(|m| m.serial = 9),
            Doubt::Replayed {
                serial: 9,
                seen: 10
            }
        );
        assert!(matches!(
            doubt(|m| m.expires_at = 1_500_000),
            Doubt::Expired(_)
        ));
        assert!(matches!(
            doubt(|m| m.issued_at = 1_600_000),
            Doubt::Early(_)
        ));
        for stale in [doubt(|m| m.serial = 9), doubt(|m| m.expires_at = 0)] {
            assert_eq!(stale.code(), Code::UpdateStale);
        }
        // The same manifest again is no replay.
        assert!(bench.judged(|m| m.serial = 10).is_ok());
    }

    #[test]
    fn refuses_other_channels_forms_machines_and_nonsense() {
        let bench = bench();
        let doubt = |change: fn(&mut Manifest)| bench.judged(change).unwrap_err();
        assert_eq!(
            doubt(|m| m.channel = "beta".into()),
            Doubt::Channel("beta".into())
        );
        assert_eq!(doubt(|m| m.form = 2), Doubt::Form(2));
        assert_eq!(
            doubt(|m| m.version = "new".into()),
            Doubt::Nonsense("its version")
        );
        assert_eq!(
            doubt(|m| m.minimum = String::new()),
            Doubt::Nonsense("its minimum")
        );
        assert!(matches!(
            doubt(|m| m.programs[0].architecture = "abacus".into()),
            Doubt::NoProgram(_)
        ));
        assert_eq!(
            doubt(|m| m.programs[0].sha256 = "../x".into()),
            Doubt::Nonsense("its program")
        );
        assert_eq!(
            doubt(|m| m.programs[0].size = u64::MAX),
            Doubt::Nonsense("its program")
        );
        assert_eq!(bench.judge_at(0, 0, "{"), Err(Doubt::Unreadable));
        assert_eq!(doubt(|m| m.form = 2).code(), Code::UpdateUntrusted);
    }

    #[test]
    fn never_goes_back_never_jumps_too_far_and_never_tries_a_failed_version_again() {
        let believed = bench().judged(|_| ()).unwrap();
        let verdict = |installed, failed: &[String]| believed.verdict(installed, failed);
        assert_eq!(verdict(Version(1, 2, 2), &[]), Verdict::Install);
        assert_eq!(verdict(Version(1, 2, 3), &[]), Verdict::Current);
        assert_eq!(verdict(Version(1, 10, 0), &[]), Verdict::Current);
        assert_eq!(
            verdict(Version(1, 0, 9), &[]),
            Verdict::TooFar(Version(1, 1, 0))
        );
        assert_eq!(
            verdict(Version(1, 2, 2), &["1.2.3".into()]),
            Verdict::Failed
        );
    }
}
