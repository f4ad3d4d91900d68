//! One connection: octets in, requests carried out in order, octets out.
//!
//! It never decides what an operation does. The trap: TLS may begin in the middle of the connection, after
//! the answer to StartTLS and not before it, and nothing read before it may be believed after it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

use crate::Forest;
use crate::ber;
use crate::faults::FaultSettings;
use crate::proto::{Answer, Code, Operation, Outcome, Request, oid};
use crate::server::notify::{self, Watch};
use crate::server::paging::Paging;
use crate::store::{ObjectId, Rights};

/// Largest request that is read.
const REQUEST_LIMIT_BYTES: usize = 32 << 20;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a connection remembers between requests.
pub(super) struct Session {
    pub(super) forest: Forest,
    /// Who is bound; none is anonymous.
    pub(super) who: Option<ObjectId>,
    pub(super) is_secure: bool,
    pub(super) can_start_tls: bool,
    pub(super) paging: Paging,
    pub(super) watches: Vec<Watch>,
    pub(super) changes: Option<broadcast::Receiver<ObjectId>>,
    entries_sent: usize,
    restarts: u64,
}

/// What happens after a request.
pub(super) enum Next {
    /// Send this.
    Send(Answer),
    /// Send this, then talk TLS.
    StartTls(Answer),
    /// End the connection, sending this first.
    Close(Answer),
}

impl Session {
    /// Rights of whoever is bound.
    pub(super) fn rights(&self) -> Option<Rights> {
        self.who.map(|who| self.forest.read().rights(who))
    }
}

/// Serves one connection to its end.
pub(super) async fn run(
    forest: Forest,
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    peer: SocketAddr,
) {
    let mut first = [0u8; 1];
    let is_tls = matches!(stream.peek(&mut first).await, Ok(1)) && first == [0x16];
    let restarts = forest.restarts();
    let mut session = Session {
        forest,
        restarts,
        who: None,
        is_secure: false,
        can_start_tls: tls.is_some(),
        paging: Paging::default(),
        watches: Vec::new(),
        changes: None,
        entries_sent: 0,
    };
    let ended = match (is_tls, tls) {
        (true, None) => Ok(()),
        (true, Some(tls)) => secure(stream, &tls, &mut session).await,
        (false, tls) => plain(stream, tls, &mut session).await,
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn secure<S: Stream>(
    stream: S,
    tls: &Arc<ServerConfig>,
    session: &mut Session,
) -> io::Result<()> {
    let stream = TlsAcceptor::from(tls.clone()).accept(stream).await?;
    session.is_secure = true;
    session.can_start_tls = false;
    talk(stream, session).await.map(drop)
}

async fn plain(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    session: &mut Session,
) -> io::Result<()> {
    match (talk(stream, session).await?, tls) {
        (Some(stream), Some(tls)) => secure(stream, &tls, session).await,
        _ => Ok(()),
    }
}

/// Carries out requests until the end; gives the stream back when TLS is to begin on it.
async fn talk<S: Stream>(mut stream: S, session: &mut Session) -> io::Result<Option<S>> {
    let mut buffer = Vec::with_capacity(8 << 10);
    loop {
        while let Some(frame) = take_frame(&mut buffer)? {
            session.check_restart()?;
            let faults = session.forest.faults().current();
            let next = session.next(&frame, &faults);
            if faults.is_silent {
                continue;
            }
            if !faults.delay.is_zero() {
                tokio::time::sleep(faults.delay).await;
            }
            match next {
                Next::Send(answer) => send(&mut stream, answer, session, &faults).await?,
                Next::Close(answer) => {
                    send(&mut stream, answer, session, &faults).await?;
                    stream.shutdown().await?;
                    return Ok(None);
                }
                Next::StartTls(answer) => {
                    send(&mut stream, answer, session, &faults).await?;
                    return Ok(Some(stream));
                }
            }
        }
        tokio::select! {
            read = stream.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Ok(None);
                }
            }
            changed = notify::next(&mut session.changes) => {
                session.check_restart()?;
                let faults = session.forest.faults().current();
                let answer = session.notify(changed, &faults);
                if !answer.is_empty() && !faults.is_silent {
                    send(&mut stream, answer, session, &faults).await?;
                }
            }
        }
    }
}

fn take_frame(buffer: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = ber::frame_length(buffer).map_err(io::Error::other)? else {
        return Ok(None);
    };
    if length > REQUEST_LIMIT_BYTES {
        return Err(io::Error::other("the request is too large"));
    }
    if buffer.len() < length {
        return Ok(None);
    }
    let rest = buffer.split_off(length);
    Ok(Some(std::mem::replace(buffer, rest)))
}

