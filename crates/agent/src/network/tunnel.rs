//! The way through a proxy: CONNECT (RFC 9110 §9.3.6), with whatever it takes to be let through.
//!
//! The credential is offered at once where it is known which kind is wanted, so that a connection costs no refusal first. Reads
//! never more than the answer's head and body: what follows belongs to the tunnel. Trap: a proxy may answer 200 and then speak
//! TLS itself; that shows only in the certificate.

use connectors::ldap::Method;
use negotiate::{BareNtlm, Credential, Initiator, Protection, SecurityContext as _, Step};
use secrecy::ExposeSecret as _;
use sync_core::{code::Code, operation::Refusal};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Proxy, ProxyAuthentication};

// LIMIT: bytes of the head of an answer, and of its body, which is an error page.
const LARGEST_HEAD_BYTES: usize = 32 << 10;
const LARGEST_BODY_BYTES: u64 = 1 << 20;
// LIMIT: questions and answers until a tunnel stands; Kerberos needs one, NTLM two.
const MOST_ROUNDS: usize = 5;

/// Why a proxy lets nothing through.
#[derive(Debug, Error)]
pub enum ProxyFault {
    /// It wants to know who asks, and the settings do not say.
    #[error(
        "the proxy {proxy} wants to know who asks (it offers {offered}); give network.proxy authentication, account and secret"
    )]
    CredentialMissing {
        /// Its address.
        proxy: String,
        /// Schemes it offers.
        offered: String,
    },
    /// It does not accept account or password.
    #[error(
        "the proxy {proxy} refuses account or password (it offers {offered}); correct network.proxy"
    )]
    CredentialRefused {
        /// Its address.
        proxy: String,
        /// Schemes it offers.
        offered: String,
    },
    /// It does not let anybody through to this host or port.
    #[error(
        "the proxy {proxy} does not let through to {target}: it answered {status}; allow CONNECT to that host and port there"
    )]
    Refused {
        /// Its address.
        proxy: String,
        /// Host and port.
        target: String,
        /// Status and reason.
        status: String,
    },
    /// It cannot reach the host.
    #[error(
        "the proxy {proxy} cannot reach {target}: it answered {status}; look at name resolution and firewall of the proxy"
    )]
    BadGateway {
        /// Its address.
        proxy: String,
        /// Host and port.
        target: String,
        /// Status and reason.
        status: String,
    },
    /// What it answers is not HTTP.
    #[error("what answers at {proxy} is not an HTTP proxy: {text}")]
    Nonsense {
        /// Its address.
        proxy: String,
        /// What is wrong.
        text: String,
    },
    /// The connection broke.
    #[error("the connection to the proxy {proxy} broke")]
    Broken {
        /// Its address.
        proxy: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The secret or key of the settings cannot be used.
    #[error("the credential for the proxy {proxy} cannot be used: {refusal}")]
    Unusable {
        /// Its address.
        proxy: String,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// Kerberos needs to know where.
    #[error(
        "Kerberos with the proxy {proxy} needs network.proxy.negotiate.kdcs (the domain controllers) and the realm"
    )]
    NoKdc {
        /// Its address.
        proxy: String,
    },
    /// Kerberos or NTLM failed.
    #[error("signing in to the proxy {proxy} failed")]
    SignIn {
        /// Its address.
        proxy: String,
        /// Cause.
        #[source]
        source: negotiate::Error,
    },
}

impl ProxyFault {
    /// The code a person looks up.
    pub fn code(&self) -> Code {
        match self {
            Self::CredentialMissing { .. } => Code::ProxyCredentialMissing,
            Self::CredentialRefused { .. } => Code::ProxyCredentialRefused,
            Self::Refused { .. } => Code::ProxyRefused,
            Self::BadGateway { .. } | Self::Nonsense { .. } | Self::Broken { .. } => {
                Code::ProxyUnreachable
            }
            Self::Unusable { refusal, .. } => refusal.code,
            Self::NoKdc { .. } => Code::ConfigurationInvalid,
            Self::SignIn { source, .. } => match source.reason() {
                Some(_) => Code::ProxyCredentialRefused,
                None => Code::ProxyUnreachable,
            },
        }
    }
}

/// Who is shown to the proxy, as far as it has come.
enum Proof {
    Nobody,
    Basic(String),
    Ntlm(Box<BareNtlm>),
    Negotiate(Box<Initiator>),
}

/// The head of an answer.
struct Answer {
    status: u16,
    line: String,
    /// Values of `Proxy-Authenticate`.
    challenges: Vec<String>,
    body: Body,
}

enum Body {
    Length(u64),
    Chunked,
    UntilClosed,
}

