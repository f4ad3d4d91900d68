//! The archive: a tar file in the form of POSIX.1-1988 (ustar), written and read with a digest of every file.
//!
//! Takes out nothing but files of names we know, whatever an archive holds. Trap: the manifest comes first, so that it is read
//! without the rest.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write as _},
    path::Path,
};

use aws_lc_rs::digest::{Context, SHA256};
use sync_core::operation::Refusal;

use super::{
    FORM, Manifest, Member, is_known,
    tar::{BLOCK, header, pad},
    unusable,
};

const MANIFEST: &str = "manifest.json";
// LIMIT: bytes of a manifest.
const LARGEST_MANIFEST: u64 = 1 << 20;
const PIECE: usize = 256 * 1024;

/// The digest of a file and its length.
pub(super) fn digest(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut context, mut length) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((hex(context), length));
        }
        context.update(piece.get(..count).unwrap_or_default());
        length += count as u64;
    }
}

fn hex(context: Context) -> String {
    let bytes = context.finish();
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Writes an archive of these files of a folder.
pub(super) fn write(file: &File, manifest: &Manifest, folder: &Path, at: i64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(PIECE, file);
    let told = serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?;
    out.write_all(&header(MANIFEST, told.len() as u64, at))?;
    out.write_all(&told)?;
    pad(&mut out, told.len() as u64)?;
    for member in &manifest.files {
        out.write_all(&header(&member.name, member.bytes, at))?;
        let copied = io::copy(&mut File::open(folder.join(&member.name))?, &mut out)?;
        if copied != member.bytes {
            return Err(io::Error::other(format!("{} has changed", member.name)));
        }
        pad(&mut out, copied)?;
    }
    out.write_all(&[0; 2 * BLOCK])?;
    out.flush()
}

/// Name and length of the next file; `None` at the end.
fn next(block: &[u8; BLOCK]) -> Result<Option<(String, u64)>, &'static str> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let field = |from: usize, length: usize| block.get(from..from + length).unwrap_or_default();
    let told = octal(field(148, 8)).ok_or("a header without a check sum")?;
    let blank = (0..BLOCK).zip(block).map(|(at, byte)| match at {
        148..156 => u64::from(b' '),
        _ => u64::from(*byte),
    });
    if blank.sum::<u64>() != told {
        return Err("a header is damaged");
    }
    let name = field(0, 100).split(|byte| *byte == 0).next();
    let name = std::str::from_utf8(name.unwrap_or_default()).map_err(|_| "a name is no text")?;
    let size = field(124, 12);
    let length = match size.first() {
        Some(0x80) => <[u8; 8]>::try_from(size.get(4..).unwrap_or_default())
            .ok()
            .map(u64::from_be_bytes),
        _ => octal(size),
    };
    Ok(Some((
        name.to_owned(),
        length.ok_or("a length is no number")?,
    )))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

/// Reads what a backup says of itself, without looking at the rest.
///
/// # Errors
/// `BackupUnusable`.
pub fn read_manifest(path: &Path) -> Result<Manifest, Refusal> {
    let file = File::open(path).map_err(|error| super::io(path, &error))?;
    manifest_of(&mut BufReader::new(file), path)
}

fn manifest_of(from: &mut impl Read, path: &Path) -> Result<Manifest, Refusal> {
    let bad = |text: &str| unusable(path, text);
    let cut = |_: io::Error| unusable(path, "it ends too early");
    let mut block = [0; BLOCK];
    from.read_exact(&mut block).map_err(cut)?;
    let first = next(&block).map_err(bad)?;
    let length = match first {
        Some((name, length)) if name == MANIFEST && length <= LARGEST_MANIFEST => length,
        _ => return Err(bad("it is not a backup of Hybridge")),
    };
    let mut text = Vec::new();
    from.take(length).read_to_end(&mut text).map_err(cut)?;
    skip(from, length).map_err(cut)?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| unusable(path, error))?;
    match manifest.form {
        FORM => Ok(manifest),
        form => Err(unusable(
            path,
            format!("it has form {form}, this program knows {FORM}; use a newer version"),
        )),
    }
}

/// What fills up the last block.
fn skip(from: &mut impl Read, length: u64) -> io::Result<()> {
    let over = (length % BLOCK as u64) as usize;
    match over {
        0 => Ok(()),
        over => from.read_exact(&mut [0; BLOCK][over..]),
    }
}

/// Takes all files out into a folder, and checks each against its digest.
///
/// # Errors
/// `BackupUnusable` with what is wrong; those of the disk.
pub(super) fn extract(path: &Path, folder: &Path) -> Result<Manifest, Refusal> {
    let file = File::open(path).map_err(|error| super::io(path, &error))?;
    let mut from = BufReader::with_capacity(PIECE, file);
    let manifest = manifest_of(&mut from, path)?;
    let cut = |_: io::Error| unusable(path, "it ends too early");
    let mut taken: Vec<Member> = Vec::new();
    loop {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block).map_err(cut)?;
        let Some((name, length)) = next(&block).map_err(|text| unusable(path, text))? else {
            break;
        };
        let is_meant = is_known(&name) && manifest.files.iter().any(|one| one.name == name);
        if !is_meant || taken.iter().any(|one| one.name == name) {
            return Err(unusable(
                path,
                format!("it holds {name:?}, which does not belong in it"),
            ));
        }
        taken.push(take(&mut from, path, folder, name, length)?);
        skip(&mut from, length).map_err(cut)?;
    }
    for member in &manifest.files {
        match taken.iter().find(|one| one.name == member.name) {
            Some(found) if found == member => {}
            Some(_) => return Err(unusable(path, format!("{} is damaged", member.name))),
            None => return Err(unusable(path, format!("{} is missing", member.name))),
        }
    }
    Ok(manifest)
}

