//! The parts of one request: its bodies, and the record that is counted and logged at its end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::http::request::Parts;
use hyper::http::response;
use hyper::{Method, Uri, Version};
use jiff::Timestamp;

use super::client::{Client, Stage};
use super::config;
use super::desync::Class;
use super::groups::{Group, Open};
use super::pool::Link;
use crate::clock;

/// A request's body on its way to a target.
#[derive(Debug)]
pub enum Upload {
    None,
    Stream { body: Incoming, client: Arc<Client> },
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Stream { body, client } = &mut *self else { return Poll::Ready(None) };
        let frame = Pin::new(&mut *body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || body.is_end_stream() {
            client.uploaded.store(true, Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size_hint(),
        }
    }
}

/// An answer's body on its way to a client.
#[derive(Debug)]
pub enum Body {
    Whole(Option<Bytes>),
    Stream(Box<Download>),
}

/// The body of a target's answer, with the connection that it comes from.
#[derive(Debug)]
pub struct Download {
    pub incoming: Incoming,
    pub link: Option<Box<Link>>,
    pub record: Record,
    /// The part that was read before the answer went on.
    pub first: Option<Bytes>,
}

impl Download {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let mut frame = Pin::new(&mut self.incoming).poll_frame(cx);
        if frame.is_pending()
            && let Some(link) = &mut self.link
        {
            link.drive(cx);
            frame = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        match &frame {
            Poll::Ready(Some(Ok(part))) => {
                self.record.sent += part.data_ref().map_or(0, |data| data.len() as u64);
                if self.incoming.is_end_stream() {
                    self.end(cx);
                }
            }
            Poll::Ready(None) => self.end(cx),
            Poll::Ready(Some(Err(_))) => self.link = None,
            Poll::Pending => {}
        }
        frame
    }

    fn end(&mut self, cx: &mut Context<'_>) {
        let link = self.link.take().filter(|_| !self.record.parts());
        if let (Some(link), Some(open)) = (link, &self.record.open) {
            open.0.keep(link, cx);
        }
    }

    /// The body for the client; whole if all of it has arrived.
    pub fn begin(mut self, cx: &mut Context<'_>) -> Body {
        if self.incoming.is_end_stream() {
            self.end(cx);
            return Body::Whole(None);
        }
        match self.poll(cx) {
            Poll::Ready(Some(Ok(frame))) if self.incoming.is_end_stream() => {
                return Body::Whole(frame.into_data().ok());
            }
            Poll::Ready(Some(Ok(frame))) => self.first = frame.into_data().ok(),
            Poll::Ready(None) => return Body::Whole(None),
            // An error is met again at the next look.
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        self.record.client.set_stage(Stage::Streaming);
        Body::Stream(Box::new(self))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Whole(data) => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
            Self::Stream(download) => download.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(data) => data.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream(download) => download.first.is_none() && download.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(data) => SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64)),
            Self::Stream(download) => {
                let (mut hint, first) = (download.incoming.size_hint(), download.first.as_ref());
                if let (Some(first), Some(rest)) = (first, hint.exact()) {
                    hint.set_exact(rest + first.len() as u64);
                }
                hint
            }
        }
    }
}

/// The record of a request; counted and logged when it is dropped.
#[derive(Debug)]
pub struct Record {
    pub client: Arc<Client>,
    pub listener: Arc<config::Listener>,
    pub method: Method,
    pub uri: Uri,
    pub version: Version,
    pub host: Option<HeaderValue>,
    pub agent: Option<HeaderValue>,
    pub trace: Option<HeaderValue>,
    /// The rule's place, 0 for the default; `None` if the request reached none.
    pub rule: Option<usize>,
    pub action: Option<&'static str>,
    pub redirect: Option<String>,
    pub group: Option<Arc<Group>>,
    pub open: Option<Open>,
    pub created: Timestamp,
    pub began: Duration,
    /// When it was sent to the target, and when the target's answer began.
    pub sent_at: Option<Duration>,
    pub answered_at: Option<Duration>,
    /// Status of the balancer's answer; 0 until there is one.
    pub status: u16,
    pub target_status: Option<u16>,
    /// Bytes to the client.
    pub sent: u64,
    pub tunnel: bool,
    /// The class of its fault against HTTP, if it has one.
    pub class: Option<Class>,
}

impl Record {
    pub fn new(client: &Arc<Client>, listener: Arc<config::Listener>, request: &Parts) -> Self {
        client.set_stage(Stage::Waiting);
        Self {
            client: client.clone(),
            listener,
            method: request.method.clone(),
            uri: request.uri.clone(),
            version: request.version,
            host: request.headers.get(HOST).cloned(),
            agent: request.headers.get(USER_AGENT).cloned(),
            trace: None,
            rule: None,
            action: None,
            redirect: None,
            group: None,
            open: None,
            created: client.plane.clock.now(),
            began: clock::monotonic(),
            sent_at: None,
            answered_at: None,
            status: 0,
            target_status: None,
            sent: 0,
            tunnel: false,
            class: None,
        }
    }

    /// Tells whether its connections end after it.
    pub fn parts(&self) -> bool {
        self.class.is_some_and(|class| class.parts(self.listener.desync))
    }

    /// The answer's head.
    pub fn answers(&mut self, response: &response::Parts) {
        self.status = response.status.as_u16();
        let fields = response.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        // Status line, `date` and the empty line.
        self.sent += fields.sum::<usize>() as u64 + 17 + 37 + 2;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.status == 0 {
            // The client went away (application, troubleshooting: HTTP 460).
            self.status = 460;
        }
        let client = self.client.clone();
        let read = client.count.read.load(Relaxed);
        let received = read.saturating_sub(client.logged.swap(read, Relaxed));
        client.listener.counts.request(self);
        if let Some(group) = &self.group {
            group.counts.request(self);
        }
        client.plane.log.request(self, received);
        client.expired.store(false, SeqCst);
        client.set_stage(Stage::Idle);
    }
}
