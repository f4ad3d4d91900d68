//! Microsoft's own clients, unmodified: installed once below the target directory, at the versions `lab/clients` pins.
//!
//! Trap: the first run fetches them from their registries, which takes a minute or so; every later one finds them there.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use engine::NewApiClient;
use serde_json::Value;
use server::access::Permission;

use crate::World;

fn lab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/clients")
}

fn cache() -> PathBuf {
    let target = option_env!("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join("clients")
}

/// Installs something unless what is wanted now was installed before. Whoever comes second waits.
fn installed(name: &str, wanted: &Path, install: impl FnOnce(&Path)) -> PathBuf {
    let place = cache().join(name);
    std::fs::create_dir_all(&place).unwrap();
    let lock = File::create(place.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = std::fs::read_to_string(wanted).unwrap();
    let mark = place.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|have| have == wanted) {
        return place;
    }
    install(&place);
    std::fs::write(mark, wanted).unwrap();
    place
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; `lab/packages.sh` installs what the tests need")
    });
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

/// Debian's Python with what a list of packages names; the folder of its programs.
fn python(name: &str, list: &str) -> PathBuf {
    let wanted = lab().join(list);
    let place = installed(name, &wanted.clone(), |place| {
        let system = match Path::new("/usr/bin/python3").exists() {
            true => "/usr/bin/python3",
            false => "python3",
        };
        run(Command::new(system)
            .args(["-m", "venv", "--clear"])
            .arg(place.join("venv")));
        run(Command::new(place.join("venv/bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(wanted));
    });
    place.join("venv/bin")
}

/// Where Node finds the Graph client.
fn node() -> PathBuf {
    let wanted = lab().join("package.json");
    installed("node", &wanted.clone(), |place| {
        std::fs::copy(&wanted, place.join("package.json")).unwrap();
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .current_dir(place));
    })
}

/// A program admitted to the world's API: client id and secret.
pub struct Admitted {
    pub id: String,
    pub secret: String,
}

impl World {
    /// Admits a program with these permissions.
    pub fn admit(&self, name: &str, permissions: &[Permission]) -> Admitted {
        let engine = self.app.engine();
        let (secret, print) = server::pki::new_token().unwrap();
        let row = engine
            .create_api_client(&NewApiClient {
                name: name.into(),
                permissions: permissions.iter().map(|one| one.name().into()).collect(),
                hash: print.to_string(),
                expires_at: engine.now() + 3_600_000,
                actor: "test".into(),
            })
            .unwrap();
        Admitted {
            id: row.guid,
            secret,
        }
    }

    /// The authority of the world's server, as a file.
    pub fn authority_file(&self) -> PathBuf {
        let path = self.dir.path().join("authority.pem");
        std::fs::write(&path, self.app.authority().pem()).unwrap();
        path
    }

    /// Runs the day of the Python client; what it saw.
    pub async fn python_day(&self, admitted: &Admitted, dn: &str) -> Value {
        let mut command = Command::new(python("python", "requirements.txt").join("python"));
        command
            .arg(lab().join("day.py"))
            .args([self.app.url(), self.authority_file().display().to_string()])
            .args([
                self.app.tenant_id(),
                admitted.id.clone(),
                admitted.secret.clone(),
                dn.to_owned(),
            ]);
        seen(command).await
    }

    /// Runs the day of the JavaScript client; what it saw.
    pub async fn javascript_day(&self, admitted: &Admitted, principal: &str, job: &str) -> Value {
        let place = node();
        // Node looks for modules beside the script.
        let script = place.join("day.mjs");
        std::fs::copy(lab().join("day.mjs"), &script).unwrap();
        let mut command = Command::new("node");
        command
            .arg(script)
            .env("NODE_EXTRA_CA_CERTS", self.authority_file())
            .args([
                self.app.url(),
                self.app.tenant_id(),
                admitted.id.clone(),
                admitted.secret.clone(),
            ])
            .args([principal, job]);
        seen(command).await
    }
}

impl World {
    /// Requests made up from the OpenAPI document, by schemathesis; what it said, and whether none was answered with a fault of ours.
    pub async fn fuzzed(&self, token: &str, phases: &str, examples: usize) -> (bool, String) {
        let programs = python("schemathesis", "requirements-schemathesis.txt");
        let mut command = Command::new(programs.join("schemathesis"));
        command
            .arg("--config-file")
            .arg(lab().join("schemathesis.toml"))
            .arg("run")
            .arg(format!("{}/openapi.json", self.app.url()))
            .args([
                "--checks",
                "not_a_server_error",
                "--phases",
                phases,
                "--workers",
                "2",
            ])
            .args([
                "--seed",
                "7",
                "--continue-on-failure",
                "--warnings",
                "off",
                "--request-timeout",
                "100",
            ])
            .args(["--max-examples", &examples.to_string()])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            // Soon afterwards nobody who trusts the earlier authority only can ask anything any more.
            .args(["--exclude-path", "/api/v1/authority/roll"])
            .arg("--tls-verify")
            .arg(self.authority_file())
            .current_dir(self.dir.path());
        let done = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let text = [done.stdout, done.stderr].concat();
        (
            done.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }
}

async fn seen(mut command: Command) -> Value {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    serde_json::from_str(out.trim().lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}
