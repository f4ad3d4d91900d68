//! The log of the program at its most talkative, while it signs in and reads: no secret, and nothing of the directory's answers.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

const PASSWORD: &str = "Passw0rd.Lab1";
const NAME: &str = "agentlog";
const IP: &str = "127.0.0.72";

struct Raised;

impl Drop for Raised {
    fn drop(&mut self) {
        let _ = lab(&["destroy", NAME]);
    }
}

fn lab(arguments: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/samba-lab.sh");
    let output = Command::new(script).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

fn value(environment: &str, name: &str) -> String {
    let mut pairs = environment.lines().filter_map(|line| line.split_once('='));
    pairs.find(|(have, _)| *have == name).unwrap().1.to_owned()
}

fn settings(folder: &Path, environment: &str, method: &str) -> PathBuf {
    let secret = folder.join("secret");
    std::fs::write(&secret, PASSWORD).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = serde_json::json!({ "connectors": [ { "name": "lab", "kind": "ad", "settings": {
        "urls": [format!("ldap://{IP}")],
        "server_name": value(environment, "LAB_DC_FQDN"),
        "authentication": "negotiate",
        "bind": value(environment, "LAB_ADMIN"),
        "secret": { "file": secret },
        "negotiate": { "method": method },
    } } ] });
    let path = folder.join(format!("{method}.json"));
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

/// A text in every form in which a log may print bytes.
fn forms(text: &str) -> Vec<String> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![text.to_owned()];
    for bytes in [text.as_bytes(), &utf16] {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
        forms.extend([hex.to_uppercase(), hex, list.join(", "), list.join(",")]);
    }
    forms
}

#[test]
fn no_secret_and_no_answer_is_in_the_log_however_talkative() {
    if std::env::var("HYBRIDGE_TEST_AD").is_ok_and(|value| value == "none") {
        return;
    }
    lab(&["destroy", NAME]).ok();
    lab(&["up", NAME, "--ip", IP]).unwrap_or_else(|text| panic!("no domain controller: {text}"));
    let _raised = Raised;
    let environment = lab(&["env", NAME]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for method in ["ntlm", "kerberos"] {
        let output = Command::new(env!("CARGO_BIN_EXE_hybridge-agent"))
            .args(["check", "--json", "--config"])
            .arg(settings(folder.path(), &environment, method))
            .arg("--data-dir")
            .arg(folder.path())
            .env(
                "RUST_LOG",
                "trace,sspi=trace,sspi::kerberos=trace,picky_krb=trace",
            )
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(
            found.contains("answers for"),
            "{method} signed in and read: {found}"
        );
        let log = String::from_utf8_lossy(&output.stderr);
        for secret in [PASSWORD, "defaultNamingContext", "supportedCapabilities"] {
            for form in forms(secret) {
                assert!(
                    !log.contains(&form),
                    "{method}: {secret} is in the log as {form}"
                );
            }
        }
        assert!(
            !log.contains("DEBUG sspi") && !log.contains("TRACE sspi"),
            "{method}"
        );
    }
}