async fn send<S: Stream>(
    stream: &mut S,
    answer: Answer,
    session: &mut Session,
    faults: &FaultSettings,
) -> io::Result<()> {
    let cut = faults
        .drop_after_entries
        .map(|most| most.saturating_sub(session.entries_sent))
        .filter(|left| answer.entries() > *left)
        .map(|left| answer.end_of_entry(left));
    session.entries_sent += answer.entries();
    let bytes = answer.into_bytes();
    match cut.and_then(|end| bytes.get(..end)) {
        Some(part) => {
            stream.write_all(part).await?;
            stream.flush().await?;
            Err(io::Error::other("dropped as the faults ask"))
        }
        None => {
            stream.write_all(&bytes).await?;
            stream.flush().await
        }
    }
}

impl Session {
    fn check_restart(&self) -> io::Result<()> {
        if self.forest.restarts() == self.restarts {
            return Ok(());
        }
        Err(io::Error::other("the domain controller restarted"))
    }

    fn next(&mut self, frame: &[u8], faults: &FaultSettings) -> Next {
        let request = match Request::read(frame) {
            Ok(request) => request,
            Err(error) => {
                let mut answer = Answer::default();
                let outcome = Outcome::of(Code::ProtocolError, error.to_string());
                answer.extended(0, &outcome, Some(oid::DISCONNECTION), None);
                return Next::Close(answer);
            }
        };
        let id = request.id;
        let mut answer = Answer::default();
        if faults.is_busy
            && let Some(tag) = answer_tag(&request.operation)
        {
            let outcome = Outcome::of(
                Code::Busy,
                "00002024: SvcErr: DSID-02081093, problem 5001 (BUSY), data 0",
            );
            answer.done(id, tag, &outcome, &[]);
            return Next::Send(answer);
        }
        match request.operation {
            Operation::Unbind => return Next::Close(answer),
            Operation::Abandon(other) => self.abandon(other),
            Operation::Bind {
                version,
                name,
                credentials,
            } => {
                let outcome = self.bind(version, &name, &credentials);
                answer.done(id, Answer::BIND, &outcome, &[]);
            }
            Operation::Search(search) => {
                self.search(id, &search, &request.controls, faults, &mut answer)
            }
            Operation::Extended(name) => return self.extended(id, &name, answer),
            Operation::Unknown(_) => {
                let outcome = Outcome::of(Code::ProtocolError, "this operation is not known");
                answer.extended(0, &outcome, Some(oid::DISCONNECTION), None);
                return Next::Close(answer);
            }
            change => {
                let tag = answer_tag(&change).unwrap_or(Answer::MODIFY);
                let outcome = self.change(&change, &request.controls);
                answer.done(id, tag, &outcome, &[]);
            }
        }
        Next::Send(answer)
    }

    fn extended(&mut self, id: i32, name: &str, mut answer: Answer) -> Next {
        match name {
            oid::START_TLS if self.can_start_tls => {
                answer.extended(id, &Outcome::success(), Some(name), None);
                return Next::StartTls(answer);
            }
            oid::START_TLS => {
                let outcome = if self.is_secure {
                    Outcome::of(Code::OperationsError, "TLS is on already")
                } else {
                    Outcome::of(
                        Code::Unavailable,
                        "00000000: LdapErr: DSID-0C090F42, comment: Error initializing SSL/TLS, data 0",
                    )
                };
                answer.extended(id, &outcome, Some(name), None);
            }
            oid::WHO_AM_I => {
                let who = self.who_am_i();
                answer.extended(id, &Outcome::success(), None, Some(who.as_bytes()));
            }
            _ => {
                let outcome = Outcome::of(
                    Code::ProtocolError,
                    "0000203D: LdapErr: DSID-0C090F6B, comment: Unknown extended request OID",
                );
                answer.extended(id, &outcome, None, None);
            }
        }
        Next::Send(answer)
    }
}

/// Tag of the answer; none for what is not answered, or by other means.
fn answer_tag(operation: &Operation) -> Option<u8> {
    match operation {
        Operation::Search(_) => Some(Answer::SEARCH),
        Operation::Modify(..) => Some(Answer::MODIFY),
        Operation::Add(_) => Some(Answer::ADD),
        Operation::Delete(_) => Some(Answer::DELETE),
        Operation::ModifyDn(_) => Some(Answer::MODIFY_DN),
        Operation::Compare(..) => Some(Answer::COMPARE),
        Operation::Bind { .. }
        | Operation::Unbind
        | Operation::Abandon(_)
        | Operation::Extended(_)
        | Operation::Unknown(_) => None,
    }
}
