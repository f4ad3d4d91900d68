//! Looking at a directory step by step, for whoever asks why it does not work.
//!
//! Reads only, and signs in once: an account must not be locked by somebody who looks what is wrong with it. Trap: that one server
//! of a list fails costs nothing while another one works, so every server is looked at, and not only the first that will do.

use ldap::Scheme;

use super::{
    config::{Authentication, LdapConfig, TlsMode},
    connect, failure,
    locate::located,
};
use crate::source::SourceError;

pub use super::ad::{AdFacts, examine_ad};

/// A server of the list, up to where a sign-in would begin.
#[derive(Debug)]
pub struct Probe {
    /// Its address.
    pub url: String,
    /// Whether name, TCP and TLS work.
    pub result: Result<(), SourceError>,
}

/// Looks at name, TCP and TLS of every server of the list; nobody signs in.
///
/// # Errors
/// If TLS cannot be set up from the settings at all, or no server can be located.
pub async fn probe(config: &LdapConfig) -> Result<Vec<Probe>, SourceError> {
    let config = &located(config).await?;
    let options = connect::options(config)?;
    let mut all = Vec::new();
    for url in &config.urls {
        let result = async {
            let told = |error: ldap::Error| failure::refusal(url, "connect", &error);
            let endpoint = connect::endpoint(url, config).map_err(told)?;
            // What the sign-in will seal has no TLS of its own.
            let is_sealed = config.authentication == Authentication::Negotiate
                && endpoint.scheme == Scheme::Ldap
                && config.tls == TlsMode::Verified;
            let mut options = options.clone();
            if is_sealed {
                options.security = ldap::Security::PlainForTests;
            }
            ldap::connect(&endpoint, &options).await.map_err(told)?;
            Ok(())
        };
        all.push(Probe {
            url: url.clone(),
            result: result.await,
        });
    }
    Ok(all)
}
