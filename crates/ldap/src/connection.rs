//! A handle on a connection: gives out message ids, sends requests, waits for single answers.
//!
//! Handles are cheap clones; when the last one and the last search are gone, the driver unbinds. Every wait has a limit.
//! Trap: a request whose wait ran out is abandoned, which is no proof that the server did not carry it out.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use ldap3_proto::{LdapMsg, control::LdapControl, proto::LdapOp};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
};

use crate::{
    connect::Timeouts,
    driver::{Command, Ending, Failure, Route, encode, run},
    error::Error,
    message::BadMessage,
    result::{Outcome, ResultCode},
};

/// Ids above this are the driver's own (abandon, unbind).
const LAST_ID: i32 = i32::MAX - 1;

/// A connection to one server.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

pub(crate) struct Inner {
    server: String,
    timeouts: Timeouts,
    next_id: AtomicI32,
    commands: mpsc::UnboundedSender<Command>,
    ending: Ending,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.0.server).finish()
    }
}

impl Connection {
    pub(crate) fn start<S>(stream: S, server: String, timeouts: Timeouts) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (commands, inbox) = mpsc::unbounded_channel();
        let ending = Ending::new(OnceLock::new());
        tokio::spawn(run(stream, inbox, ending.clone()));
        Self(Arc::new(Inner {
            server,
            timeouts,
            next_id: AtomicI32::new(1),
            commands,
            ending,
        }))
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.0.server
    }

    /// The limits of every wait.
    pub fn timeouts(&self) -> Timeouts {
        self.0.timeouts
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.0.ending.get().is_some() || self.0.commands.is_closed()
    }

    /// Sends a request; answers go to the route. Returns its message id.
    pub(crate) fn send(
        &self,
        operation: &'static str,
        op: LdapOp,
        controls: Vec<LdapControl>,
        route: Route,
    ) -> Result<i32, Error> {
        let wrap = |id: i32| Some(if id >= LAST_ID { 1 } else { id + 1 });
        let id = self
            .0
            .next_id
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, wrap)
            .unwrap_or(1);
        let frame = encode(LdapMsg::new_with_ctrls(id, op, controls));
        let command = Command::Send { id, frame, route };
        match self.0.commands.send(command) {
            Ok(()) => Ok(id),
            Err(_) => Err(self.ended(operation)),
        }
    }

    pub(crate) fn abandon(&self, id: i32) {
        let _ = self.0.commands.send(Command::Abandon(id));
    }

    /// Sends a request that has exactly one answer, and waits for it.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        op: LdapOp,
        controls: Vec<LdapControl>,
    ) -> Result<Outcome, Error> {
        let (answer, wait) = oneshot::channel();
        let route = Route::Single(answer_tag(&op), answer);
        let id = self.send(operation, op, controls, route)?;
        let mut guard = AbandonOnDrop(Some((self, id)));
        let answer = tokio::time::timeout(self.0.timeouts.request, wait).await;
        match answer {
            Err(_) => Err(self.silence(operation, self.0.timeouts.request)),
            Ok(answer) => {
                guard.0 = None;
                answer.map_err(|_| self.ended(operation))
            }
        }
    }

    /// As [`Connection::ask`], for requests where anything but success is an error.
    pub(crate) async fn demand(
        &self,
        operation: &'static str,
        op: LdapOp,
        controls: Vec<LdapControl>,
    ) -> Result<(), Error> {
        let outcome = self.ask(operation, op, controls).await?;
        match outcome.code {
            ResultCode::SUCCESS => Ok(()),
            _ => Err(self.refused(operation, outcome)),
        }
    }

    pub(crate) fn silence(&self, operation: &'static str, after: Duration) -> Error {
        Error::Timeout {
            server: self.0.server.clone(),
            operation,
            after,
        }
    }

    pub(crate) fn refused(&self, operation: &'static str, outcome: Outcome) -> Error {
        Error::Refused {
            server: self.0.server.clone(),
            operation,
            outcome: Box::new(outcome),
        }
    }

    /// Ends the connection, because an entry that came over it is none.
    pub(crate) fn condemned(&self, operation: &'static str, bad: BadMessage) -> Error {
        let _ = self.0.commands.send(Command::Condemn(bad));
        Error::Protocol {
            server: self.0.server.clone(),
            operation,
            source: bad,
        }
    }

    pub(crate) fn ended(&self, operation: &'static str) -> Error {
        let server = self.0.server.clone();
        match self.0.ending.get() {
            Some(Failure::Bad(source)) => Error::Protocol {
                server,
                operation,
                source: *source,
            },
            Some(Failure::Closed(text)) => Error::Closed {
                server,
                operation,
                text: text.clone(),
            },
            None => Error::Closed {
                server,
                operation,
                text: "the connection is gone".into(),
            },
        }
    }
}

/// Tells the server that nobody waits any more, also when the waiting future is dropped.
struct AbandonOnDrop<'a>(Option<(&'a Connection, i32)>);

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if let Some((connection, id)) = self.0 {
            connection.abandon(id);
        }
    }
}

fn answer_tag(op: &LdapOp) -> u8 {
    match op {
        LdapOp::BindRequest(_) => 0x61,
        LdapOp::ModifyRequest(_) => 0x67,
        LdapOp::AddRequest(_) => 0x69,
        LdapOp::DelRequest(_) => 0x6b,
        LdapOp::ModifyDNRequest(_) => 0x6d,
        LdapOp::CompareRequest(_) => 0x6f,
        _ => 0x78,
    }
}
