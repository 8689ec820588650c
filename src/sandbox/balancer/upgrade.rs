//! Connections that become something else, such as WebSockets: tunnels.

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::Builder;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::choose::Forward;
use super::exchange::{Body, Record, Upload};
use super::forward::{choose_target, stick};
use super::io::{Counted, idle};
use super::plane::within;
use super::pool::{self, Unreached};
use super::serve::answered;
use super::{answers, headers};
use crate::clock;

/// Forwards an upgrade request on a connection of its own; after a 101, bytes pass in both directions. The
/// tunnel counts as an open request until it ends.
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
    let Some(address) = record.open.as_ref().map(|open| open.0.address) else {
        return answered(record, answers::error(503));
    };
    let protocol = head.headers.get(UPGRADE).cloned();
    record.trace = headers::to_target(&mut head, &client, &record.listener, &address.to_string());
    if let Some(protocol) = protocol {
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
    }
    let upload = match body.is_end_stream() {
        true => Upload::None,
        false => Upload::Stream { body, client: client.clone() },
    };
    let stream = match pool::socket(address).await {
        Ok(stream) => stream,
        Err(error) => {
            if let Some(group) = &record.group {
                group.counts.unreached();
                client.listener.counts.unreached();
            }
            return answered(record, answers::error(if error == Unreached::Refused { 502 } else { 504 }));
        }
    };
    let (stream, count) = Counted::new(stream);
    let Ok((mut sender, connection)) = Builder::new().handshake::<_, Upload>(TokioIo::new(stream)).await
    else {
        return answered(record, answers::error(502));
    };
    client.plane.spawn(async move {
        let _ = connection.with_upgrades().await;
    });
    let mut request = Request::new(upload);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = std::mem::take(&mut head.headers);
    let sent_at = clock::monotonic();
    let mut response = match within(record.listener.idle_timeout, sender.send_request(request)).await {
        Some(Ok(response)) => response,
        Some(Err(_)) => return answered(record, answers::error(502)),
        None => return answered(record, answers::error(504)),
    };
    record.sent_at = Some(sent_at);
    record.answered_at = Some(clock::monotonic());
    record.target_status = Some(response.status().as_u16());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let theirs = hyper::upgrade::on(&mut response);
        let ours = hyper::upgrade::on(Request::from_parts(head, ()));
        let (answer, ()) = response.map(|_| ()).into_parts();
        record.answers(&answer);
        record.tunnel = true;
        let (plane, limit) = (client.plane.clone(), record.listener.idle_timeout);
        plane.spawn(async move {
            // All of it: the request is open until the tunnel ends.
            let mut record = record;
            // The client may go away before it has read the 101.
            let (Ok(ours), Ok(theirs)) = tokio::join!(ours, theirs) else { return };
            let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
            tokio::select! {
                done = tokio::io::copy_bidirectional(&mut ours, &mut theirs) => {
                    if let Ok((_, to_client)) = done {
                        record.sent += to_client;
                    }
                }
                () = idle([record.client.count.clone(), count], limit) => {}
            }
        });
        return Response::from_parts(answer, Body::Whole(None));
    }
    headers::strip(response.headers_mut());
    stick(&record, action, &mut response);
    let (head, incoming) = response.into_parts();
    record.answers(&head);
    let body =
        Body::Stream(Box::new(super::exchange::Download { incoming, link: None, record, first: None }));
    Response::from_parts(head, body)
}