/// Opens a tunnel to `target` (`host:port`) on a connection to the proxy.
///
/// # Errors
/// Why the proxy does not let through.
pub async fn open<S>(stream: &mut S, proxy: &Proxy, target: &str) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(before) = proxy.holds() {
        return Err(before);
    }
    let opened = negotiate_way(stream, proxy, target).await;
    match &opened {
        Ok(()) => proxy.note(None),
        Err(fault) if fault.code() == Code::ProxyCredentialRefused => proxy.note(Some(fault)),
        Err(_) => {}
    }
    opened
}

async fn negotiate_way<S>(stream: &mut S, proxy: &Proxy, target: &str) -> Result<(), ProxyFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut proof = Proof::new(proxy)?;
    let mut challenge = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let authorization = proof.next(proxy, &challenge).await?;
        ask(stream, proxy, target, authorization.as_deref()).await?;
        let answer = head(stream, proxy).await?;
        match answer.status {
            200..=299 => return Ok(()),
            407 => {
                challenge = proof.challenge(proxy, &answer)?;
                drain(stream, proxy, answer.body).await?;
            }
            status => return Err(refused(proxy, target, status, answer.line)),
        }
    }
    Err(ProxyFault::Nonsense {
        proxy: proxy.shown(),
        text: "it asks who we are again and again".into(),
    })
}

fn refused(of: &Proxy, target: &str, status: u16, line: String) -> ProxyFault {
    let (proxy, target) = (of.shown(), target.to_owned());
    let has_credential = of.authentication() != ProxyAuthentication::None;
    match status {
        // A web server that knows no CONNECT.
        405 | 501 => ProxyFault::Nonsense {
            proxy,
            text: format!("it answered {line}"),
        },
        500.. => ProxyFault::BadGateway {
            proxy,
            target,
            status: line,
        },
        // Some proxies answer a wrong password as a server does, and not with 407.
        401 if has_credential => ProxyFault::CredentialRefused {
            proxy,
            offered: line,
        },
        _ => ProxyFault::Refused {
            proxy,
            target,
            status: line,
        },
    }
}

impl Proof {
    fn new(proxy: &Proxy) -> Result<Self, ProxyFault> {
        let failed = |source| ProxyFault::SignIn {
            proxy: proxy.shown(),
            source,
        };
        let service = proxy.service();
        match proxy.authentication() {
            ProxyAuthentication::None => Ok(Self::Nobody),
            ProxyAuthentication::Basic => {
                let identity = proxy.identity()?;
                let Credential::Password(password) = &identity.credential else {
                    return Err(failed(negotiate::Error::KeytabWithNtlm));
                };
                let pair = format!("{}:{}", identity.account, password.expose_secret());
                Ok(Self::Basic(encode(pair.as_bytes())))
            }
            ProxyAuthentication::Ntlm => {
                let context = BareNtlm::new(&proxy.identity()?, &service).map_err(failed)?;
                Ok(Self::Ntlm(Box::new(context)))
            }
            ProxyAuthentication::Negotiate => {
                let identity = proxy.identity()?;
                let carrier = Protection::Carrier;
                let context = match proxy.method() {
                    Method::Ntlm => Initiator::ntlm(&identity, &service, carrier),
                    Method::Auto | Method::Kerberos => {
                        let kdcs = proxy.kdcs(&identity)?;
                        Initiator::kerberos(&identity, kdcs, &service, carrier)
                    }
                };
                Ok(Self::Negotiate(Box::new(context.map_err(failed)?)))
            }
        }
    }

