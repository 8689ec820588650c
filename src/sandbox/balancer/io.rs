//! Sockets that count their bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock;

/// Bytes so far.
#[derive(Debug, Default)]
pub struct Count {
    pub read: AtomicU64,
    pub written: AtomicU64,
}

impl Count {
    /// Grows with every byte in either direction.
    pub fn total(&self) -> u64 {
        self.read.load(Relaxed).wrapping_add(self.written.load(Relaxed))
    }
}

/// A socket as hyper takes it.
pub type Io = TokioIo<Counted>;

/// A socket and its count.
#[derive(Debug)]
pub struct Counted {
    stream: TcpStream,
    count: Arc<Count>,
}

impl Counted {
    pub fn new(stream: TcpStream) -> (Self, Arc<Count>) {
        // Only latency is lost where the system refuses.
        let _ = stream.set_nodelay(true);
        let count = Arc::<Count>::default();
        (Self { stream, count: count.clone() }, count)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buf);
        let more = buf.filled().len() - before;
        if more > 0 {
            self.count.read.fetch_add(more as u64, Relaxed);
        }
        done
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(more)) = &done {
            self.count.written.fetch_add(*more as u64, Relaxed);
        }
        done
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(more)) = &done {
            self.count.written.fetch_add(*more as u64, Relaxed);
        }
        done
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Returns when no count has moved for `limit` of real time.
pub async fn idle(counts: [Arc<Count>; 2], limit: Duration) {
    let step = look_every(limit);
    let total = || counts[0].total().wrapping_add(counts[1].total());
    let (mut last, mut since) = (total(), clock::monotonic());
    loop {
        clock::sleep(step).await;
        let now = clock::monotonic();
        if total() != last {
            (last, since) = (total(), now);
        } else if now.saturating_sub(since) >= limit {
            return;
        }
    }
}

/// The interval of looks for a timeout of that length.
pub fn look_every(limit: Duration) -> Duration {
    (limit / 8).clamp(Duration::from_millis(20), Duration::from_secs(1))
}
