//! Running the executable, and a demo world to ask questions of.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a world may take to be complete.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a run of the executable gave.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The executable, away from whatever the environment says.
pub fn hybridge() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
    command
        .env_remove("HYBRIDGE_DATA_DIR")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs the executable.
pub fn run(arguments: &[&str]) -> Ran {
    hybridge().args(arguments).output().unwrap().into()
}

/// A demo that lives.
pub struct World {
    directory: tempfile::TempDir,
    _child: Child,
}

/// The world all tests share. Never dropped: it ends when its stdin does, with this process.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::start)
}

impl World {
    fn start() -> Self {
        // A static is never dropped: what it leaves stays below the target directory.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut child = hybridge()
            .args(["demo", "--people", "60", "--stop-with-stdin", "--data-dir"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = String::new();
        let begun = Instant::now();
        loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("the demo ended: {told}"))
                .unwrap();
            told.push_str(&line);
            if line.contains("ldapsearch") {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{told}");
        }
        std::thread::spawn(move || lines.for_each(drop));
        let world = Self {
            directory,
            _child: child,
        };
        world.wait_until_caught_up();
        world
    }

    /// Where the demo keeps everything.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a verb against its server.
    pub fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = hybridge();
        command.arg("--data-dir").arg(self.path().join("server"));
        command.args(arguments).output().unwrap().into()
    }

    /// Runs a verb with `--json` that has to succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let ran = self.ask(&all);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.json()
    }

    fn wait_until_caught_up(&self) {
        let begun = Instant::now();
        loop {
            let ran = self.ask(&["--json", "status"]);
            if ran.code == 0 {
                let status = &ran.json()["items"][0];
                let linked = status["situations"]["linked"].as_u64().unwrap_or(0);
                if status["phase"] == "incremental" && linked > 50 {
                    return;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "{ran:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
