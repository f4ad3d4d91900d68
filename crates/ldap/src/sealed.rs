//! A stream that seals what is written and opens what is read: the security layer of SASL (RFC 4422 §3.7).
//!
//! Each frame is four bytes of length and a token. It neither negotiates nor knows LDAP: the codec above sees plain bytes.
//! Trap: a frame that cannot be opened ends the connection; what follows it could not be trusted.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use negotiate::SecurityContext;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::message::BadMessage;

/// The largest frame that is accepted (RFC 4752 §3.3 has three bytes for the size).
pub const MAX_FRAME_BYTES: usize = 0x00ff_ffff;
/// How much is sealed at once.
const SEAL_BYTES: usize = 64 << 10;
/// How much room there is for reading.
const READ_CHUNK_BYTES: usize = 64 << 10;

/// A sealed stream.
pub(crate) struct Sealed<S> {
    stream: S,
    context: Box<dyn SecurityContext>,
    /// Received, still sealed.
    sealed: BytesMut,
    /// Opened, not yet read.
    plain: Bytes,
    // INVARIANT: nothing is sealed while something waits here, so order and back-pressure are those of the stream.
    outgoing: BytesMut,
}

impl<S> Sealed<S> {
    /// Over a stream whose next bytes are frames; `received` were read from it already.
    pub fn new(stream: S, context: Box<dyn SecurityContext>, received: BytesMut) -> Self {
        Self {
            stream,
            context,
            sealed: received,
            plain: Bytes::new(),
            outgoing: BytesMut::new(),
        }
    }

    fn seal(&mut self, plain: &[u8]) -> io::Result<()> {
        let start = self.outgoing.len();
        self.outgoing.put_u32(0);
        self.context
            .seal(plain, &mut self.outgoing)
            .map_err(io::Error::other)?;
        let length = self.outgoing.len() - start - 4;
        let length = u32::try_from(length).map_err(io::Error::other)?;
        if let Some(place) = self.outgoing.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Opens the next whole frame; `false`: more bytes are needed.
    fn open(&mut self) -> Result<bool, BadMessage> {
        let Some(frame) = cut(&mut self.sealed)? else {
            return Ok(false);
        };
        self.plain = self
            .context
            .open(frame)
            .map_err(|error| BadMessage::Unsealed(reason(&error)))?;
        Ok(true)
    }
}

/// Cuts the next whole frame off the buffer; `None`: more bytes are needed.
pub(crate) fn cut(buffer: &mut BytesMut) -> Result<Option<BytesMut>, BadMessage> {
    let Some(header) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*header);
    let whole = usize::try_from(length)
        .ok()
        .filter(|l| *l <= MAX_FRAME_BYTES);
    let Some(length) = whole else {
        return Err(BadMessage::FrameTooLarge(length));
    };
    if buffer.len() - 4 < length {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length)))
}

fn reason(error: &negotiate::Error) -> &'static str {
    match error {
        negotiate::Error::Broken(reason) => reason,
        _ => "it cannot be opened",
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sealed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.plain.is_empty() {
                let part = this.plain.len().min(into.remaining());
                into.put_slice(&this.plain.split_to(part));
                return Poll::Ready(Ok(()));
            }
            let bad = |bad: BadMessage| io::Error::new(io::ErrorKind::InvalidData, bad);
            if this.open().map_err(bad)? {
                continue;
            }
            if this.sealed.capacity() - this.sealed.len() < READ_CHUNK_BYTES / 8 {
                this.sealed.reserve(READ_CHUNK_BYTES);
            }
            if ready!(pin!(this.stream.read_buf(&mut this.sealed)).poll(cx))? == 0 {
                return Poll::Ready(match this.sealed.is_empty() {
                    true => Ok(()),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                });
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Sealed<S> {
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            if ready!(pin!(self.stream.write_buf(&mut self.outgoing)).poll(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sealed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        plain: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.drain(cx))?;
        let part = plain.get(..SEAL_BYTES).unwrap_or(plain);
        this.seal(part)?;
        match this.drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // The rest goes out with the next write or flush.
            _ => Poll::Ready(Ok(part.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use negotiate::{Error, Protection, Step};
    use tokio::io::duplex;

    use super::*;

    /// Seals by inverting every bit behind one byte that counts.
    #[derive(Default)]
    struct Inverting {
        sent: u8,
        opened: u8,
    }

    #[async_trait]
    impl SecurityContext for Inverting {
        fn account(&self) -> &str {
            "nobody"
        }
        fn protection(&self) -> Protection {
            Protection::Sealed
        }
        async fn step(&mut self, _: &[u8]) -> Result<Step, Error> {
            Ok(Step::Done(Vec::new()))
        }
        fn seal(&mut self, plain: &[u8], into: &mut BytesMut) -> Result<(), Error> {
            into.put_u8(self.sent);
            self.sent = self.sent.wrapping_add(1);
            into.extend(plain.iter().map(|byte| !byte));
            Ok(())
        }
        fn open(&mut self, mut sealed: BytesMut) -> Result<Bytes, Error> {
            let is_next = sealed.first() == Some(&self.opened);
            if !is_next {
                return Err(Error::Broken("out of order"));
            }
            self.opened = self.opened.wrapping_add(1);
            sealed.iter_mut().for_each(|byte| *byte = !*byte);
            Ok(sealed.split_off(1).freeze())
        }
    }

    fn over<S>(stream: S) -> Sealed<S> {
        Sealed::new(stream, Box::new(Inverting::default()), BytesMut::new())
    }

    #[tokio::test]
    async fn what_is_written_comes_out_whole_through_a_narrow_pipe() {
        let (near, far) = duplex(777);
        let (mut near, mut far) = (over(near), over(far));
        let text: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let sent = text.clone();
        let writer = tokio::spawn(async move {
            near.write_all(&sent).await.unwrap();
            near.shutdown().await.unwrap();
        });
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        writer.await.unwrap();
        assert_eq!(got, text);
    }

    async fn fails_with(bytes: &[u8]) -> io::Error {
        let (mut near, far) = duplex(1024);
        near.write_all(bytes).await.unwrap();
        drop(near);
        over(far).read_to_end(&mut Vec::new()).await.unwrap_err()
    }

    #[tokio::test]
    async fn an_absurd_length_a_foreign_frame_and_a_cut_one_are_errors() {
        let text = fails_with(&[0xff; 8]).await.to_string();
        assert!(text.contains("4294967295"), "{text}");
        let text = fails_with(&[0, 0, 0, 2, 9, 9]).await.to_string();
        assert!(text.contains("out of order"), "{text}");
        let error = fails_with(&[0, 0, 0, 9, 0, 1]).await;
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        let mut buffer = BytesMut::from(&[0x00, 0xff, 0xff, 0xff, 1][..]);
        let before = buffer.capacity();
        assert_eq!(cut(&mut buffer), Ok(None));
        assert_eq!(buffer.capacity(), before);
    }
}
