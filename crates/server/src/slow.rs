//! Bodies that come too slowly are cut off, at every door and whoever sends them.
//!
//! One limit for the whole body, not between two pieces: who sends a byte now and then would hold a connection for ever. Trap:
//! an answer is not limited, a long poll and an export take as long as they take.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::HttpBody;
use hyper::body::{Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// How long a body may take; more than the handlers of the link allow, which say why.
pub const PATIENCE: Duration = Duration::from_secs(65);

/// A body with a deadline.
pub struct Timed<B> {
    inner: B,
    deadline: Pin<Box<Sleep>>,
}

impl<B> Timed<B> {
    /// From now on.
    pub fn new(inner: B, patience: Duration) -> Self {
        Self {
            inner,
            deadline: Box::pin(tokio::time::sleep(patience)),
        }
    }
}

impl<B> HttpBody for Timed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use futures_util::{StreamExt as _, stream};

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn piece() -> Result<&'static str, io::Error> {
        Ok("piece")
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_cut_off_and_one_that_comes_arrives() {
        let whole = Body::from_stream(stream::iter([piece(), piece()]));
        let timed = Body::new(Timed::new(whole, Duration::from_secs(60)));
        assert_eq!(to_bytes(timed, 100).await.unwrap(), "piecepiece");
        let still = Body::from_stream(stream::iter([piece()]).chain(stream::pending()));
        let timed = Body::new(Timed::new(still, SHORT));
        assert!(to_bytes(timed, 100).await.is_err());
    }

    #[tokio::test]
    async fn a_body_that_dribbles_is_cut_off_as_well() {
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(SHORT / 10).await;
            Some((piece(), ()))
        });
        let timed = Body::new(Timed::new(Body::from_stream(drops), SHORT));
        assert!(to_bytes(timed, usize::MAX).await.is_err());
    }
}
