//! Fetching a program from the control plane, in parts, on from where it was cut off.
//!
//! What lies there afterwards is what was signed, or nothing. Trap: the size is checked while it comes, so that a server cannot fill
//! the disk.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use agent::link::Link;
use wire::{
    agent::v1::update::{LARGEST_PART_BYTES, PartRequest},
    release::Program,
};

use crate::{
    error::{UpdateError, file},
    failpoint,
    manifest::Doubt,
    versions::digest,
};

const PART_TIMEOUT: Duration = Duration::from_secs(120);

/// Fetches a program.
///
/// # Errors
/// Of the way, of the disk, or if it is not what was signed; then nothing of it stays.
pub async fn fetch(
    link: &Link,
    channel: &str,
    program: &Program,
    to: &Path,
) -> Result<(), UpdateError> {
    let mut out = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(to)
        .map_err(file("writing", to))?;
    let mut have = out.metadata().map_err(file("reading", to))?.len();
    if have > program.size {
        have = 0;
    }
    out.set_len(have).map_err(file("writing", to))?;
    out.seek(SeekFrom::Start(have))
        .map_err(file("writing", to))?;
    while have < program.size {
        let asked = PartRequest {
            channel: channel.to_owned(),
            file: program.file.clone(),
            offset: have,
        };
        let part = link
            .bytes("/update/part", &asked, LARGEST_PART_BYTES, PART_TIMEOUT)
            .await?;
        have = have.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if part.is_empty() || have > program.size {
            return Err(tampered(program, to));
        }
        out.write_all(&part).map_err(file("writing", to))?;
        failpoint::reach("updater.part");
    }
    out.sync_all().map_err(file("writing", to))?;
    drop(out);
    let digest = digest(to).map_err(file("reading", to))?;
    match digest.eq_ignore_ascii_case(&program.sha256) {
        true => Ok(()),
        false => Err(tampered(program, to)),
    }
}

fn tampered(program: &Program, to: &Path) -> UpdateError {
    let _ = fs::remove_file(to);
    Doubt::Tampered(program.file.clone()).into()
}