    fn scheme(&self) -> Option<&'static str> {
        match self {
            Self::Nobody => None,
            Self::Basic(_) => Some("Basic"),
            Self::Ntlm(_) => Some("NTLM"),
            Self::Negotiate(_) => Some("Negotiate"),
        }
    }

    /// What is shown next.
    async fn next(
        &mut self,
        proxy: &Proxy,
        challenge: &[u8],
    ) -> Result<Option<String>, ProxyFault> {
        let failed = |source| ProxyFault::SignIn {
            proxy: proxy.shown(),
            source,
        };
        Ok(match self {
            Self::Nobody => None,
            Self::Basic(pair) => Some(format!("Basic {pair}")),
            Self::Ntlm(context) => {
                let token = context.step(challenge).map_err(failed)?;
                Some(format!("NTLM {}", encode(&token)))
            }
            Self::Negotiate(context) => {
                let (Step::Continue(token) | Step::Done(token)) =
                    context.step(challenge).await.map_err(failed)?;
                Some(format!("Negotiate {}", encode(&token)))
            }
        })
    }

    /// The token of an answer that asks for more; an answer without one is a refusal.
    fn challenge(&self, proxy: &Proxy, answer: &Answer) -> Result<Vec<u8>, ProxyFault> {
        let schemes = answer.challenges.iter();
        let schemes = schemes.filter_map(|text| text.split_whitespace().next());
        let offered = schemes.collect::<Vec<_>>().join(", ");
        let proxy = proxy.shown();
        let Some(scheme) = self.scheme() else {
            return Err(ProxyFault::CredentialMissing { proxy, offered });
        };
        let token = answer.challenges.iter().find_map(|text| {
            let (name, token) = text.split_once(' ')?;
            let is_ours = name.eq_ignore_ascii_case(scheme) && scheme != "Basic";
            is_ours.then(|| decode(token.trim())).flatten()
        });
        match token.filter(|token| !token.is_empty()) {
            Some(token) => Ok(token),
            None => Err(ProxyFault::CredentialRefused { proxy, offered }),
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn broken(proxy: &Proxy) -> impl Fn(std::io::Error) -> ProxyFault {
    let proxy = proxy.shown();
    move |source| ProxyFault::Broken {
        proxy: proxy.clone(),
        source,
    }
}

fn nonsense(proxy: &Proxy, text: &str) -> ProxyFault {
    ProxyFault::Nonsense {
        proxy: proxy.shown(),
        text: text.into(),
    }
}

async fn ask<S: AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    target: &str,
    authorization: Option<&str>,
) -> Result<(), ProxyFault> {
    let authorization = authorization.map_or_else(String::new, |value| {
        format!("Proxy-Authorization: {value}\r\n")
    });
    let request = format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: hybridge-agent/{}\r\nProxy-Connection: keep-alive\r\n{authorization}\r\n",
        crate::VERSION
    );
    let sent = stream.write_all(request.as_bytes()).await;
    sent.map_err(broken(proxy))?;
    stream.flush().await.map_err(broken(proxy))
}

async fn line<S: AsyncRead + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    left: &mut usize,
) -> Result<String, ProxyFault> {
    let mut bytes = Vec::new();
    loop {
        // Byte by byte, or the first bytes of the tunnel could be taken for part of the head.
        let byte = stream.read_u8().await.map_err(broken(proxy))?;
        *left = left
            .checked_sub(1)
            .ok_or_else(|| nonsense(proxy, "its answer is too long"))?;
        if byte == b'\n' {
            let text = String::from_utf8_lossy(&bytes);
            return Ok(text.trim_end_matches('\r').to_owned());
        }
        bytes.push(byte);
    }
}

async fn head<S: AsyncRead + Unpin>(stream: &mut S, proxy: &Proxy) -> Result<Answer, ProxyFault> {
    let mut left = LARGEST_HEAD_BYTES;
    let first = line(stream, proxy, &mut left).await?;
    let (version, rest) = first.split_once(' ').unwrap_or((&first, ""));
    let status = rest.get(..3).and_then(|digits| digits.parse().ok());
    let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
        return Err(nonsense(proxy, "its answer does not begin like HTTP"));
    };
    let mut answer = Answer {
        status,
        line: rest.chars().filter(|c| !c.is_control()).take(80).collect(),
        challenges: Vec::new(),
        body: Body::UntilClosed,
    };
    loop {
        let header = line(stream, proxy, &mut left).await?;
        if header.is_empty() {
            return Ok(answer);
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "proxy-authenticate" => answer.challenges.push(value.to_owned()),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => {
                answer.body = Body::Chunked;
            }
            "content-length" if !matches!(answer.body, Body::Chunked) => {
                let length = value.parse();
                let length = length.map_err(|_| nonsense(proxy, "its answer has no length"))?;
                answer.body = Body::Length(length);
            }
            _ => {}
        }
    }
}

/// Reads the error page away, so that the next question gets its own answer.
async fn drain<S: AsyncRead + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    body: Body,
) -> Result<(), ProxyFault> {
    match body {
        Body::Length(length) => skip(stream, proxy, length).await,
        Body::UntilClosed => Err(nonsense(
            proxy,
            "it closes the connection in the middle of the sign-in",
        )),
        Body::Chunked => {
            let mut left = LARGEST_HEAD_BYTES;
            loop {
                let size = line(stream, proxy, &mut left).await?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16);
                let size = size.map_err(|_| nonsense(proxy, "its answer is cut up wrongly"))?;
                skip(stream, proxy, size).await?;
                line(stream, proxy, &mut left).await?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
    }
}

async fn skip<S: AsyncRead + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    bytes: u64,
) -> Result<(), ProxyFault> {
    if bytes > LARGEST_BODY_BYTES {
        return Err(nonsense(proxy, "its error page is too long"));
    }
    let mut sink = tokio::io::sink();
    let copied = tokio::io::copy(&mut stream.take(bytes), &mut sink).await;
    match copied.map_err(broken(proxy))? {
        all if all == bytes => Ok(()),
        _ => Err(broken(proxy)(std::io::ErrorKind::UnexpectedEof.into())),
    }
}
