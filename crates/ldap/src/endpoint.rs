//! The address of a server: `ldaps://host[:port]`, `ldap://host[:port]`, or the path of a local socket (`ldapi://%2Frun%2Fldapi`).
//!
//! Never carries a DN, filter or credential (RFC 4516's other parts are refused). Trap: IPv6 addresses stand in brackets, and
//! the slashes of a socket's path are written `%2F`.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::error::Error;

/// How the connection starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain, then StartTLS.
    Ldap,
    /// TLS from the first byte.
    Ldaps,
    /// A local socket.
    Ldapi,
}

/// Where OpenLDAP's servers listen locally if nothing else is said.
const DEFAULT_SOCKET: &str = "/run/slapd/ldapi";

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// How to start.
    pub scheme: Scheme,
    /// Host name or address, without brackets; of a local socket its path.
    pub host: String,
    /// Port; of a local socket 0.
    pub port: u16,
    /// Addresses of the host, from somebody who knows; none: the system's resolver is asked.
    pub addresses: Vec<IpAddr>,
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
            "ldapi" => {
                return local(rest).ok_or_else(|| bad("the path of the socket is malformed"));
            }
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
            addresses: Vec::new(),
        })
    }
}

fn local(rest: &str) -> Option<Endpoint> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let path = match rest {
        "" => DEFAULT_SOCKET.to_owned(),
        _ if rest.contains(['/', '?', ' ']) => return None,
        _ => percent_decoded(rest)?,
    };
    path.starts_with('/').then_some(Endpoint {
        scheme: Scheme::Ldapi,
        host: path,
        port: 0,
        addresses: Vec::new(),
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        if *byte != b'%' {
            bytes.push(*byte);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail.get(2..)?;
    }
    let path = String::from_utf8(bytes).ok()?;
    (!path.contains('\0')).then_some(path)
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
            Scheme::Ldapi => return write!(f, "ldapi://{}", self.host.replace('/', "%2F")),
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}
