//! A cap on how fast the agent speaks, over all its connections together.
//!
//! Waits, and never drops anything. Trap: a large page takes as long as the cap says, so time-outs have to grow with it
//! ([`Throttle::time_for`]).

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// Bytes a direction may be ahead: what goes out in one piece.
const BURST_BYTES: f64 = 16.0 * 1024.0;
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// The cap.
#[derive(Clone, Debug)]
pub struct Throttle {
    bytes_per_second: f64,
    up: Arc<Mutex<Bucket>>,
    down: Arc<Mutex<Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    /// So many KiB per second in each direction; `None` for 0.
    pub fn new(kib_per_second: u32) -> Option<Self> {
        let bucket = || {
            Arc::new(Mutex::new(Bucket {
                tokens: BURST_BYTES,
                filled: Instant::now(),
            }))
        };
        (kib_per_second > 0).then(|| Self {
            bytes_per_second: f64::from(kib_per_second) * 1024.0,
            up: bucket(),
            down: bucket(),
        })
    }

    /// How long so many bytes take, with as much again for what goes on beside them.
    pub fn time_for(&self, bytes: usize) -> Duration {
        let seconds = bytes as f64 / self.bytes_per_second * 2.0;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(3_600))
    }

    /// Takes as many bytes as there are now; none: how long to wait.
    fn take(&self, bucket: &Mutex<Bucket>, wanted: usize) -> Result<usize, Duration> {
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.filled = now;
        bucket.tokens = (bucket.tokens + since * self.bytes_per_second).min(BURST_BYTES);
        if bucket.tokens >= 1.0 {
            let taken = (bucket.tokens as usize).min(wanted);
            bucket.tokens -= taken as f64;
            return Ok(taken);
        }
        let useful = (wanted as f64).min(BURST_BYTES / 4.0);
        let wait = Duration::try_from_secs_f64(useful / self.bytes_per_second);
        Err(wait.unwrap_or_default().max(SHORTEST_WAIT))
    }

    fn give_back(bucket: &Mutex<Bucket>, bytes: usize) {
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.tokens = (bucket.tokens + bytes as f64).min(BURST_BYTES);
    }
}

/// A stream under the cap.
pub struct Capped<S> {
    inner: S,
    throttle: Option<Throttle>,
    write_wait: Option<Pin<Box<Sleep>>>,
    read_wait: Option<Pin<Box<Sleep>>>,
}

impl<S> Capped<S> {
    pub fn new(inner: S, throttle: Option<Throttle>) -> Self {
        Self {
            inner,
            throttle,
            write_wait: None,
            read_wait: None,
        }
    }
}

/// How many bytes may pass now.
fn allowance(
    throttle: &Throttle,
    bucket: &Mutex<Bucket>,
    wait: &mut Option<Pin<Box<Sleep>>>,
    wanted: usize,
    cx: &mut Context<'_>,
) -> Poll<usize> {
    loop {
        if let Some(waiting) = wait {
            ready!(waiting.as_mut().poll(cx));
            *wait = None;
        }
        match throttle.take(bucket, wanted) {
            Ok(taken) => return Poll::Ready(taken),
            Err(pause) => *wait = Some(Box::pin(sleep(pause))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Capped<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let Some(throttle) = this.throttle.clone().filter(|_| !data.is_empty()) else {
            return Pin::new(&mut this.inner).poll_write(cx, data);
        };
        let up = &throttle.up;
        let allowed = ready!(allowance(
            &throttle,
            up,
            &mut this.write_wait,
            data.len(),
            cx
        ));
        let piece = data.get(..allowed).unwrap_or(data);
        let written = Pin::new(&mut this.inner).poll_write(cx, piece);
        let used = match &written {
            Poll::Ready(Ok(used)) => *used,
            _ => 0,
        };
        Throttle::give_back(up, allowed.saturating_sub(used));
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Capped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let Some(throttle) = this.throttle.clone().filter(|_| buffer.remaining() > 0) else {
            return Pin::new(&mut this.inner).poll_read(cx, buffer);
        };
        let down = &throttle.down;
        let wanted = buffer.remaining();
        let allowed = ready!(allowance(&throttle, down, &mut this.read_wait, wanted, cx));
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowed));
        let read = Pin::new(&mut this.inner).poll_read(cx, &mut part);
        let filled = part.filled().len();
        buffer.advance(filled);
        Throttle::give_back(down, allowed.saturating_sub(filled));
        read
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_sent_takes_the_time_the_cap_says_and_arrives_whole() {
        let (near, far) = duplex(1 << 20);
        let mut near = Capped::new(near, Throttle::new(256));
        let mut far = Capped::new(far, Throttle::new(1_000_000));
        let sent: Vec<u8> = (0..256 * 1024_u32).map(|n| n as u8).collect();
        let started = Instant::now();
        let expected = sent.clone();
        let sending = async {
            near.write_all(&sent).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(sending, far.read_to_end(&mut got));
        read.unwrap();
        assert_eq!(got, expected);
        // A first piece goes at once.
        let taken = started.elapsed();
        assert!(taken > Duration::from_millis(850), "{taken:?}");
    }
}
