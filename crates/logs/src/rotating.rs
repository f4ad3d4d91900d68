//! A log file that is replaced when it has grown, a few times over.
//!
//! Readable by its owner only. Never fails the program: a full disk loses lines and nothing else. Trap: `name.log` is the newest,
//! `name.1.log` the one before.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

// LIMIT: bytes of a file, and how many there are.
const LARGEST_FILE: u64 = 8 << 20;
const FILES: usize = 5;

/// The file.
pub struct Rotating {
    folder: PathBuf,
    stem: String,
    file: File,
    length: u64,
    largest: u64,
}

impl Rotating {
    /// Opens a file (`name.log`) of a folder, and makes both if need be.
    ///
    /// # Errors
    /// Of the disk.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        private_folder(folder)?;
        let file = append(&folder.join(name))?;
        Ok(Self {
            length: file.metadata()?.len(),
            file,
            folder: folder.to_owned(),
            stem: name.trim_end_matches(".log").to_owned(),
            largest: LARGEST_FILE,
        })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Of the disk.
    pub fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let length = text.len() as u64;
        if self.length > 0 && self.length + length > self.largest {
            self.rotate()?;
        }
        self.file.write_all(text)?;
        self.length += length;
        Ok(())
    }

    fn path(&self, age: usize) -> PathBuf {
        self.folder.join(match age {
            0 => format!("{}.log", self.stem),
            age => format!("{}.{age}.log", self.stem),
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for age in (1..FILES).rev() {
            match fs::rename(self.path(age - 1), self.path(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = append(&self.path(0))?;
        self.length = 0;
        Ok(())
    }

    /// All files, the newest first.
    pub fn paths(&self) -> Vec<PathBuf> {
        (0..FILES).map(|age| self.path(age)).collect()
    }
}

/// Makes a folder only its owner can look into, unless it is there.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_when_they_have_grown_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Rotating::open(folder.path(), "agent.log").unwrap();
        log.largest = 10;
        for round in 0..12 {
            log.write(format!("line {round:02}\n").as_bytes()).unwrap();
        }
        let texts: Vec<String> = log
            .paths()
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert_eq!(
            texts,
            [
                "line 11\n",
                "line 10\n",
                "line 09\n",
                "line 08\n",
                "line 07\n"
            ]
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES);
        // A new process goes on where the last one stopped.
        let mut log = Rotating::open(folder.path(), "agent.log").unwrap();
        log.write(b"line 12\n").unwrap();
        let text = fs::read_to_string(&log.paths()[0]).unwrap();
        assert_eq!(text, "line 11\nline 12\n");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let log = Rotating::open(&logs, "server.log").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&logs), mode(&log.paths()[0])), (0o700, 0o600));
    }
}
