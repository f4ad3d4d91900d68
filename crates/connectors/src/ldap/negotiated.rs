//! Signing in by Kerberos or NTLM (SASL GSS-SPNEGO), sealed on `ldap` addresses.
//!
//! Decides between the two only where the settings leave it open, and never because of a refused password: that would count
//! against the account twice. Trap: the service's name is taken from the URL or `server_name`, never from what a server says
//! of itself over an unprotected connection, or anybody could pretend to be the domain controller.

use std::{net::IpAddr, path::Path};

use ldap::{Connection, Endpoint, Error, Options};
use negotiate::{Credential, Identity, Initiator, Kdcs, keytab};
use sync_core::operation::Refusal;

use super::{
    ad::dns_name,
    config::{LdapConfig, Method, invalid, refuse_readable_by_others},
    failure,
};
use crate::source::SourceError;

const KDC_PORT: u16 = 88;

/// One server of the list, and how to sign in there.
struct Attempt<'a> {
    url: &'a str,
    endpoint: &'a Endpoint,
    options: &'a Options,
    config: &'a LdapConfig,
    identity: &'a Identity,
}

/// An authenticated connection.
pub(super) async fn connect(
    url: &str,
    endpoint: &Endpoint,
    options: &Options,
    config: &LdapConfig,
    identity: &Identity,
) -> Result<Connection, SourceError> {
    let attempt = Attempt {
        url,
        endpoint,
        options,
        config,
        identity,
    };
    match attempt.config.negotiate.method {
        Method::Kerberos => attempt
            .kerberos()
            .await?
            .map_err(|error| attempt.told(&error)),
        Method::Ntlm => attempt.ntlm().await,
        Method::Auto => attempt.either().await,
    }
}

impl Attempt<'_> {
    async fn either(&self) -> Result<Connection, SourceError> {
        let has_password = matches!(self.identity.credential, Credential::Password(_));
        if has_password && self.is_address() {
            return self.ntlm().await;
        }
        match self.kerberos().await? {
            Ok(connection) => Ok(connection),
            Err(Error::Negotiate { source, .. }) if has_password && source.may_try_ntlm() => {
                let url = self.url;
                tracing::warn!(server = %url, "Kerberos is of no use at {url} ({source}); trying NTLM");
                self.ntlm().await
            }
            Err(error) => Err(self.told(&error)),
        }
    }

    /// The outer error is one of the settings.
    async fn kerberos(&self) -> Result<Result<Connection, Error>, SourceError> {
        if self.is_address() {
            return Err(invalid(format!(
                "settings: Kerberos needs the domain controller's name, not an address: {}; write its full name, or give it as server_name",
                self.url
            )));
        }
        let context = Initiator::kerberos(
            self.identity,
            self.kdcs()?,
            &self.service(),
            self.endpoint.protection(),
        );
        Ok(self.open(context).await)
    }

    async fn ntlm(&self) -> Result<Connection, SourceError> {
        let context = Initiator::ntlm(self.identity, &self.service(), self.endpoint.protection());
        self.open(context).await.map_err(|error| {
            let refusal = self.told(&error);
            match error {
                Error::BindRefused {
                    reason: ldap::BindReason::Unknown,
                    ..
                } => refusal.with("cure", "if the domain forbids NTLM, let negotiate.method be kerberos and write the domain controller's full name in the URL"),
                _ => refusal,
            }
        })
    }

    async fn open(
        &self,
        context: Result<Initiator, negotiate::Error>,
    ) -> Result<Connection, Error> {
        let context = context.map_err(|source| Error::Negotiate {
            server: self.url.to_owned(),
            source,
        })?;
        ldap::connect_negotiated(self.endpoint, self.options, Box::new(context)).await
    }

    fn told(&self, error: &Error) -> SourceError {
        failure::refusal(self.url, "bind", error)
    }

    /// The name by which Kerberos knows the server.
    fn host(&self) -> &str {
        let given = self.config.server_name.as_deref();
        given.unwrap_or(&self.endpoint.host)
    }

    fn is_address(&self) -> bool {
        self.host().parse::<IpAddr>().is_ok()
    }

    fn service(&self) -> String {
        format!("ldap/{}", self.host().to_lowercase())
    }

    fn kdcs(&self) -> Result<Kdcs, SourceError> {
        let realm = realm(self.config, self.identity, self.host()).ok_or_else(|| {
            invalid(
                "settings: the Kerberos realm cannot be told from the names; give negotiate.realm"
                    .into(),
            )
        })?;
        Ok(Kdcs {
            realm,
            addresses: self.addresses(),
            timeout: self.options.timeouts.connect,
        })
    }

    /// The KDCs of the settings; none: this server first, then the others of the list, since each controller is one.
    fn addresses(&self) -> Vec<String> {
        let given = &self.config.negotiate.kdcs;
        if !given.is_empty() {
            return given.iter().map(|kdc| with_port(kdc)).collect();
        }
        let mut hosts = vec![self.endpoint.host.clone()];
        for url in &self.config.urls {
            let other = url.parse::<Endpoint>().map(|endpoint| endpoint.host);
            hosts.extend(other.ok().filter(|host| !hosts.contains(host)));
        }
        let known =
            |host: &String| match self.config.addresses.as_ref().and_then(|all| all.get(host)) {
                Some(all) => all.iter().map(ToString::to_string).collect(),
                None => vec![host.clone()],
            };
        let all = hosts.iter().flat_map(known);
        all.map(|host| with_port(&host)).collect()
    }
}

