//! A client's connection: hyper serves it, a watch looks for timeouts.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::io::{Count, Counted};
use super::nodes::{Listener, Node};
use super::plane::Plane;
use super::serve;
use crate::clock;

/// The stage of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Between requests.
    Idle = 0,
    /// A request waits for its answer.
    Waiting = 1,
    /// An answer's body is sent.
    Streaming = 2,
}

/// How a connection should continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Open = 0,
    /// It ends after the request that is open.
    Leaving = 1,
    /// It ends now.
    Ended = 2,
}

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    pub plane: Arc<Plane>,
    pub listener: Arc<Listener>,
    pub node: Arc<Node>,
    pub peer: SocketAddr,
    /// The same for the access log.
    pub place: String,
    /// Its address for `X-Forwarded-For`.
    pub address: HeaderValue,
    pub count: Arc<Count>,
    /// Bytes read that are already in the access log.
    pub logged: AtomicU64,
    /// The open request's body was read to its end.
    pub uploaded: AtomicBool,
    /// The open request waited for longer than the idle timeout.
    pub expired: AtomicBool,
    stage: AtomicU8,
    course: AtomicU8,
    waker: AtomicWaker,
    born: Duration,
    /// The bytes at the last look, and since when they are that many.
    seen: Mutex<(u64, Duration)>,
}

impl Client {
    pub fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            0 => Stage::Idle,
            1 => Stage::Waiting,
            _ => Stage::Streaming,
        }
    }

    pub fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// Ends it after the request that is open.
    pub fn leave(&self) {
        let _ = self.course.compare_exchange(Course::Open as u8, Course::Leaving as u8, SeqCst, SeqCst);
        self.waker.wake();
    }

    fn end(&self) {
        self.course.store(Course::Ended as u8, SeqCst);
        self.waker.wake();
    }

    /// Looks for timeouts; `idle` is how long nothing may move, `life` how long it may live.
    pub fn watch(&self, idle: Duration, life: Duration) {
        let now = clock::monotonic();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.count.total();
        if total != seen.0 {
            *seen = (total, now);
        }
        if now.saturating_sub(self.born) >= life {
            self.leave();
        }
        if now.saturating_sub(seen.1) < idle {
            return;
        }
        match self.stage() {
            Stage::Waiting => {
                self.expired.store(true, SeqCst);
                self.waker.wake();
            }
            Stage::Streaming => self.end(),
            // A connection that does not leave at once is in the middle of a request's head.
            Stage::Idle if self.course.load(SeqCst) == Course::Leaving as u8 => self.end(),
            Stage::Idle => self.leave(),
        }
    }
}

/// Serves a connection to its end.
pub async fn serve(plane: Arc<Plane>, listener: Arc<Listener>, stream: TcpStream, peer: SocketAddr) {
    let (stream, count) = Counted::new(stream);
    let now = clock::monotonic();
    let client = Arc::new(Client {
        node: listener.next_node(&plane),
        plane,
        peer,
        place: peer.to_string(),
        address: HeaderValue::try_from(peer.ip().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
        count,
        logged: AtomicU64::new(0),
        uploaded: AtomicBool::new(false),
        expired: AtomicBool::new(false),
        stage: AtomicU8::new(Stage::Idle as u8),
        course: AtomicU8::new(Course::Open as u8),
        waker: AtomicWaker::new(),
        born: now,
        seen: Mutex::new((0, now)),
        listener,
    });
    let _listed = client.listener.list(&client);
    let service = service_fn(|request| serve::request(client.clone(), request));
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut left = false;
    let ended = poll_fn(|cx| {
        client.waker.register(cx.waker());
        let course = client.course.load(SeqCst);
        if course == Course::Ended as u8 {
            return Poll::Ready(Ok(()));
        }
        if course == Course::Leaving as u8 && !left {
            left = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if ended.await.is_err_and(|error| error.is_parse()) {
        // hyper answered with 400, 414 or 431.
        client.listener.counts.malformed();
    }
}
