//! The address of a server: `ldaps://host[:port]` or `ldap://host[:port]`.
//!
//! Never carries a DN, filter or credential (RFC 4516's other parts are refused). Trap: IPv6 addresses stand in brackets.

use std::{fmt, str::FromStr};

use crate::error::Error;

/// How the connection starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain, then StartTLS.
    Ldap,
    /// TLS from the first byte.
    Ldaps,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// How to start.
    pub scheme: Scheme,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(address: &str) -> Result<Self, Error> {
        let bad = |why| Error::BadAddress {
            address: address.to_owned(),
            why,
        };
        let (scheme, rest) = address.split_once("://").ok_or_else(|| bad("no scheme"))?;
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "ldap" => (Scheme::Ldap, 389),
            "ldaps" => (Scheme::Ldaps, 636),
            _ => return Err(bad("unknown scheme")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '@', ' ']) {
            return Err(bad("only a host and a port are allowed"));
        }
        let (host, port) = split_port(rest).ok_or_else(|| bad("malformed host or port"))?;
        if host.is_empty() {
            return Err(bad("no host"));
        }
        let port = match port {
            Some(digits) => digits.parse().map_err(|_| bad("malformed port"))?,
            None => default_port,
        };
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
        })
    }
}

fn split_port(rest: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inner) = rest.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    match rest.split_once(':') {
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
        None => Some((rest, None)),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Ldap => "ldap",
            Scheme::Ldaps => "ldaps",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}