/// The realm, in capitals: as set, else of the keytab's key, else of the naming context, of the server's name, or of the
/// account's, the first that says one.
fn realm(config: &LdapConfig, identity: &Identity, host: &str) -> Option<String> {
    let of_key = || match &identity.credential {
        Credential::Key(key) => Some(key.realm.clone()),
        Credential::Password(_) => None,
    };
    let of_context = || config.naming_context.as_deref().map(dns_name);
    let of_locate = || config.locate.as_ref().map(|locate| locate.domain.clone());
    let of_host = || host.split_once('.').map(|(_, domain)| domain.to_owned());
    let of_account = || {
        let account = identity.account.rsplit_once('@');
        account.map(|(_, suffix)| suffix.to_owned())
    };
    let realm = config.negotiate.realm.clone();
    let found = realm
        .or_else(of_key)
        .or_else(of_context)
        .or_else(of_locate)
        .or_else(of_host)
        .or_else(of_account)?;
    (!found.is_empty()).then(|| found.to_uppercase())
}

fn with_port(host: &str) -> String {
    let is_bare_ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    match (is_bare_ipv6, host.rsplit_once(':')) {
        (true, _) => format!("[{host}]:{KDC_PORT}"),
        (false, Some((_, port))) if port.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:{KDC_PORT}"),
    }
}

/// The account's key in a keytab that only its owner can read.
///
/// # Errors
/// `SecretFileUnsafe` if others can read the file, `ConfigurationInvalid` if it holds no key of the account.
pub fn key(path: &Path, account: &str) -> Result<keytab::Key, Refusal> {
    let shown = path.display();
    refuse_readable_by_others(path)?;
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if size > keytab::MAX_KEYTAB_BYTES as u64 {
        return Err(invalid(format!("keytab {shown} is too large to be one")));
    }
    let bytes = std::fs::read(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| invalid(format!("keytab {shown} cannot be read: {error}")))?;
    keytab::find(&bytes, account)
        .map_err(|error| invalid(format!("keytab {shown} cannot be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::config::{Authentication, Secret};

    fn config(text: &str) -> LdapConfig {
        let url = "ldap://dc1.canal.example".to_owned();
        let mut config = LdapConfig::simple(
            vec![url],
            "svc@mail.example",
            Secret::Environment("X".into()),
        );
        config.authentication = Authentication::Negotiate;
        config.negotiate = serde_json::from_str(text).unwrap();
        config
    }

    fn identity() -> Identity {
        Identity {
            account: "svc@mail.example".into(),
            credential: Credential::Password("hush".into()),
        }
    }

    #[test]
    fn the_realm_comes_from_what_is_surest() {
        let mut config = config("{}");
        let told = |config: &LdapConfig, host: &str| realm(config, &identity(), host);
        assert_eq!(told(&config, "dc1").as_deref(), Some("MAIL.EXAMPLE"));
        assert_eq!(
            told(&config, "dc1.canal.example").as_deref(),
            Some("CANAL.EXAMPLE")
        );
        config.naming_context = Some("DC=polder,DC=example".into());
        assert_eq!(
            told(&config, "dc1.canal.example").as_deref(),
            Some("POLDER.EXAMPLE")
        );
        config.negotiate.realm = Some("dijk.example".into());
        assert_eq!(
            told(&config, "dc1.canal.example").as_deref(),
            Some("DIJK.EXAMPLE")
        );
    }

    #[test]
    fn every_controller_of_the_list_is_asked_for_tickets_unless_kdcs_are_set() {
        let mut config = config("{}");
        config.urls.push("ldap://dc2.canal.example:3389".into());
        let url = config.urls[1].clone();
        let endpoint = url.parse().unwrap();
        let options = Options {
            security: ldap::Security::PlainForTests,
            server_name: None,
            timeouts: ldap::Timeouts::default(),
        };
        let identity = identity();
        let addresses = |config: &LdapConfig| {
            let attempt = Attempt {
                url: &url,
                endpoint: &endpoint,
                options: &options,
                config,
                identity: &identity,
            };
            attempt.addresses()
        };
        assert_eq!(
            addresses(&config),
            ["dc2.canal.example:88", "dc1.canal.example:88"]
        );
        config.negotiate.kdcs = vec!["kdc.example".into(), "kdc2:8888".into(), "::1".into()];
        assert_eq!(
            addresses(&config),
            ["kdc.example:88", "kdc2:8888", "[::1]:88"]
        );
    }
}
