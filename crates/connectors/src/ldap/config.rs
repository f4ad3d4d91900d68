//! How to reach a directory, and as whom.
//!
//! The secret itself is never part of the configuration: only where it is. Trap: a secret file that others may read is
//! refused, so its mode must be 0600.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

use super::{locate::Locate, negotiated};

/// A directory and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapConfig {
    /// Servers, tried in this order (`ldaps://dc1.canal.example`, `ldap://…` with StartTLS, `ldapi://%2Frun%2Fslapd%2Fldapi`).
    #[serde(default)]
    pub urls: Vec<String>,
    /// Where more of them are found, after those of `urls`.
    #[serde(default)]
    pub locate: Option<Locate>,
    /// Set when `urls` holds what `locate` finds: addresses by host, where its name servers say them.
    #[serde(skip)]
    pub addresses: Option<BTreeMap<String, Vec<IpAddr>>>,
    /// How to prove who is reading.
    #[serde(default)]
    pub authentication: Authentication,
    /// Name of the account: DN; with Active Directory also UPN or `DOMAIN\name`.
    #[serde(default)]
    pub bind: Option<String>,
    /// Where its password is.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// More about `"authentication": "negotiate"`.
    #[serde(default)]
    pub negotiate: Negotiate,
    /// The certificate to show when the TLS connection is made.
    #[serde(default)]
    pub client_certificate: Option<ClientCertificate>,
    /// The CA that issued the servers' certificates; none: the operating system's trust store.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The name the certificates must hold, and by which Kerberos knows the server, if not the host of the URL.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Protection of the connection.
    #[serde(default)]
    pub tls: TlsMode,
    /// Time-outs.
    #[serde(default)]
    pub limits: Limits,
    /// Entries per page, both of searches and of what is handed on.
    #[serde(default = "default_page_size")]
    pub page_size_entries: u32,
    /// Root of the naming context to read; none: the controller's default.
    #[serde(default)]
    pub naming_context: Option<String>,
}

fn default_page_size() -> u32 {
    1000
}

/// How to prove who is reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Name and password (RFC 4513 §5.1.3).
    #[default]
    Simple,
    /// SASL EXTERNAL (RFC 4422 appendix A): the TLS client certificate, or with `ldapi` the operating system's account.
    External,
    /// SASL GSS-SPNEGO: Kerberos or NTLM with an account of Active Directory. On `ldap://` addresses everything is then sealed
    /// by it, without a certificate; on `ldaps://` TLS protects.
    Negotiate,
}

/// How to negotiate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Negotiate {
    /// Which of the two.
    pub method: Method,
    /// Keytab with the account's key, in place of a password; readable by its owner only.
    pub keytab: Option<PathBuf>,
    /// Kerberos realm; none: told from the keytab, the naming context, or the servers' names.
    pub realm: Option<String>,
    /// KDCs (`host` or `host:port`); none: the servers of `urls`.
    pub kdcs: Vec<String>,
}

/// Kerberos or NTLM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Kerberos; NTLM only where Kerberos cannot serve (no KDC reached, server addressed by number or unknown to the realm).
    #[default]
    Auto,
    /// Kerberos only.
    Kerberos,
    /// NTLM only.
    Ntlm,
}

/// A certificate that proves who this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// PEM file with the certificate, and those that lead to its CA after it.
    pub certificate_file: PathBuf,
    /// PEM file with its private key, readable by its owner only.
    pub key_file: PathBuf,
}

/// What is shown to a server, ready for use.
pub(super) enum Credential {
    /// Name and password.
    Simple {
        /// Name.
        name: String,
        /// Password.
        password: SecretString,
    },
    /// What the connection itself proves.
    External,
    /// An account of Active Directory.
    Negotiate(negotiate::Identity),
}

/// Where a password is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// In a file that only its owner can read; a line end is not part of it.
    File(PathBuf),
    /// In an environment variable of this name.
    Environment(String),
    /// In the systemd credential of this name; its directory protects it, so its mode is not judged.
    Credential(String),
}

/// Protection of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// TLS or StartTLS with a verified certificate.
    #[default]
    Verified,
    /// None. Only for tests on one machine.
    PlainForTests,
}

/// Time-outs, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Name resolution, TCP and TLS together.
    pub connect_seconds: u32,
    /// The first answer to a request.
    pub request_seconds: u32,
    /// The next entry of a search.
    pub idle_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_seconds: 10,
            request_seconds: 120,
            idle_seconds: 60,
        }
    }
}

