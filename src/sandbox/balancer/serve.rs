//! A request from its head to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, Uri, Version};

use super::client::Client;
use super::exchange::{Body, Record};
use super::route::Action;
use super::{answers, config, desync, forward, headers, upgrade};

/// Answers a request of a client.
pub async fn request(client: Arc<Client>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (mut head, body) = request.into_parts();
    let listener = client.listener.settings();
    client.uploaded.store(body.is_end_stream(), Relaxed);
    let mut record = Record::new(&client, listener.clone(), &head);
    record.class = desync::classify(&head);
    let blocked = record.class.filter(|class| class.is_blocked(listener.desync)).map(|_| 400);
    if let Some(status) = desync::over(&head).or(blocked).or_else(|| make_sound(&mut head, &listener)) {
        let mut response = answers::error(status);
        if status == 400 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        return Ok(answered(record, response));
    }
    if record.parts() {
        client.leave();
    }
    let rules = client.node.rules();
    let Some((place, rule)) = rules.find(&head, client.peer.ip()) else {
        return Ok(answered(record, answers::error(503)));
    };
    record.rule = Some(place);
    if let Some(status) = rule.unauthenticated {
        record.action = Some("authenticate");
        return Ok(answered(record, answers::error(status)));
    }
    Ok(match &rule.action {
        Action::Redirect { protocol, host, port, path, query, status } => {
            record.action = Some("redirect");
            let parts = [protocol, host, port, path, query].map(String::as_str);
            let (response, to) = answers::redirect(parts, *status, &head, &listener);
            record.redirect = Some(to);
            answered(record, response)
        }
        Action::Fixed { status, content_type, body } => {
            record.action = Some("fixed-response");
            answered(record, answers::fixed(*status, content_type.as_deref(), body.as_deref()))
        }
        Action::Forward(action) => {
            record.action = Some("forward");
            let Some(group) = action.group(&head.headers, &client.plane) else {
                return Ok(answered(record, answers::error(503)));
            };
            record.group = Some(group.clone());
            if !group.members().config.is_http1 {
                // Application, troubleshooting: HTTP 464.
                return Ok(answered(record, answers::error(464)));
            }
            match headers::wants_upgrade(&head.headers) {
                true => upgrade::forward(record, action, head, body).await,
                false => forward::forward(record, action, head, body).await,
            }
        }
    })
}

/// An answer of the balancer's own.
pub fn answered(mut record: Record, response: Response<Body>) -> Response<Body> {
    let (head, body) = response.into_parts();
    record.answers(&head);
    record.sent += body.size_hint().exact().unwrap_or_default();
    Response::from_parts(head, body)
}

/// Normalizes the head for targets; an error is the status of the refusal.
fn make_sound(head: &mut Parts, listener: &config::Listener) -> Option<u16> {
    if head.method == Method::TRACE {
        // Application, troubleshooting: HTTP 405.
        return Some(405);
    }
    if head.method == Method::CONNECT {
        return Some(400);
    }
    if let Some(authority) = head.uri.authority() {
        // A client that takes the balancer for its proxy; the target's name is the authority then.
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        head.headers.insert(HOST, host);
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        head.uri = Uri::from(path);
    }
    if head.version == Version::HTTP_11 && !head.headers.contains_key(HOST) {
        return Some(400);
    }
    if listener.drop_invalid_headers {
        headers::drop_invalid(&mut head.headers);
    }
    None
}
