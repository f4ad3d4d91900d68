//! What can be seen to be wrong before anything is opened: rights on the data directory, and on the address to listen on.
//!
//! Changes nothing. Trap: whether a file may be written is found out by opening it, because access lists, read-only disks and
//! namespaces know more than modes do.

use std::{
    fs::File,
    io::{self, ErrorKind},
    net::SocketAddr,
    path::Path,
};

use sync_core::{code::Code, operation::Refusal};

use crate::pki::files::account;

/// Files of a data directory that a server has to write.
const WRITTEN: [&str; 3] = [engine::FILE, "engine.lock", "directory.db"];

/// Sees that the account this program runs as may use a data directory that is there.
///
/// # Errors
/// `PrivilegeMissing`, naming the place, the account and the cure.
pub fn check_rights(data: &Path) -> Result<(), Refusal> {
    if is_denied(&std::fs::read_dir(data)) {
        return Err(denied("the data directory", data, data));
    }
    for name in WRITTEN {
        let path = data.join(name);
        let opened = File::options().read(true).append(true).open(&path);
        if is_denied(&opened) {
            return Err(denied("the file", &path, data));
        }
    }
    // A file that is not there has to be made; one that is there tells that the directory is ours.
    let probe = data.join(".probe");
    let made = File::options().write(true).create_new(true).open(&probe);
    let is_refused = is_denied(&made);
    drop(made);
    let _ = std::fs::remove_file(&probe);
    match is_refused {
        true => Err(denied("the data directory", data, data)),
        false => Ok(()),
    }
}

fn is_denied<T>(tried: &io::Result<T>) -> bool {
    matches!(tried, Err(error) if error.kind() == ErrorKind::PermissionDenied)
}

fn denied(what: &str, place: &Path, data: &Path) -> Refusal {
    let account = account();
    Refusal::new(Code::PrivilegeMissing).with(
        "text",
        format!(
            "{what} {} cannot be read and written by the account this program runs as ({account}): run `chown -R {account} {}`, or start the server as its owner",
            place.display(),
            data.display()
        ),
    )
}

/// Why an address cannot be listened on.
pub fn not_listening(address: SocketAddr, error: &io::Error) -> Refusal {
    let port = address.port();
    let (code, text) = match error.kind() {
        ErrorKind::AddrInUse => (
            Code::AddressInUse,
            format!(
                "another program listens on {address}: stop it (`ss -ltnp sport = :{port}` names it), or choose another port"
            ),
        ),
        ErrorKind::PermissionDenied => (
            Code::PrivilegeMissing,
            format!(
                "the account this program runs as ({}) may not listen on {address}: choose a port above 1023, or give the service AmbientCapabilities=CAP_NET_BIND_SERVICE",
                account()
            ),
        ),
        ErrorKind::AddrNotAvailable => (
            Code::ConfigurationInvalid,
            format!(
                "this machine has no address {}: choose one of its own (`ip addr` lists them), or 0.0.0.0 for all",
                address.ip()
            ),
        ),
        _ => (
            Code::ConfigurationInvalid,
            format!("cannot listen on {address}: {error}"),
        ),
    };
    Refusal::new(code).with("text", text)
}
