//! A disk of its own for a data directory: small, filled, made larger, made read-only.
//!
//! The disk (tmpfs) is mounted in a mount namespace that only the processes started here are in, and is gone with the
//! process that holds it, however a test ends. Needs root. Trap: whoever looks at a file on the disk has to be in the
//! namespace too ([`Room::command`]); from outside the mount point is an empty folder.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// What the holder does: mounts, says so, and waits until its input ends.
const HOLD: &str = r#"mount -t tmpfs -o "size=$2" room "$1" && echo ready && exec cat"#;

pub struct Room {
    holder: Child,
    /// Its end ends the holder.
    _input: ChildStdin,
    place: PathBuf,
}

impl Room {
    /// A new, empty disk of so many bytes (`8m`) at this place.
    pub fn with_disk(place: &Path, size: &str) -> Self {
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                HOLD,
                "sh",
            ])
            .arg(place)
            .arg(size);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut told = String::new();
        let mut output = BufReader::new(holder.stdout.take().unwrap());
        output.read_line(&mut told).unwrap();
        assert_eq!(
            told.trim(),
            "ready",
            "a disk for the test cannot be mounted: this suite has to be run by root, with the right to mount"
        );
        Self {
            _input: holder.stdin.take().unwrap(),
            holder,
            place: place.into(),
        }
    }

    /// A command inside.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg(program);
        command
    }

    /// Runs a shell command inside, in the disk's root.
    pub fn shell(&self, text: &str) {
        let mut command = self.command(Path::new("sh"));
        command
            .args(["-c", &format!("cd \"$1\" && {text}"), "sh"])
            .arg(&self.place);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}: {told}");
    }

    /// Gives the disk another size, or other options (`ro`, `rw`).
    pub fn remount(&self, options: &str) {
        self.shell(&format!("mount -o remount,{options} \"$1\""));
    }

    /// Fills what is left of the disk.
    pub fn fill(&self) {
        self.shell("dd if=/dev/zero of=ballast bs=4k 2>/dev/null; test -s ballast");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