impl LdapConfig {
    /// Servers read with name and password; everything else as if not given.
    pub fn simple(urls: Vec<String>, bind: impl Into<String>, secret: Secret) -> Self {
        Self {
            urls,
            locate: None,
            addresses: None,
            authentication: Authentication::Simple,
            bind: Some(bind.into()),
            secret: Some(secret),
            negotiate: Negotiate::default(),
            client_certificate: None,
            ca_file: None,
            server_name: None,
            tls: TlsMode::default(),
            limits: Limits::default(),
            page_size_entries: default_page_size(),
            naming_context: None,
        }
    }

    /// Reads what the kind of authentication needs, and refuses what it has no use for.
    ///
    /// # Errors
    /// `ConfigurationInvalid` naming the setting, or the failure of [`Secret::read`].
    pub(super) fn credential(&self, url: &str) -> Result<Credential, Refusal> {
        if self.authentication != Authentication::Negotiate
            && self.negotiate != Negotiate::default()
        {
            return Err(invalid(
                "settings: negotiate has no use unless authentication is negotiate".into(),
            ));
        }
        match self.authentication {
            Authentication::Simple => Ok(Credential::Simple {
                name: self.account("simple")?,
                password: self.password("simple needs bind and secret")?,
            }),
            Authentication::Negotiate => Ok(Credential::Negotiate(self.identity()?)),
            Authentication::External => {
                self.check_external(url)?;
                Ok(Credential::External)
            }
        }
    }

    fn account(&self, authentication: &str) -> Result<String, Refusal> {
        let bind = self.bind.as_deref().filter(|name| !name.is_empty());
        bind.map(str::to_owned).ok_or_else(|| {
            let text =
                format!("settings: bind is missing; authentication {authentication} needs it");
            invalid(text)
        })
    }

    fn password(&self, why: &str) -> Result<SecretString, Refusal> {
        match &self.secret {
            Some(secret) => secret.read(),
            None => Err(invalid(format!(
                "settings: secret is missing; authentication {why}"
            ))),
        }
    }

    fn identity(&self) -> Result<negotiate::Identity, Refusal> {
        let account = self.account("negotiate")?;
        let credential = match (&self.negotiate.keytab, &self.secret) {
            (Some(_), Some(_)) => {
                let text = "settings: give secret or negotiate.keytab, not both";
                return Err(invalid(text.into()));
            }
            (Some(_), None) if self.negotiate.method == Method::Ntlm => {
                let text =
                    "settings: NTLM needs the password; negotiate.keytab serves Kerberos only";
                return Err(invalid(text.into()));
            }
            (Some(path), None) => negotiate::Credential::Key(negotiated::key(path, &account)?),
            (None, _) => {
                let why = "negotiate needs it, or negotiate.keytab";
                negotiate::Credential::Password(self.password(why)?)
            }
        };
        Ok(negotiate::Identity {
            account,
            credential,
        })
    }

    fn check_external(&self, url: &str) -> Result<(), Refusal> {
        if self.bind.is_some() || self.secret.is_some() {
            return Err(invalid(
                "settings: bind and secret have no use with authentication external; remove them"
                    .into(),
            ));
        }
        let is_local = url.to_ascii_lowercase().starts_with("ldapi:");
        if !is_local && self.client_certificate.is_none() {
            return Err(invalid(format!(
                "settings: client_certificate is missing; authentication external needs it for {url}"
            )));
        }
        Ok(())
    }
}

impl ClientCertificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// `SecretFileUnsafe` if others can read the key, `ConfigurationInvalid` if a file cannot be read.
    pub(super) fn read(&self) -> Result<ldap::ClientIdentity, Refusal> {
        refuse_readable_by_others(&self.key_file)?;
        let read = |what: &str, path: &Path| {
            std::fs::read(path).map_err(|error| {
                invalid(format!(
                    "{what} file {} cannot be read: {error}",
                    path.display()
                ))
            })
        };
        Ok(ldap::ClientIdentity {
            certificate_pem: read("certificate", &self.certificate_file)?,
            key_pem: read("key", &self.key_file)?.into(),
        })
    }
}

impl Limits {
    pub(super) fn timeouts(self) -> ldap::Timeouts {
        let seconds = |number: u32| Duration::from_secs(u64::from(number.max(1)));
        ldap::Timeouts {
            connect: seconds(self.connect_seconds),
            request: seconds(self.request_seconds),
            idle_between_entries: seconds(self.idle_seconds),
        }
    }
}

impl Secret {
    /// Reads the secret.
    ///
    /// # Errors
    /// `SecretFileUnsafe` if others can read the file, `ConfigurationInvalid` if there is no secret.
    pub fn read(&self) -> Result<SecretString, Refusal> {
        match self {
            Self::File(path) => read_file(path),
            Self::Credential(name) => read_credential(name),
            Self::Environment(variable) => std::env::var(variable)
                .ok()
                .filter(|secret| !secret.is_empty())
                .map(Into::into)
                .ok_or_else(|| invalid(format!("environment variable {variable} is not set"))),
        }
    }
}

