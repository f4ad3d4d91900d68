//! The task that owns the stream of one connection: writes requests, routes answers to those who wait.
//!
//! It never interprets an answer and never waits for a slow reader of one search while somebody wants to write: reading
//! pauses (so the server is slowed down by TCP), commands do not. Trap: one search that nobody drains therefore holds up
//! the answers to everything else on the same connection; use one connection per stream of entries.

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use ldap3_proto::{LdapCodec, LdapMsg, proto::LdapOp};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
};
use tokio_util::codec::Encoder;

use crate::{
    message::{BadMessage, Body, Incoming, Names, cut, decode, entry_for},
    result::Outcome,
};

/// How much of one search's entries waits unread, in KiB; one larger message may exceed it alone. More waits in the system's
/// own buffers, where it costs this process nothing.
pub(crate) const QUEUE_KIB: u32 = 1024;
/// How much is read from the stream at once.
const READ_CHUNK_BYTES: usize = 64 << 10;
/// How long a polite farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a search receives.
pub(crate) enum Delivered {
    /// A whole message that is an entry. Whoever takes it decodes it: a frame waits in less memory than what it holds.
    Entry(Bytes),
    /// Anything else.
    Other(Body),
}

/// The same, with the room it takes in the queue.
pub(crate) type Delivery = (Delivered, OwnedSemaphorePermit);

/// Who waits for the answers to one request.
pub(crate) enum Route {
    /// One answer of this kind.
    Single(u8, oneshot::Sender<Outcome>),
    /// Entries, then the end.
    Stream(mpsc::UnboundedSender<Delivery>, Arc<Semaphore>),
}

/// What a handle asks of the driver.
pub(crate) enum Command {
    Send {
        id: i32,
        frame: Bytes,
        route: Route,
    },
    Abandon(i32),
    /// Somebody met an entry that is none.
    Condemn(BadMessage),
}

/// Why the connection is over.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Closed(String),
    Bad(BadMessage),
}

/// Where the driver leaves the reason of its end.
pub(crate) type Ending = Arc<OnceLock<Failure>>;

/// Encodes a request.
pub(crate) fn encode(message: LdapMsg) -> Bytes {
    let mut frame = BytesMut::new();
    // The encoder writes into memory and has no failing path.
    if LdapCodec::default().encode(message, &mut frame).is_err() {
        frame.clear();
    }
    frame.freeze()
}

struct Waiting {
    id: i32,
    what: Delivered,
    kib: u32,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Routing {
    routes: HashMap<i32, Route>,
    names: Names,
    // INVARIANT: while something waits for room, nothing further is taken from the inbox.
    waiting: Option<Waiting>,
    outbox: BytesMut,
}

/// Drives the stream until all handles are gone or it breaks.
pub(crate) async fn run<S>(
    stream: S,
    mut commands: mpsc::UnboundedReceiver<Command>,
    ending: Ending,
) where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut inbox = BytesMut::new();
    let mut routing = Routing::default();
    let mut is_unflushed = false;
    let failure = loop {
        if let Err(failure) = routing.drain(&mut inbox) {
            break failure;
        }
        if inbox.capacity() - inbox.len() < READ_CHUNK_BYTES / 8 {
            inbox.reserve(READ_CHUNK_BYTES);
        }
        let room = routing.waiting.as_ref().map(|w| (w.room.clone(), w.kib));
        let is_waiting = room.is_some();
        let Routing { outbox, .. } = &mut routing;
        let has_output = !outbox.is_empty();
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Condemn(bad)) => break Failure::Bad(bad),
                Some(command) => routing.obey(command),
                None => {
                    let _ = tokio::time::timeout(FAREWELL, farewell(&mut writer, &routing.outbox)).await;
                    return;
                }
            },
            permit = acquire(room), if is_waiting => routing.hand_over(permit),
            read = fill(&mut reader, &mut inbox), if !is_waiting => match read {
                Ok(0) => break Failure::Closed("end of stream".into()),
                Ok(_) => {}
                Err(error) => break broken(&error),
            },
            put = put(&mut writer, outbox), if has_output || is_unflushed => match put {
                Ok(unflushed) => is_unflushed = unflushed,
                Err(error) => break Failure::Closed(error.to_string()),
            },
        }
    };
    // The reason must be there before those who wait are woken by the closing of their channels.
    let _ = ending.set(failure);
    drop(routing);
}

/// Reads what is there, as far as the buffer reaches; 0: the end. A server sends entry by entry, and each may come by itself.
async fn fill(reader: &mut (impl AsyncRead + Unpin), inbox: &mut BytesMut) -> io::Result<usize> {
    let mut all = 0;
    poll_fn(|context| {
        loop {
            let room = inbox.capacity() - inbox.len();
            if all > 0 && room < READ_CHUNK_BYTES / 8 {
                return Poll::Ready(Ok(all));
            }
            match pin!(reader.read_buf(inbox)).poll(context) {
                Poll::Ready(Ok(read)) if read > 0 => all += read,
                // An end or a failure is met again by the next reading.
                _ if all > 0 => return Poll::Ready(Ok(all)),
                other => return other,
            }
        }
    })
    .await
}

