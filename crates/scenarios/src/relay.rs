//! A stretch of network between two programs that can be cut or go silent.
//!
//! Knows no protocol. Trap: what a silent relay held back is lost when it speaks again, and its connections end, as with a firewall
//! that forgot them.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// How a relay treats what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Open,
    /// Connections end, and new ones are closed at once.
    Cut,
    /// Connections stay, and nothing passes.
    Silent,
}

/// A relay; it ends with its handle.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Relay {
    /// In front of a listener that need not be there always.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, seen) = watch::channel(Way::Open);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, upstream, seen.clone()));
            }
        });
        Self { address, way, task }
    }

    /// From now on.
    pub fn set(&self, way: Way) {
        let _ = self.way.send(way);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, upstream: SocketAddr, mut way: watch::Receiver<Way>) {
    let first = *way.borrow_and_update();
    match first {
        Way::Open => {}
        Way::Cut => return,
        Way::Silent => return until_it_speaks(&mut way).await,
    }
    let Ok(mut far) = TcpStream::connect(upstream).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => return,
        _ = way.changed() => {}
    }
    // Both ends are held as long as nothing passes.
    until_it_speaks(&mut way).await;
}

async fn until_it_speaks(way: &mut watch::Receiver<Way>) {
    let _ = way.wait_for(|way| *way != Way::Silent).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn says_back(stream: &mut TcpStream) -> bool {
        stream.write_all(b"x").await.is_ok() && stream.read_u8().await.is_ok()
    }

    #[tokio::test]
    async fn it_passes_is_cut_and_goes_silent() {
        let relay = Relay::start(echo().await).await;
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        assert!(says_back(&mut stream).await);
        relay.set(Way::Cut);
        assert!(!says_back(&mut stream).await, "it was cut");
        relay.set(Way::Open);
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        assert!(says_back(&mut stream).await);
        relay.set(Way::Silent);
        let asked = tokio::spawn(async move { says_back(&mut stream).await });
        tokio::task::yield_now().await;
        assert!(!asked.is_finished(), "nothing passes");
        relay.set(Way::Open);
        assert!(!asked.await.unwrap(), "its connections end");
    }
}
