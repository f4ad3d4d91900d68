//! The proxy of the settings or of the environment, and who the agent is there.
//!
//! A name or password the proxy refused is not tried again and again: that would lock the account. The secret is read anew for
//! every connection. Trap: user and password within an address of the environment can be seen by every process of the user;
//! the settings file says where a secret is instead.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use connectors::ldap::{Method, Negotiate, Secret, keytab_key};
use http::Uri;
use negotiate::{Credential, Identity, Kdcs};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sync_core::operation::Refusal;

use super::{NoProxy, tunnel::ProxyFault};
use crate::error::AgentError;

const DEFAULT_PORT: u16 = 80;
const DEFAULT_TLS_PORT: u16 = 443;
const KDC_PORT: u16 = 88;
const KDC_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait after the first refusal, the second, and every further one, as with the account of a directory.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(15),
    Duration::from_secs(240),
    Duration::from_secs(600),
];

/// A proxy in the settings file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// Its address: `http://host:port`, or `https://host:port` for one that is spoken to over TLS.
    pub url: String,
    /// How to prove who asks.
    #[serde(default)]
    pub authentication: ProxyAuthentication,
    /// The account: `name`, `DOMAIN\name` or `name@suffix`.
    #[serde(default)]
    pub account: Option<String>,
    /// Where its password is.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// More about `"authentication": "negotiate"`: method, keytab, realm, KDCs.
    #[serde(default)]
    pub negotiate: Negotiate,
    /// The name by which Kerberos knows the proxy, if not the host of the address.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Hosts that are spoken to directly: names (with everything below them), addresses, ranges, each perhaps with a port.
    #[serde(default)]
    pub no_proxy: Vec<String>,
}

/// How to prove to a proxy who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyAuthentication {
    /// Not at all.
    #[default]
    None,
    /// Name and password as they are (RFC 7617).
    Basic,
    /// NTLM (MS-NTHT).
    Ntlm,
    /// Kerberos or NTLM within SPNEGO (RFC 4559).
    Negotiate,
}

/// A proxy, ready for use.
#[derive(Clone, Debug)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ProxyConfig,
    host: String,
    port: u16,
    is_tls: bool,
    exceptions: NoProxy,
    /// User and password of the address itself.
    embedded: Option<(String, SecretString)>,
    refused: Mutex<Option<Refused>>,
    marks: RandomState,
}

#[derive(Debug)]
struct Refused {
    mark: u64,
    times: usize,
    until: Instant,
    offered: String,
}

