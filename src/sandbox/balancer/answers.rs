//! Answers of the balancer's own: errors, redirects, fixed responses.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION, SERVER};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::config::{self, Protocol};
use super::exchange::Body;
use super::route::without_port;

/// An error as ALBs word it: a small page.
pub fn error(status: u16) -> Response<Body> {
    page(status)
}

fn page(status: u16) -> Response<Body> {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = match status {
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        561 => "Unauthorized",
        _ => code.canonical_reason().unwrap_or("Error"),
    };
    let text = format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{status} {reason}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    answer(status, Some("text/html"), Bytes::from(text))
}

/// A fixed response (API_FixedResponseActionConfig).
pub fn fixed(status: u16, content_type: Option<&str>, body: Option<&str>) -> Response<Body> {
    let content_type = content_type.or(body.map(|_| "text/plain"));
    answer(status, content_type, Bytes::from(body.unwrap_or_default().to_owned()))
}

fn answer(status: u16, content_type: Option<&str>, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Some(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    if let Some(value) = content_type.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// A redirect, and where to (API_RedirectActionConfig).
pub fn redirect(
    parts: [&str; 5],
    status: u16,
    request: &Parts,
    listener: &config::Listener,
) -> (Response<Body>, String) {
    let own = Own::of(request, listener);
    let [protocol, host, port, path, query] = parts.map(|part| own.put_into(part));
    let mut to = format!("{}://{host}:{port}", protocol.to_ascii_lowercase());
    if !path.starts_with('/') {
        to.push('/');
    }
    to.push_str(&path);
    if !query.is_empty() {
        to.push('?');
        to.push_str(&query);
    }
    let mut response = page(status);
    if let Ok(value) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(LOCATION, value);
    }
    (response, to)
}

/// The values of the placeholders.
struct Own<'a> {
    protocol: &'a str,
    host: &'a str,
    port: String,
    path: &'a str,
    query: &'a str,
}

impl<'a> Own<'a> {
    fn of(request: &'a Parts, listener: &config::Listener) -> Self {
        let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        Self {
            protocol: scheme(listener.protocol),
            host: without_port(host),
            port: listener.port.to_string(),
            path: request.uri.path().trim_start_matches('/'),
            query: request.uri.query().unwrap_or_default(),
        }
    }

    fn put_into(&self, text: &str) -> String {
        text.replace("#{protocol}", self.protocol)
            .replace("#{host}", self.host)
            .replace("#{port}", &self.port)
            .replace("#{path}", self.path)
            .replace("#{query}", self.query)
    }
}

pub fn scheme(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Https => "https",
        Protocol::Http | Protocol::Tcp => "http",
    }
}