fn take(
    from: &mut impl Read,
    path: &Path,
    folder: &Path,
    name: String,
    length: u64,
) -> Result<Member, Refusal> {
    let to = folder.join(&name);
    let disk = |error: io::Error| super::io(&to, &error);
    let mut out = super::place::private(&to).map_err(disk)?;
    let (mut context, mut left) = (Context::new(&SHA256), length);
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let part = piece.get_mut(..most).unwrap_or_default();
        let count = from.read(part).map_err(|error| super::io(path, &error))?;
        let part = piece.get(..count).unwrap_or_default();
        if part.is_empty() {
            return Err(unusable(path, "it ends too early"));
        }
        context.update(part);
        out.write_all(part).map_err(disk)?;
        left -= count as u64;
    }
    out.sync_all().map_err(disk)?;
    Ok(Member {
        name,
        bytes: length,
        sha256: hex(context),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(folder: &Path) -> (Manifest, std::path::PathBuf) {
        let inside = folder.join("inside");
        std::fs::create_dir(&inside).unwrap();
        let mut files = Vec::new();
        for (name, length) in [
            ("engine.db", 1_000_usize),
            ("directory.db", 512),
            ("admin.json", 0),
        ] {
            let path = inside.join(name);
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            let (sha256, bytes) = digest(&path).unwrap();
            let name = name.to_owned();
            files.push(Member {
                name,
                bytes,
                sha256,
            });
        }
        let manifest = Manifest {
            form: FORM,
            made_at: "2026-01-01T00:00:00Z".into(),
            version: "1".into(),
            tenant: "t".into(),
            engine_schema: 1,
            directory_schema: 1,
            directory_sequence: 7,
            sealed_under: Vec::new(),
            files,
        };
        let path = folder.join("a.tar");
        let file = File::create(&path).unwrap();
        write(&file, &manifest, &inside, 1_700_000_000).unwrap();
        (manifest, path)
    }

    fn extracted(folder: &Path, path: &Path) -> Result<Manifest, Refusal> {
        let out = folder.join("out");
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir(&out).unwrap();
        extract(path, &out)
    }

    #[test]
    fn what_goes_in_comes_out_and_tar_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (manifest, path) = sample(folder.path());
        assert_eq!(extracted(folder.path(), &path).unwrap(), manifest);
        assert_eq!(read_manifest(&path).unwrap(), manifest);
        let listed = std::process::Command::new("tar")
            .arg("-tf")
            .arg(&path)
            .output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        assert_eq!(
            listed,
            "manifest.json\nengine.db\ndirectory.db\nadmin.json\n"
        );
    }

    #[test]
    fn an_archive_that_was_cut_off_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = sample(folder.path());
        let whole = std::fs::read(&path).unwrap();
        // The last block of zeros says nothing more.
        for length in (0..=whole.len() - 2 * BLOCK).step_by(97) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let why = extracted(folder.path(), &path).unwrap_err();
            assert_eq!(
                why.code,
                sync_core::code::Code::BackupUnusable,
                "{length}: {why}"
            );
        }
    }

    #[test]
    fn a_changed_byte_of_a_file_or_header_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = sample(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let manifest_blocks = 1 + whole[BLOCK..]
            .windows(9)
            .position(|w| w == b"engine.db")
            .unwrap()
            / BLOCK;
        let first = whole
            .windows(BLOCK)
            .position(|w| w.starts_with(b"engine.db\0"))
            .unwrap();
        assert!(first >= manifest_blocks * BLOCK);
        for at in [first, first + 124, first + BLOCK, first + BLOCK + 999] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(extracted(folder.path(), &path).is_err(), "byte {at}");
        }
    }

    #[test]
    fn nothing_leaves_an_archive_but_what_belongs_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = sample(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes
            .windows(BLOCK)
            .position(|w| w.starts_with(b"admin.json\0"))
            .unwrap();
        let evil = header("../evil", 0, 0);
        bytes[at..at + BLOCK].copy_from_slice(&evil);
        std::fs::write(&path, &bytes).unwrap();
        let why = extracted(folder.path(), &path).unwrap_err();
        assert!(why.to_string().contains("does not belong"), "{why}");
        assert!(!folder.path().join("evil").exists());
    }

    #[test]
    fn lengths_beyond_eight_gigabytes_survive() {
        for length in [0, 511, (1 << 33) - 1, 1 << 33, 1 << 40] {
            let (name, told) = next(&header("engine.db", length, 1)).unwrap().unwrap();
            assert_eq!((name.as_str(), told), ("engine.db", length));
        }
    }
}
