//! Opening a connection: name, TCP, TLS or StartTLS, all within the connect time-out.
//!
//! TLS is always used and always verified, unless the caller names [`Security::PlainForTests`]. Trap: bytes that arrive
//! together with the StartTLS answer were not protected by TLS; they are a protocol error, never read as answers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use ldap3_proto::{
    LdapMsg,
    proto::{LdapExtendedRequest, LdapOp},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    connection::Connection,
    driver::encode,
    endpoint::{Endpoint, Scheme},
    error::{Error, TlsFailure},
    message::{BadMessage, Body, Names, cut, decode},
    result::ResultCode,
    tls::classify,
};

/// RFC 4511 §4.14.1
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// How much is taken from the system at once.
const RECEIVE_BYTES: usize = 32 << 10;

/// How long each kind of wait may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution, TCP and TLS together.
    pub connect: Duration,
    /// The (first) answer to a request.
    pub request: Duration,
    /// The next entry of a search.
    pub idle_between_entries: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(60),
            idle_between_entries: Duration::from_secs(60),
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// TLS (`ldaps`) or mandatory StartTLS (`ldap`), verified by this configuration.
    Verified(Arc<ClientConfig>),
    /// No protection at all on `ldap` addresses. For tests against a server on the same machine. (A local socket, `ldapi`, has
    /// no need of protection and never has it.)
    PlainForTests,
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// Protection.
    pub security: Security,
    /// The name the certificate must hold, if not the host of the address.
    pub server_name: Option<String>,
    /// Limits.
    pub timeouts: Timeouts,
}

/// Opens a connection.
///
/// # Errors
/// One variant per stage: address, name, TCP, TLS, time-out.
pub async fn connect(endpoint: &Endpoint, options: &Options) -> Result<Connection, Error> {
    in_time(endpoint, options, open(endpoint, options)).await
}

/// Whatever opens a stream, within the connect time-out.
pub(crate) async fn in_time<T>(
    endpoint: &Endpoint,
    options: &Options,
    opening: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let after = options.timeouts.connect;
    match tokio::time::timeout(after, opening).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout {
            server: endpoint.to_string(),
            operation: "connect",
            after,
        }),
    }
}

/// A connection over a stream that is already open (and protected, if it must be).
pub fn over<S>(stream: S, server: impl Into<String>, timeouts: Timeouts) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    Connection::start(stream, server.into(), timeouts)
}

async fn open(endpoint: &Endpoint, options: &Options) -> Result<Connection, Error> {
    let (server, timeouts) = (endpoint.to_string(), options.timeouts);
    match (endpoint.scheme, &options.security) {
        (Scheme::Ldapi, _) => Ok(over(local(endpoint).await?, server, timeouts)),
        (Scheme::Ldap, Security::PlainForTests) => Ok(over(tcp(endpoint).await?, server, timeouts)),
        _ => Ok(over(tls(endpoint, options).await?, server, timeouts)),
    }
}

/// A verified TLS stream: from the first byte with `ldaps`, after StartTLS with `ldap`.
pub(crate) async fn tls(
    endpoint: &Endpoint,
    options: &Options,
) -> Result<TlsStream<BufReader<TcpStream>>, Error> {
    let bad = |why| Error::BadAddress {
        address: endpoint.to_string(),
        why,
    };
    let Security::Verified(config) = &options.security else {
        return Err(bad("ldaps cannot be used without TLS"));
    };
    let mut tcp = tcp(endpoint).await?;
    if endpoint.scheme == Scheme::Ldap {
        start_tls(&mut tcp, endpoint).await?;
    }
    let host = options.server_name.as_deref().unwrap_or(&endpoint.host);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| bad("the host is no valid name for a certificate"))?;
    // TLS reads in pieces of its own, smaller than what the system has for it.
    let buffered = BufReader::with_capacity(RECEIVE_BYTES, tcp);
    TlsConnector::from(config.clone())
        .connect(name, buffered)
        .await
        .map_err(|error| Error::Tls {
            server: endpoint.to_string(),
            failure: classify(&error),
            text: error.to_string(),
        })
}

#[cfg(unix)]
async fn local(endpoint: &Endpoint) -> Result<tokio::net::UnixStream, Error> {
    tokio::net::UnixStream::connect(&endpoint.host)
        .await
        .map_err(|source| Error::Connect {
            server: endpoint.to_string(),
            source,
        })
}

#[cfg(not(unix))]
async fn local(endpoint: &Endpoint) -> Result<TcpStream, Error> {
    Err(Error::BadAddress {
        address: endpoint.to_string(),
        why: "this system has no local sockets",
    })
}

pub(crate) async fn tcp(endpoint: &Endpoint) -> Result<TcpStream, Error> {
    let server = || endpoint.to_string();
    let addresses: Vec<SocketAddr> = match endpoint.addresses.as_slice() {
        [] => tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|source| Error::Resolve {
                server: server(),
                source,
            })?
            .collect(),
        known => known
            .iter()
            .map(|address| SocketAddr::new(*address, endpoint.port))
            .collect(),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests are small and waited for.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(Error::Connect {
        server: server(),
        source: last,
    })
}

async fn start_tls<S>(stream: &mut S, endpoint: &Endpoint) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |error: io::Error| Error::Closed {
        server: endpoint.to_string(),
        operation: "start TLS",
        text: error.to_string(),
    };
    let bad = |source: BadMessage| Error::Protocol {
        server: endpoint.to_string(),
        operation: "start TLS",
        source,
    };
    let request = LdapOp::ExtendedRequest(LdapExtendedRequest {
        name: START_TLS.into(),
        value: None,
    });
    let frame = encode(LdapMsg::new(1, request));
    stream.write_all(&frame).await.map_err(broken)?;
    let mut inbox = BytesMut::new();
    let frame = loop {
        if let Some(frame) = cut(&mut inbox).map_err(bad)? {
            break frame;
        }
        if stream.read_buf(&mut inbox).await.map_err(broken)? == 0 {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
    };
    if let Some(&first) = inbox.first() {
        return Err(bad(BadMessage::NotLdap(first)));
    }
    match decode(&frame, &mut Names::default()).map_err(bad)?.body {
        Body::Done { outcome, .. } if outcome.code == ResultCode::SUCCESS => Ok(()),
        Body::Done { outcome, .. } => Err(Error::Tls {
            server: endpoint.to_string(),
            failure: TlsFailure::StartTlsRefused,
            text: format!("{} {}", outcome.code, outcome.text),
        }),
        _ => Err(bad(BadMessage::Kind(0x64))),
    }
}
