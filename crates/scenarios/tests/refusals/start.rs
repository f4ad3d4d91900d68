//! What keeps a program from starting: each in one sentence, with place and cure, and a code.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use forest::{Organisation, Served};
use scenarios::{
    Source,
    processes::{Installation, Refused},
};
use sync_core::code::Code;

/// An account that owns nothing.
const NOBODY: u32 = 65_534;

struct Stand {
    installation: Installation,
    _served: Served,
    _dir: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation { people: 5, seed: 3 }.build().unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        Self {
            installation: Installation::new(&source),
            _served,
            _dir: dir,
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn told(refused: &Refused, code: Code, exit: i32, words: &[&str]) {
    assert_eq!(refused.problem.code, code.name(), "{refused:?}");
    assert_eq!(refused.code, Some(exit), "{refused:?}");
    for word in words {
        assert!(
            refused.problem.message.contains(word),
            "{word}: {refused:?}"
        );
    }
    // One sentence: no trace of our own insides, and one line.
    let message = &refused.problem.message;
    assert!(
        !message.contains('\n') && !message.contains("Os {") && !message.contains("::"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named_with_how_to_find_its_user() {
    let mut stand = Stand::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    stand.installation.stop_server();
    let refused = stand
        .installation
        .server_refuses_with(&["--health-listen", &address]);
    told(&refused, Code::AddressInUse, 1, &[&address, "ss -ltnp"]);
    let refused = stand.installation.server_refuses_listening(&address);
    told(&refused, Code::AddressInUse, 1, &[&address, "ss -ltnp"]);
    let refused = stand.installation.server_refuses_listening("192.0.2.1:0");
    told(
        &refused,
        Code::ConfigurationInvalid,
        1,
        &["192.0.2.1", "ip addr"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_and_a_second_agent_on_one_directory_do_not_start() {
    let stand = Stand::new().await;
    let refused = stand.installation.server_refuses();
    told(
        &refused,
        Code::StoreLocked,
        2,
        &["in use by another server"],
    );
    let (code, told) = stand.installation.agent_refuses();
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("(StoreLocked)") && told.contains("another agent works with"),
        "{told}"
    );
    let process = told.split("(process ").nth(1).unwrap_or_default();
    let process = process.split(')').next().unwrap_or_default();
    assert!(
        Path::new(&format!("/proc/{process}")).exists() && !process.is_empty(),
        "the other process is named: {told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_others_can_read_is_not_used() {
    let mut stand = Stand::new().await;
    stand.installation.stop_agent();
    stand.installation.stop_server();
    for name in [
        "master-key",
        "authority.pem",
        "token-key.json",
        "admin.json",
    ] {
        let path = stand.installation.data().join(name);
        set_mode(&path, 0o644);
        let refused = stand.installation.server_refuses();
        told(&refused, Code::SecretFileUnsafe, 1, &[name, "chmod 600"]);
        set_mode(&path, 0o600);
    }
    let identity = stand.installation.agent_data().join("identity.json");
    set_mode(&identity, 0o640);
    let (code, said) = stand.installation.agent_refuses();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("(SecretFileUnsafe)") && said.contains("chmod 600"),
        "{said}"
    );
    set_mode(&identity, 0o600);
    // The cure cures.
    stand.installation.start_server();
    stand.installation.start_agent();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_account_may_not_is_named_with_the_account() {
    let mut stand = Stand::new().await;
    stand.installation.stop_server();
    let data = stand.installation.data();
    let own = data.parent().unwrap();
    set_mode(own, 0o755);
    set_mode(&data, 0o700);
    let refused = stand.installation.server_refuses_as(NOBODY, "0.0.0.0:0");
    told(&refused, Code::PrivilegeMissing, 1, &["65534", "chown -R"]);
    // The directory can be used, one secret cannot be read.
    let everything = std::process::Command::new("chown")
        .args(["-R", "65534"])
        .arg(&data)
        .status();
    assert!(everything.unwrap().success());
    let mine = std::process::Command::new("chown")
        .arg("0")
        .arg(data.join("master-key"))
        .status();
    assert!(mine.unwrap().success());
    let refused = stand.installation.server_refuses_as(NOBODY, "0.0.0.0:0");
    told(
        &refused,
        Code::PrivilegeMissing,
        1,
        &["master-key", "65534", "chown"],
    );
    let refused = stand.installation.server_refuses_as(NOBODY, "0.0.0.0:443");
    told(
        &refused,
        Code::PrivilegeMissing,
        1,
        &["0.0.0.0:443", "65534", "CAP_NET_BIND_SERVICE"],
    );
}