impl Proxy {
    /// Checks a proxy's settings; `place` is where they stand.
    ///
    /// # Errors
    /// [`AgentError::Invalid`].
    pub fn new(config: &ProxyConfig, place: &str) -> Result<Self, AgentError> {
        let invalid = |text: &str| AgentError::Invalid(format!("{place}: {text}"));
        let (address, embedded) = without_user(&config.url);
        let form = "an address like http://proxy.example.com:3128 is expected";
        let uri: Uri = address.parse().map_err(|_| invalid(form))?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(invalid(form)),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| invalid(form))?.to_owned();
        let default = if is_tls {
            DEFAULT_TLS_PORT
        } else {
            DEFAULT_PORT
        };
        let mut config = config.clone();
        config.url = address;
        if embedded.is_some() && config.authentication == ProxyAuthentication::None {
            config.authentication = ProxyAuthentication::Basic;
        }
        if let Some((name, _)) = &embedded {
            config.account.get_or_insert_with(|| name.clone());
        }
        let has_key = config.authentication == ProxyAuthentication::Negotiate
            && config.negotiate.keytab.is_some();
        let has_secret = config.secret.is_some() || embedded.is_some() || has_key;
        if config.authentication != ProxyAuthentication::None
            && !(config.account.is_some() && has_secret)
        {
            return Err(invalid("this authentication needs account and secret"));
        }
        let exceptions = NoProxy::new(config.no_proxy.iter().map(String::as_str));
        Ok(Self(Arc::new(Inner {
            host,
            port: uri.port_u16().unwrap_or(default),
            is_tls,
            exceptions,
            embedded,
            config,
            refused: Mutex::default(),
            marks: RandomState::new(),
        })))
    }

    pub(super) fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, AgentError> {
        let first = |names: &[&'static str]| {
            let mut names = names.iter();
            names.find_map(|name| {
                let value = variable(name).filter(|value| !value.trim().is_empty())?;
                Some((*name, value))
            })
        };
        let proxy = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let Some((name, url)) = proxy else {
            return Ok(None);
        };
        let url = match url.contains("://") {
            true => url,
            false => format!("http://{url}"),
        };
        let no_proxy = first(&["NO_PROXY", "no_proxy"]).map(|(_, value)| value);
        let config = ProxyConfig {
            url,
            no_proxy: no_proxy.into_iter().collect(),
            ..ProxyConfig::default()
        };
        Self::new(&config, name).map(Some)
    }

    /// Its host.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Whether it is spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.0.is_tls
    }

    /// How it is told who asks.
    pub fn authentication(&self) -> ProxyAuthentication {
        self.0.config.authentication
    }

    /// Hosts past it.
    pub fn exceptions(&self) -> &NoProxy {
        &self.0.exceptions
    }

    /// Its address, without user and password.
    pub fn shown(&self) -> String {
        let scheme = if self.0.is_tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.0.host, self.0.port)
    }

    pub(super) fn service(&self) -> String {
        let name = self.0.config.server_name.as_deref();
        format!("HTTP/{}", name.unwrap_or(&self.0.host).to_lowercase())
    }

    /// Kerberos or NTLM: without a place where tickets come from, NTLM is what is left.
    pub(super) fn method(&self) -> Method {
        match self.0.config.negotiate.method {
            Method::Auto if self.0.config.negotiate.kdcs.is_empty() => Method::Ntlm,
            method => method,
        }
    }

    /// Who asks.
    pub(super) fn identity(&self) -> Result<Identity, ProxyFault> {
        let config = &self.0.config;
        let account = config.account.clone().unwrap_or_default();
        let unusable = |refusal: Refusal| ProxyFault::Unusable {
            proxy: self.shown(),
            refusal: Box::new(refusal),
        };
        let credential = match (&config.secret, &self.0.embedded, &config.negotiate.keytab) {
            (Some(secret), _, _) => Credential::Password(secret.read().map_err(unusable)?),
            (None, Some((_, password)), _) => Credential::Password(password.clone()),
            (None, None, Some(path)) => {
                Credential::Key(keytab_key(path, &account).map_err(unusable)?)
            }
            (None, None, None) => Credential::Password(String::new().into()),
        };
        Ok(Identity {
            account,
            credential,
        })
    }

    /// Where tickets come from.
    pub(super) fn kdcs(&self, identity: &Identity) -> Result<Kdcs, ProxyFault> {
        let config = &self.0.config.negotiate;
        let of_key = || match &identity.credential {
            Credential::Key(key) => Some(key.realm.clone()),
            Credential::Password(_) => None,
        };
        let of_host = || {
            let name = self.service();
            name.split_once('.').map(|(_, domain)| domain.to_owned())
        };
        let realm = config.realm.clone().or_else(of_key).or_else(of_host);
        let (Some(realm), false) = (realm, config.kdcs.is_empty()) else {
            return Err(ProxyFault::NoKdc {
                proxy: self.shown(),
            });
        };
        let with_port = |kdc: &String| match kdc.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => kdc.clone(),
            _ => format!("{kdc}:{KDC_PORT}"),
        };
        Ok(Kdcs {
            realm: realm.to_uppercase(),
            addresses: config.kdcs.iter().map(with_port).collect(),
            timeout: KDC_TIMEOUT,
        })
    }

    /// The refusal of before, while it is too early to try the same credential again.
    pub(super) fn holds(&self) -> Option<ProxyFault> {
        let refused = self
            .0
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = refused.as_ref()?;
        let left = before.until.checked_duration_since(Instant::now())?;
        if left.is_zero() || Some(before.mark) != self.mark() {
            return None;
        }
        Some(ProxyFault::CredentialRefused {
            proxy: self.shown(),
            offered: before.offered.clone(),
        })
    }

    /// Remembers how the credential was received.
    pub(super) fn note(&self, refusal: Option<&ProxyFault>) {
        let mut refused = self
            .0
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let offered = match refusal {
            Some(ProxyFault::CredentialRefused { offered, .. }) => Some(offered.clone()),
            Some(ProxyFault::SignIn { source, .. }) => Some(source.to_string()),
            _ => None,
        };
        let (Some(offered), Some(mark)) = (offered, self.mark()) else {
            *refused = None;
            return;
        };
        let before = refused.as_ref().filter(|before| before.mark == mark);
        let times = before.map_or(0, |before| before.times + 1);
        let pause = PAUSES.get(times).or(PAUSES.last()).copied();
        *refused = Some(Refused {
            mark,
            times,
            until: Instant::now() + pause.unwrap_or_default(),
            offered,
        });
    }

    /// Tells one credential from another without keeping it.
    fn mark(&self) -> Option<u64> {
        let identity = self.identity().ok()?;
        Some(match &identity.credential {
            Credential::Password(password) => self
                .0
                .marks
                .hash_one((&identity.account, password.expose_secret())),
            Credential::Key(_) => {
                let path = self.0.config.negotiate.keytab.as_ref()?;
                let changed = std::fs::metadata(path).and_then(|file| file.modified());
                self.0.marks.hash_one((&identity.account, changed.ok()?))
            }
        })
    }
}