/// A stream below may know that what it read is no frame of its own.
fn broken(error: &io::Error) -> Failure {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<BadMessage>()) {
        Some(bad) => Failure::Bad(*bad),
        None => Failure::Closed(error.to_string()),
    }
}

async fn acquire(room: Option<(Arc<Semaphore>, u32)>) -> Option<OwnedSemaphorePermit> {
    let (semaphore, kib) = room?;
    semaphore.acquire_many_owned(kib).await.ok()
}

/// Writes some of the output, or flushes once there is none; whether a flush is still to be done.
async fn put(writer: &mut (impl AsyncWrite + Unpin), outbox: &mut BytesMut) -> io::Result<bool> {
    if outbox.is_empty() {
        writer.flush().await?;
        return Ok(false);
    }
    writer.write_buf(outbox).await?;
    Ok(true)
}

async fn farewell(writer: &mut (impl AsyncWrite + Unpin), unsent: &[u8]) {
    let _ = writer.write_all(unsent).await;
    let unbind = encode(LdapMsg::new(i32::MAX, LdapOp::UnbindRequest));
    let _ = writer.write_all(&unbind).await;
    let _ = writer.shutdown().await;
}

impl Routing {
    fn obey(&mut self, command: Command) {
        match command {
            Command::Send { id, frame, route } => {
                self.routes.insert(id, route);
                self.outbox.extend_from_slice(&frame);
            }
            Command::Abandon(id) => {
                self.waiting.take_if(|waiting| waiting.id == id);
                if self.routes.remove(&id).is_some() {
                    // RFC 4511 §4.11: an abandon has no answer, so its own id is never waited for.
                    let request = LdapMsg::new(i32::MAX, LdapOp::AbandonRequest(id));
                    self.outbox.extend_from_slice(&encode(request));
                }
            }
            // Ends the loop that would obey.
            Command::Condemn(_) => {}
        }
    }

    /// Routes every whole message of the inbox, until one has to wait for room.
    fn drain(&mut self, inbox: &mut BytesMut) -> Result<(), Failure> {
        while self.waiting.is_none() {
            let Some(frame) = cut(inbox).map_err(Failure::Bad)? else {
                return Ok(());
            };
            let entry = entry_for(&frame);
            if let Some(id) = entry
                && let Some(Route::Stream(_, room)) = self.routes.get(&id)
            {
                let room = room.clone();
                let bytes = frame.len();
                self.deliver(id, Delivered::Entry(frame), bytes, room);
                continue;
            }
            let message = decode(&frame, &mut self.names).map_err(Failure::Bad)?;
            self.route(message, frame.len())?;
        }
        Ok(())
    }

    fn route(&mut self, message: Incoming, bytes: usize) -> Result<(), Failure> {
        let Incoming { id, body } = message;
        if id == 0 {
            return match body {
                // RFC 4511 §4.4.1 Notice of Disconnection
                Body::Done { outcome, .. } => Err(Failure::Closed(format!(
                    "notice of disconnection: {} {}",
                    outcome.code, outcome.text
                ))),
                _ => Ok(()),
            };
        }
        match (self.routes.get(&id), body) {
            // Abandoned meanwhile.
            (None, _) | (Some(Route::Single(..)), Body::Intermediate(..)) => Ok(()),
            (Some(Route::Single(wanted, _)), Body::Done { tag, outcome, .. }) if *wanted == tag => {
                if let Some(Route::Single(_, waiter)) = self.routes.remove(&id) {
                    let _ = waiter.send(outcome);
                }
                Ok(())
            }
            (Some(Route::Single(..)), other) => Err(Failure::Bad(BadMessage::Kind(kind(&other)))),
            (Some(Route::Stream(..)), Body::Done { tag, .. }) if tag != 0x65 => {
                Err(Failure::Bad(BadMessage::Kind(tag)))
            }
            (Some(Route::Stream(_, room)), body) => {
                let room = room.clone();
                self.deliver(id, Delivered::Other(body), bytes, room);
                Ok(())
            }
        }
    }

    fn deliver(&mut self, id: i32, what: Delivered, bytes: usize, room: Arc<Semaphore>) {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        self.waiting = Some(Waiting {
            id,
            what,
            kib: kib.saturating_add(1).min(QUEUE_KIB),
            room,
        });
        self.hand_over_if_room();
    }

    fn hand_over_if_room(&mut self) {
        let Some(waiting) = &self.waiting else { return };
        if let Ok(permit) = waiting.room.clone().try_acquire_many_owned(waiting.kib) {
            self.hand_over(Some(permit));
        }
    }

    fn hand_over(&mut self, permit: Option<OwnedSemaphorePermit>) {
        let (Some(waiting), Some(permit)) = (self.waiting.take(), permit) else {
            return;
        };
        let is_end = matches!(waiting.what, Delivered::Other(Body::Done { .. }));
        if let Some(Route::Stream(reader, _)) = self.routes.get(&waiting.id) {
            // A reader that is gone sends an abandon of its own.
            let _ = reader.send((waiting.what, permit));
        }
        if is_end {
            self.routes.remove(&waiting.id);
        }
    }
}

fn kind(body: &Body) -> u8 {
    match body {
        Body::Entry(..) => 0x64,
        Body::Reference(_) => 0x73,
        Body::Done { tag, .. } => *tag,
        Body::Intermediate(..) => 0x79,
    }
}
