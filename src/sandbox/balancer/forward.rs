//! Carries a request to a target and the answer back.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Version};

use super::choose::{self, Forward};
use super::client::Client;
use super::config::Stickiness;
use super::exchange::{Body, Download, Record, Upload};
use super::pool::{self, Link, Unreached};
use super::serve::answered;
use super::{answers, cookies, desync, headers};
use crate::clock;

/// Forwards to the record's group.
pub async fn forward(
    mut record: Record,
    action: &Forward,
    mut head: Parts,
    body: Incoming,
) -> Response<Body> {
    if let Err(response) = choose_target(&mut record, action, &head.headers) {
        return answered(record, response);
    }
    let client = record.client.clone();
    let Some(target) = record.open.as_ref().map(|open| open.0.clone()) else {
        return answered(record, answers::error(503));
    };
    let host = match head.headers.contains_key(hyper::header::HOST) {
        true => String::new(),
        false => target.address.to_string(),
    };
    record.trace = headers::to_target(&mut head, &client, &record.listener, &host);
    let mut upload = match body.is_end_stream() {
        true => Upload::None,
        false => Upload::Stream { body, client: client.clone() },
    };
    let repeatable = upload.is_end_stream() && is_idempotent(&head.method);
    if !repeatable {
        // A request that cannot be sent twice must not meet a connection whose end was only not noticed yet.
        tokio::task::yield_now().await;
    }
    // Only the client's own parts: hyper's stay behind.
    let (mut method, mut uri, mut fields) = (head.method, head.uri, head.headers);
    let mut fresh = false;
    loop {
        let pooled = match fresh {
            true => None,
            false => poll_fn(|cx| Poll::Ready(target.pool.take(cx))).await,
        };
        let mut link = match pooled {
            Some(link) => link,
            None => match connect(&mut record, &client).await {
                Ok(link) => link,
                Err(status) => return failed(record, status),
            },
        };
        let again = (repeatable && link.used).then(|| (method.clone(), uri.clone(), fields.clone()));
        let mut request = Request::new(upload);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = fields;
        record.sent_at = Some(clock::monotonic());
        match send(&mut link, request, &client).await {
            Ok(response) => return finish(record, action, link, response).await,
            Err(Unsent::Late) => {
                let status = if client.uploaded.load(Relaxed) { 504 } else { 408 };
                return failed(record, status);
            }
            // The connection was closed before the request went out.
            Err(Unsent::Unused(request)) if link.used => {
                let (head, body) = request.into_parts();
                (method, uri, fields, upload) = (head.method, head.uri, head.headers, body);
            }
            Err(Unsent::Broken | Unsent::Unused(_)) => match again {
                Some(first) => {
                    (method, uri, fields) = first;
                    upload = Upload::None;
                }
                None => return failed(record, 502),
            },
        }
        fresh = true;
    }
}

/// Opens the request at a target; the answer where that cannot be.
pub fn choose_target(
    record: &mut Record,
    action: &Forward,
    headers: &HeaderMap,
) -> Result<(), Response<Body>> {
    let plane = record.client.plane.clone();
    let open = record.group.as_ref().and_then(|group| choose::target(group, headers, &plane));
    let Some(open) = open else { return Err(answers::error(503)) };
    let before = open.0.requests.fetch_add(1, Relaxed);
    let fails = plane.faults.fails(&open.0.labels).is_some_and(|after| before >= after);
    record.open = Some(open);
    if fails {
        record.target_status = Some(500);
        let mut response = answers::error(500);
        response.headers_mut().remove(hyper::header::SERVER);
        stick(record, action, &mut response);
        return Err(response);
    }
    Ok(())
}

async fn connect(record: &mut Record, client: &Client) -> Result<Box<Link>, u16> {
    let Some(open) = &record.open else { return Err(503) };
    let connected = pool::connect(open.0.address).await;
    if connected.is_err()
        && let Some(group) = &record.group
    {
        group.counts.unreached();
        client.listener.counts.unreached();
    }
    // Application, troubleshooting: HTTP 502 (refused) and 504 (not accepted within 10 seconds).
    connected.map_err(|error| match error {
        Unreached::Refused => 502,
        Unreached::TimedOut => 504,
    })
}

fn failed(mut record: Record, status: u16) -> Response<Body> {
    record.sent_at = None;
    answered(record, answers::error(status))
}

/// A request without an answer.
enum Unsent {
    /// Not sent: here it is again.
    Unused(Box<Request<Upload>>),
    /// The connection ended before any byte of an answer.
    Broken,
    /// No answer within the idle timeout.
    Late,
}

async fn send(
    link: &mut Link,
    request: Request<Upload>,
    client: &Arc<Client>,
) -> Result<Response<Incoming>, Unsent> {
    let before = link.count.read.load(Relaxed);
    let mut answer = pin!(link.sender.try_send_request(request));
    let connection = &mut link.connection;
    let answer = poll_fn(|cx| {
        if client.expired.load(SeqCst) {
            return Poll::Ready(Err(Unsent::Late));
        }
        if connection.as_mut().is_some_and(|connection| pin!(connection).poll(cx).is_ready()) {
            *connection = None;
        }
        answer.as_mut().poll(cx).map_err(|mut error| match error.take_message() {
            Some(request) => Unsent::Unused(Box::new(request)),
            None => Unsent::Broken,
        })
    })
    .await;
    match answer {
        // Half an answer is an answer: it must not be asked for twice.
        Err(Unsent::Broken) if link.count.read.load(Relaxed) != before => {
            link.used = false;
            Err(Unsent::Broken)
        }
        other => other,
    }
}

async fn finish(
    mut record: Record,
    action: &Forward,
    link: Box<Link>,
    response: Response<Incoming>,
) -> Response<Body> {
    let (mut head, incoming) = response.into_parts();
    record.answered_at = Some(clock::monotonic());
    if head.status.is_informational() {
        // An unrequested upgrade.
        return failed(record, 502);
    }
    record.target_status = Some(head.status.as_u16());
    if desync::size(&head.headers) > desync::ANSWER {
        // Application, troubleshooting: HTTP 502.
        return failed(record, 502);
    }
    headers::strip(&mut head.headers);
    head.version = Version::HTTP_11;
    let mut response = Response::from_parts(head, ());
    stick(&record, action, &mut response);
    let (head, ()) = response.into_parts();
    record.answers(&head);
    let download = Download { incoming, link: Some(link), record, first: None };
    let mut download = Some(download);
    let body =
        poll_fn(|cx| Poll::Ready(download.take().map_or(Body::Whole(None), |download| download.begin(cx))))
            .await;
    Response::from_parts(head, body)
}

/// Sets the cookies that keep the client with its group and its target.
pub fn stick<B>(record: &Record, action: &Forward, response: &mut Response<B>) {
    let (Some(group), Some(open)) = (&record.group, &record.open) else { return };
    let clock = &record.client.plane.clock;
    if let Some(lasts) = action.stickiness {
        cookies::set(response.headers_mut(), cookies::GROUP, group.mark, lasts, clock);
    }
    let members = group.members();
    let (name, lasts): (_, Duration) = match &members.config.stickiness {
        Some((Stickiness::Balancer, lasts)) => (cookies::TARGET, *lasts),
        Some((Stickiness::Application(own), lasts)) if cookies::is_set(response.headers(), own) => {
            (cookies::APPLICATION, *lasts)
        }
        _ => return,
    };
    cookies::set(response.headers_mut(), name, open.0.mark, lasts, clock);
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}
