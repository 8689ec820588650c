//! The balancer's changes of forwarded heads.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;

use super::answers::scheme;
use super::client::Client;
use super::config::{self, ForwardedFor};
use super::route::without_port;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Removes headers of a single connection (RFC 9110, 7.6.1).
pub fn strip(headers: &mut HeaderMap) {
    while let Some(named) = headers.remove(CONNECTION) {
        let named = named.to_str().unwrap_or_default().to_owned();
        for name in named.split(',').map(str::trim) {
            // Most often `keep-alive` and `close`, which go anyway or are no header.
            if !name.eq_ignore_ascii_case("close")
                && let Ok(name) = name.parse::<HeaderName>()
            {
                headers.remove(name);
            }
        }
    }
    if headers.remove(TRANSFER_ENCODING).is_some() {
        // The encoding decides how long the body is (RFC 9112, 6.3): a length beside it is a trap.
        headers.remove(CONTENT_LENGTH);
    }
    for name in [&KEEP_ALIVE, &PROXY_CONNECTION, &TE, &UPGRADE, &PROXY_AUTHENTICATE] {
        headers.remove(name);
    }
}

/// Makes a client's request one to a target; the trace id that it has then.
pub fn to_target(
    request: &mut Parts,
    client: &Client,
    listener: &config::Listener,
    target: &str,
) -> Option<HeaderValue> {
    let headers = &mut request.headers;
    strip(headers);
    headers.remove(PROXY_AUTHORIZATION);
    // Answered by the balancer itself before it reads the body.
    headers.remove(EXPECT);
    match listener.forwarded_for {
        ForwardedFor::Append => {
            let value = match headers.get(&FORWARDED_FOR) {
                Some(_) => appended(headers, &client.address),
                None => client.address.clone(),
            };
            headers.insert(FORWARDED_FOR.clone(), value);
        }
        ForwardedFor::Preserve => {}
        ForwardedFor::Remove => {
            headers.remove(&FORWARDED_FOR);
        }
    }
    headers.insert(FORWARDED_PROTO.clone(), HeaderValue::from_static(scheme(listener.protocol)));
    headers.insert(FORWARDED_PORT.clone(), HeaderValue::from(listener.port));
    let trace = trace(headers, client.plane.clock.now().as_second());
    if let Some(trace) = &trace {
        headers.insert(TRACE.clone(), trace.clone());
    }
    match headers.get(HOST) {
        Some(host) if !listener.preserve_host => {
            if let Some(host) = with_port(host, listener) {
                headers.insert(HOST, host);
            }
        }
        Some(_) => {}
        None => {
            if let Ok(host) = HeaderValue::from_str(target) {
                headers.insert(HOST, host);
            }
        }
    }
    trace
}

/// An ALB that does not preserve the host appends its port, unless it is the usual one (AWS re:Post,
/// "New ALB enhancements provide options to specify how to process Host header").
fn with_port(host: &HeaderValue, listener: &config::Listener) -> Option<HeaderValue> {
    if matches!(listener.port, 80 | 443) {
        return None;
    }
    let host = host.to_str().ok().filter(|host| without_port(host).len() == host.len())?;
    HeaderValue::try_from(format!("{host}:{}", listener.port)).ok()
}

fn appended(headers: &HeaderMap, address: &HeaderValue) -> HeaderValue {
    let mut all = Vec::new();
    for value in headers.get_all(&FORWARDED_FOR).iter().chain([address]) {
        if !all.is_empty() {
            all.extend_from_slice(b", ");
        }
        all.extend_from_slice(value.as_bytes());
    }
    HeaderValue::from_bytes(&all).unwrap_or_else(|_| address.clone())
}

/// `Root` if there is none yet, otherwise `Self` before it (application, load-balancer-request-tracing).
fn trace(headers: &HeaderMap, second: i64) -> Option<HeaderValue> {
    let id = rand::random::<u128>() >> 32;
    let given = headers.get(&TRACE).and_then(|value| value.to_str().ok());
    let text = match given {
        None => format!("Root=1-{second:08x}-{id:024x}"),
        Some(given) if given.split(';').any(|field| field.trim_start().starts_with("Root=")) => {
            format!("Self=1-{second:08x}-{id:024x};{given}")
        }
        Some(given) => format!("Root=1-{second:08x}-{id:024x};{given}"),
    };
    HeaderValue::try_from(text).ok()
}

/// Removes headers whose names have other characters than letters, digits and hyphens
/// (`routing.http.drop_invalid_header_fields.enabled`).
pub fn drop_invalid(headers: &mut HeaderMap) {
    let good = |name: &HeaderName| name.as_str().bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    let bad: Vec<HeaderName> = headers.keys().filter(|name| !good(name)).cloned().collect();
    for name in bad {
        headers.remove(name);
    }
}

/// Tells whether the head requests an upgrade.
pub fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")))
}
