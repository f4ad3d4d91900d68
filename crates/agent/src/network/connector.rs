//! A protected connection to the control plane: name, TCP, perhaps a proxy, TLS.
//!
//! Tries IPv6 and IPv4 beside each other (RFC 8305), and keeps idle connections alive towards firewalls that forget them. Never
//! falls back from the proxy to a direct connection. Trap: behind a proxy the name is looked up by the proxy and not here.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector, dns::Name},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower::Service;

use super::{Network, ProxyFault, throttle::Capped, tunnel};
use crate::tls;

const TCP_TIMEOUT: Duration = Duration::from_secs(10);
const WHOLE_TIMEOUT: Duration = Duration::from_secs(25);
/// A proxy, from CONNECT until the tunnel stands.
const TUNNEL_TIMEOUT: Duration = Duration::from_secs(20);
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 4;
const HTTPS_PORT: u16 = 443;

/// Why no connection stands.
#[derive(Debug, Error)]
pub enum LinkFault {
    /// A name without an address.
    #[error("the name {host} cannot be resolved")]
    Resolve {
        /// The name.
        host: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// Nobody answers there.
    #[error("no connection to {target}: {text}")]
    Connect {
        /// Host and port.
        target: String,
        /// Whether it is the proxy.
        is_proxy: bool,
        /// Why.
        text: String,
    },
    /// It took too long.
    #[error("no connection to {target} within {} seconds", WHOLE_TIMEOUT.as_secs())]
    TimedOut {
        /// Host and port.
        target: String,
    },
    /// The proxy lets nothing through.
    #[error(transparent)]
    Proxy(#[from] ProxyFault),
    /// TLS with the proxy.
    #[error("TLS with the proxy {proxy} failed; network.ca_file names its authority")]
    ProxyTls {
        /// Its address.
        proxy: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// TLS with the control plane.
    #[error("the TLS handshake with {target} failed")]
    Tls {
        /// Host and port.
        target: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A name TLS cannot have.
    #[error("{0} is neither a host name nor an address")]
    Name(String),
}

/// Any byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Makes connections.
#[derive(Clone)]
pub struct Connector {
    network: Network,
    tls: Arc<ClientConfig>,
}

impl Connector {
    /// Over this network, with this TLS.
    pub fn new(network: Network, tls: ClientConfig) -> Self {
        Self {
            network,
            tls: Arc::new(tls),
        }
    }

    async fn connect(self, uri: Uri) -> Result<Wire, LinkFault> {
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(HTTPS_PORT);
        let target = format!("{host}:{port}");
        let late = |_| LinkFault::TimedOut {
            target: target.clone(),
        };
        let stream = timeout(WHOLE_TIMEOUT, self.protected(&host, port, &target));
        let stream = stream.await.map_err(late)??;
        Ok(Wire(TokioIo::new(stream)))
    }

    async fn protected(
        &self,
        host: &str,
        port: u16,
        target: &str,
    ) -> Result<Box<dyn Stream>, LinkFault> {
        let stream = reach(&self.network, host, port).await?;
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let name =
            ServerName::try_from(plain.to_owned()).map_err(|_| LinkFault::Name(host.to_owned()))?;
        let connected = TlsConnector::from(self.tls.clone()).connect(name, stream);
        let stream = connected.await.map_err(|source| LinkFault::Tls {
            target: target.to_owned(),
            source,
        })?;
        Ok(Box::new(stream))
    }
}

/// A connection to a host, through the proxy where there is one, not protected yet.
///
/// # Errors
/// Which part of the way fails.
pub async fn reach(network: &Network, host: &str, port: u16) -> Result<Box<dyn Stream>, LinkFault> {
    let throttle = network.throttle().cloned();
    let Some(proxy) = network.proxy_for(host, port) else {
        let stream = dial(host, port, false).await?;
        return Ok(Box::new(Capped::new(stream, throttle)));
    };
    let stream = dial(proxy.host(), proxy.port(), true).await?;
    let mut stream: Box<dyn Stream> = Box::new(Capped::new(stream, throttle));
    if proxy.is_tls() {
        let failed = |source| LinkFault::ProxyTls {
            proxy: proxy.shown(),
            source,
        };
        let other = |fault: String| failed(io::Error::other(fault));
        let config = tls::for_proxy(network.further_roots());
        let config = config.map_err(|fault| other(fault.to_string()))?;
        let name = ServerName::try_from(proxy.host().to_owned());
        let name = name.map_err(|fault| other(fault.to_string()))?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
        stream = Box::new(connected.await.map_err(failed)?);
    }
    let target = format!("{host}:{port}");
    // Whoever reaches only to look has no limit of its own.
    let opened = timeout(TUNNEL_TIMEOUT, tunnel::open(&mut stream, proxy, &target)).await;
    opened.map_err(|_| LinkFault::TimedOut { target })??;
    Ok(stream)
}

/// A TCP connection to whichever address of a name answers first.
async fn dial(host: &str, port: u16, is_proxy: bool) -> Result<TcpStream, LinkFault> {
    let mut connector = HttpConnector::new_with_resolver(Resolve);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(TCP_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    let target = format!("{host}:{port}");
    let uri = format!("http://{target}/").parse::<Uri>();
    let uri = uri.map_err(|_| LinkFault::Name(host.to_owned()))?;
    let failed = |fault: &(dyn std::error::Error + 'static)| LinkFault::Connect {
        target: target.clone(),
        is_proxy,
        text: crate::error::chain(fault),
    };
    match Service::call(&mut connector, uri).await {
        Ok(stream) => Ok(stream.into_inner()),
        Err(fault) => match unresolved(&fault) {
            Some(source) => Err(LinkFault::Resolve {
                host: host.to_owned(),
                source: io::Error::other(source),
            }),
            None => Err(failed(&fault)),
        },
    }
}

/// What the resolver said, if it was that.
fn unresolved(fault: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(fault);
    while let Some(fault) = next {
        if let Some(found) = fault.downcast_ref::<Unresolved>() {
            return Some(found.0.clone());
        }
        next = fault.source();
    }
    None
}

/// A name was not resolved.
#[derive(Debug, Error)]
#[error("{0}")]
struct Unresolved(String);

/// The system's resolver.
#[derive(Clone)]
struct Resolve;

impl Service<Name> for Resolve {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|fault| Unresolved(fault.to_string()))?;
            let found: Vec<SocketAddr> = found.collect();
            match found.is_empty() {
                true => Err(Unresolved("there is no address".into())),
                false => Ok(found.into_iter()),
            }
        })
    }
}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = LinkFault;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, LinkFault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkFault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection as the HTTP library wants it.
pub struct Wire(TokioIo<Box<dyn Stream>>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        hyper::rt::Write::poll_write(Pin::new(&mut self.get_mut().0), cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        hyper::rt::Write::poll_flush(Pin::new(&mut self.get_mut().0), cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        hyper::rt::Write::poll_shutdown(Pin::new(&mut self.get_mut().0), cx)
    }
}
