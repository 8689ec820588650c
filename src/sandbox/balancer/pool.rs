//! Connections to targets, kept open between requests.
//!
//! A connection has no task: while a request is under way, the request's own task drives it, and
//! between requests it is looked at when it is taken and once a second.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::exchange::Upload;
use super::io::{Count, Counted, Io};
use super::plane::within;
use super::workers;
use crate::clock;

/// Time for a target to accept a connection (application, troubleshooting: HTTP 504).
pub const CONNECT: Duration = Duration::from_secs(10);
/// Time that a connection is kept without a request.
const KEPT: Duration = Duration::from_secs(60);
/// Connections that are kept for each target and thread.
const MOST: usize = 1024;

/// A connection to a target.
pub struct Link {
    pub sender: SendRequest<Upload>,
    /// `None` once it is closed.
    pub connection: Option<Connection<Io, Upload>>,
    pub count: Arc<Count>,
    /// It has carried a request before.
    pub used: bool,
    since: Duration,
}

impl Link {
    /// Lets the connection read and write; false once it is closed.
    pub fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let closed =
            self.connection.as_mut().is_none_or(|connection| Pin::new(connection).poll(cx).is_ready());
        if closed {
            self.connection = None;
        }
        !closed
    }

    /// Tells whether another request can be sent.
    fn ready(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx) && self.sender.is_ready()
    }
}

/// No connection to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    Refused,
    TimedOut,
}

/// Opens a socket to a target.
pub async fn socket(address: SocketAddr) -> Result<TcpStream, Unreached> {
    match within(CONNECT, TcpStream::connect(address)).await {
        Some(Ok(stream)) => Ok(stream),
        Some(Err(_)) => Err(Unreached::Refused),
        None => Err(Unreached::TimedOut),
    }
}

/// Opens a connection.
pub async fn connect(address: SocketAddr) -> Result<Box<Link>, Unreached> {
    let (stream, count) = Counted::new(socket(address).await?);
    let (sender, connection) =
        Builder::new().handshake(TokioIo::new(stream)).await.map_err(|_| Unreached::Refused)?;
    let connection = Some(connection);
    Ok(Box::new(Link { sender, connection, count, used: false, since: clock::monotonic() }))
}

/// Connections are large and move at every request.
#[allow(clippy::vec_box, reason = "moving a pointer is what the box is for")]
type Links = Vec<Box<Link>>;

/// The idle connections of a target, by the thread that made them.
#[derive(Debug, Default)]
pub struct Pool([Mutex<Links>; workers::MOST]);

impl Pool {
    /// Those of this thread.
    fn links(&self) -> MutexGuard<'_, Links> {
        let [first, ..] = &self.0;
        self.0.get(workers::number()).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, Links>> {
        self.0.iter().map(|links| links.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The one used last of those that are open.
    pub fn take(&self, cx: &mut Context<'_>) -> Option<Box<Link>> {
        loop {
            let mut link = self.links().pop()?;
            if link.ready(cx) {
                link.used = true;
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose request is over, if it can carry another.
    pub fn put(&self, mut link: Box<Link>, cx: &mut Context<'_>) {
        if link.sender.is_ready() || link.ready(cx) {
            link.since = clock::monotonic();
            let mut links = self.links();
            if links.len() < MOST {
                links.push(link);
            }
        }
    }

    /// Closes connections that their target closed, and those unused for long.
    pub fn sweep(&self) {
        let now = clock::monotonic();
        let mut cx = Context::from_waker(Waker::noop());
        for mut links in self.all() {
            links.retain_mut(|link| now.saturating_sub(link.since) < KEPT && link.ready(&mut cx));
        }
    }

    pub fn clear(&self) {
        for mut links in self.all() {
            drop(std::mem::take(&mut *links));
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("open", &self.connection.is_some()).finish()
    }
}