fn read_credential(name: &str) -> Result<SecretString, Refusal> {
    const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
    let is_name = !name.is_empty() && !name.contains('/') && name != "..";
    if !is_name {
        return Err(invalid(format!("{name:?} is not the name of a credential")));
    }
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return Err(invalid(format!(
            "there are no systemd credentials here ({DIRECTORY} is not set): add LoadCredential={name}:FILE to the unit, and examine the agent from the server (`hybridge agent doctor`)"
        )));
    };
    read_plain(&Path::new(&directory).join(name))
}

fn read_file(path: &Path) -> Result<SecretString, Refusal> {
    refuse_readable_by_others(path)?;
    read_plain(path)
}

fn read_plain(path: &Path) -> Result<SecretString, Refusal> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("secret file {shown} cannot be read: {error}")))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(invalid(format!("secret file {shown} is empty"))),
        secret => Ok(secret.into()),
    }
}

#[cfg(unix)]
pub(super) fn refuse_readable_by_others(path: &Path) -> Result<(), Refusal> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    let file = std::fs::metadata(path)
        .map_err(|error| invalid(format!("secret file {shown} cannot be read: {error}")))?;
    let mode = file.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Refusal::new(Code::SecretFileUnsafe)
        .with("file", shown.to_string())
        .with("mode", format!("{mode:o}"))
        .with("cure", format!("chmod 600 {shown}")))
}

#[cfg(not(unix))]
pub(super) fn refuse_readable_by_others(_: &Path) -> Result<(), Refusal> {
    Ok(())
}

pub(super) fn invalid(text: String) -> Refusal {
    Refusal::new(Code::ConfigurationInvalid).with("text", text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_minimal_configuration_has_defaults() {
        let text = r#"{"urls":["ldaps://dc1"],"bind":"sync@canal.example","secret":{"file":"/etc/secret"}}"#;
        let config: LdapConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.page_size_entries, 1000);
        assert_eq!(config.tls, TlsMode::Verified);
        assert_eq!(config.secret, Some(Secret::File("/etc/secret".into())));
        assert_eq!(config.authentication, Authentication::Simple);
    }

    #[test]
    fn what_an_authentication_lacks_or_cannot_use_is_named() {
        let check = |text: &str, url: &str| {
            let config: LdapConfig = serde_json::from_str(text).unwrap();
            match config.credential(url) {
                Ok(_) => String::new(),
                Err(refusal) => {
                    assert_eq!(refusal.code, Code::ConfigurationInvalid);
                    refusal.argument("text").unwrap().to_owned()
                }
            }
        };
        let tls = "ldaps://a";
        assert!(check(r#"{"urls":[]}"#, tls).contains("bind is missing"));
        assert!(check(r#"{"urls":[],"bind":"a"}"#, tls).contains("secret is missing"));
        let external = r#"{"urls":[],"authentication":"external"}"#;
        assert!(check(external, tls).contains("client_certificate is missing"));
        assert_eq!(check(external, "ldapi://%2Frun%2Fldapi"), "");
        let both = r#"{"urls":[],"authentication":"external","bind":"a"}"#;
        assert!(check(both, "ldapi:///").contains("no use"));
        let stray = r#"{"urls":[],"bind":"a","negotiate":{"realm":"B"}}"#;
        assert!(check(stray, tls).contains("negotiate has no use"));
        let both = r#"{"urls":[],"authentication":"negotiate","bind":"a","secret":{"environment":"X"},"negotiate":{"keytab":"k"}}"#;
        assert!(check(both, tls).contains("not both"));
        let ntlm = r#"{"urls":[],"authentication":"negotiate","bind":"a","negotiate":{"method":"ntlm","keytab":"k"}}"#;
        assert!(check(ntlm, tls).contains("NTLM needs the password"));
        let none = r#"{"urls":[],"authentication":"negotiate","bind":"a"}"#;
        assert!(check(none, tls).contains("negotiate.keytab"));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_others_can_read_is_refused_with_the_command_that_cures_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hush\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refusal = Secret::File(path.clone()).read().unwrap_err();
        assert_eq!(refusal.code, Code::SecretFileUnsafe);
        assert_eq!(
            refusal.argument("cure").unwrap(),
            format!("chmod 600 {}", path.display())
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let secret = Secret::File(path).read().unwrap();
        assert_eq!(secret.expose_secret(), "hush");
    }
}