/// An address without the user and password in it, and these.
fn without_user(url: &str) -> (String, Option<(String, SecretString)>) {
    let Some((scheme, rest)) = url.trim().split_once("://") else {
        return (url.trim().to_owned(), None);
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, _)) => (authority, ""),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let user = (decoded(name), SecretString::from(decoded(password)));
            (format!("{scheme}://{host}{path}"), Some(user))
        }
        None => (format!("{scheme}://{authority}{path}"), None),
    }
}

/// Percent signs with two hexadecimal digits as the byte they stand for (RFC 3986 §2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        let config = ProxyConfig {
            url: url.into(),
            ..ProxyConfig::default()
        };
        Proxy::new(&config, "here").unwrap()
    }

    #[test]
    fn user_and_password_of_an_address_are_taken_out_of_it() {
        let with = proxy("http://CORP%5Csvc:p%40ss:word@proxy.example:3128/");
        assert_eq!(with.shown(), "http://proxy.example:3128");
        assert_eq!(with.authentication(), ProxyAuthentication::Basic);
        let identity = with.identity().unwrap();
        assert_eq!(identity.account, "CORP\\svc");
        let Credential::Password(password) = identity.credential else {
            panic!("a password");
        };
        assert_eq!(password.expose_secret(), "p@ss:word");
        assert!(!format!("{with:?}").contains("p@ss"));
        assert_eq!(proxy("https://p").shown(), "https://p:443");
        assert_eq!(proxy("http://[::1]:3128").host(), "[::1]");
    }

    #[test]
    fn a_refused_password_waits_and_another_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let write = |text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("wrong");
        let config = ProxyConfig {
            url: "http://p".into(),
            authentication: ProxyAuthentication::Basic,
            account: Some("svc".into()),
            secret: Some(Secret::File(file.clone())),
            ..ProxyConfig::default()
        };
        let proxy = Proxy::new(&config, "here").unwrap();
        assert!(proxy.holds().is_none());
        let refusal = ProxyFault::CredentialRefused {
            proxy: proxy.shown(),
            offered: "Basic".into(),
        };
        proxy.note(Some(&refusal));
        assert!(proxy.holds().is_some());
        write("right");
        assert!(proxy.holds().is_none());
        write("wrong");
        assert!(proxy.holds().is_some());
        proxy.note(None);
        assert!(proxy.holds().is_none());
    }
}
