//! Binding by SASL GSS-SPNEGO (MS-ADTS 5.1.1.1.2) before the connection's driver starts.
//!
//! On `ldap` addresses everything after the bind is sealed, without TLS; on `ldaps` TLS protects and nothing is sealed,
//! since Active Directory refuses both at once. Never falls back to an unsealed connection. Trap: the server's success is not
//! the end: with Kerberos its last token proves who the server is, and has to be judged first.

use bytes::{Bytes, BytesMut};
use ldap3_proto::{
    LdapMsg,
    proto::{LdapBindCred, LdapBindRequest, LdapOp, SaslCredentials},
};
use negotiate::{Protection, SecurityContext, Step};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::{
    bind,
    connect::{self, Options, over},
    connection::Connection,
    driver::encode,
    endpoint::{Endpoint, Scheme},
    error::Error,
    message::{BadMessage, Body, Names, cut, decode},
    result::{Outcome, ResultCode},
    sealed::Sealed,
};

const MECHANISM: &str = "GSS-SPNEGO";
const OPERATION: &str = "bind";
/// No mechanism needs more.
const MAX_LEGS: i32 = 8;

impl Endpoint {
    /// How a security context must protect a connection to this address.
    pub fn protection(&self) -> Protection {
        match self.scheme {
            Scheme::Ldap => Protection::Sealed,
            Scheme::Ldaps | Scheme::Ldapi => Protection::Carrier,
        }
    }
}

/// Opens a connection and authenticates it by a security context; on `ldap` addresses it is sealed by it.
///
/// # Errors
/// As [`crate::connect`] and [`Connection::simple_bind`], and [`Error::Negotiate`] if the context cannot be established.
pub async fn connect_negotiated(
    endpoint: &Endpoint,
    options: &Options,
    mut context: Box<dyn SecurityContext>,
) -> Result<Connection, Error> {
    if endpoint.protection() != context.protection() {
        return Err(Error::BadAddress {
            address: endpoint.to_string(),
            why: "its protection does not fit the security context",
        });
    }
    let server = endpoint.to_string();
    match endpoint.scheme {
        Scheme::Ldap => {
            let opening = connect::tcp(endpoint);
            let mut tcp = connect::in_time(endpoint, options, opening).await?;
            let rest = bind_in_time(&mut tcp, &server, options, &mut *context).await?;
            let sealed = Sealed::new(tcp, context, rest);
            Ok(over(sealed, server, options.timeouts))
        }
        Scheme::Ldaps => {
            let opening = connect::tls(endpoint, options);
            let mut tls = connect::in_time(endpoint, options, opening).await?;
            let rest = bind_in_time(&mut tls, &server, options, &mut *context).await?;
            match rest.first() {
                None => Ok(over(tls, server, options.timeouts)),
                Some(&byte) => Err(bad(&server, BadMessage::NotLdap(byte))),
            }
        }
        Scheme::Ldapi => Err(Error::BadAddress {
            address: server,
            why: "a local socket proves who you are by itself; use EXTERNAL",
        }),
    }
}

async fn bind_in_time<S>(
    stream: &mut S,
    server: &str,
    options: &Options,
    context: &mut dyn SecurityContext,
) -> Result<BytesMut, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let after = options.timeouts.request;
    match tokio::time::timeout(after, bind(stream, server, context)).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout {
            server: server.to_owned(),
            operation: OPERATION,
            after,
        }),
    }
}

/// Exchanges tokens until both sides are done; what was read beyond belongs to what follows.
async fn bind<S>(
    stream: &mut S,
    server: &str,
    context: &mut dyn SecurityContext,
) -> Result<BytesMut, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut inbox = BytesMut::new();
    let mut token = Bytes::new();
    for id in 1..=MAX_LEGS {
        let (is_done, output) = step(server, context, &token).await?;
        let frame = encode(LdapMsg::new(id, request(output)));
        stream
            .write_all(&frame)
            .await
            .map_err(|e| closed(server, &e))?;
        stream.flush().await.map_err(|e| closed(server, &e))?;
        let (outcome, answer) = answer(stream, server, &mut inbox, id).await?;
        token = answer.unwrap_or_default();
        if outcome.code == ResultCode::SASL_BIND_IN_PROGRESS {
            continue;
        }
        bind::judge(server, context.account(), outcome)?;
        let is_proven = is_done || step(server, context, &token).await?.0;
        return match is_proven {
            true => Ok(inbox),
            false => Err(incomplete(server, "the proof of who it is")),
        };
    }
    Err(incomplete(server, "an end"))
}

async fn step(
    server: &str,
    context: &mut dyn SecurityContext,
    token: &[u8],
) -> Result<(bool, Vec<u8>), Error> {
    match context.step(token).await {
        Ok(Step::Continue(output)) => Ok((false, output)),
        Ok(Step::Done(output)) => Ok((true, output)),
        Err(source) => Err(Error::Negotiate {
            server: server.to_owned(),
            source,
        }),
    }
}

fn request(credentials: Vec<u8>) -> LdapOp {
    LdapOp::BindRequest(LdapBindRequest {
        version: 3,
        dn: String::new(),
        cred: LdapBindCred::SASL(SaslCredentials {
            mechanism: MECHANISM.into(),
            credentials,
        }),
    })
}

async fn answer<S>(
    stream: &mut S,
    server: &str,
    inbox: &mut BytesMut,
    id: i32,
) -> Result<(Outcome, Option<Bytes>), Error>
where
    S: AsyncRead + Unpin,
{
    let frame = loop {
        if let Some(frame) = cut(inbox).map_err(|source| bad(server, source))? {
            break frame;
        }
        let read = stream.read_buf(inbox).await;
        if read.map_err(|error| closed(server, &error))? == 0 {
            return Err(closed(server, &std::io::ErrorKind::UnexpectedEof.into()));
        }
    };
    let message = decode(&frame, &mut Names::default()).map_err(|source| bad(server, source))?;
    match message.body {
        Body::Done {
            tag: 0x61,
            outcome,
            credentials,
            ..
        } if message.id == id => Ok((outcome, credentials)),
        Body::Done { tag, outcome, .. } if message.id == 0 && tag == 0x78 => {
            Err(closed(server, &std::io::Error::other(outcome.text)))
        }
        Body::Done { tag, .. } => Err(bad(server, BadMessage::Kind(tag))),
        _ => Err(bad(server, BadMessage::Kind(0x64))),
    }
}

fn closed(server: &str, error: &std::io::Error) -> Error {
    Error::Closed {
        server: server.to_owned(),
        operation: OPERATION,
        text: error.to_string(),
    }
}

fn bad(server: &str, source: BadMessage) -> Error {
    Error::Protocol {
        server: server.to_owned(),
        operation: OPERATION,
        source,
    }
}

fn incomplete(server: &str, what: &'static str) -> Error {
    Error::Incomplete {
        server: server.to_owned(),
        operation: OPERATION,
        what,
    }
}
