//! The LDAP server: connections, and one file per operation.
//!
//! One port serves plain LDAP with StartTLS and LDAPS: the first octet of a connection tells which. It
//! never panics on what a client sends. The trap: requests of one connection are carried out one after
//! another, so an abandoned request has either been answered already or is a notification.

mod bind;
mod conn;
mod controls;
mod dirsync;
mod entry;
mod filter;
mod modify;
mod notify;
mod paging;
mod rootdse;
mod search;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::Forest;

/// Connections at one time (MaxConnections); more are closed at once.
const CONNECTION_LIMIT: usize = 5_000;

/// A running server. Dropping it ends the server and all its connections.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Becomes true when the server has to end.
    shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Served {
    /// Ends the server and waits until its connections are closed.
    pub async fn shutdown(mut self) {
        let _ = self.shutdown.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.shutdown.send(true);
    }
}

impl Forest {
    /// Serves this forest at `addr`; port 0 takes a free one. With `tls`, LDAPS and StartTLS both work.
    pub async fn serve(
        &self,
        addr: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Served> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (shutdown, ended) = watch::channel(false);
        let forest = self.clone();
        let task = tokio::spawn(accept(forest, listener, tls, ended));
        Ok(Served {
            addr,
            shutdown,
            task,
        })
    }
}

async fn accept(
    forest: Forest,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    mut ended: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = async { drop(ended.wait_for(|is_ended| *is_ended).await) } => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((_, peer)) if connections.len() >= CONNECTION_LIMIT => {
                    tracing::warn!(%peer, "too many connections; this one is closed");
                }
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(conn::run(forest.clone(), stream, tls.clone(), peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}
