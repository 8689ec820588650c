//! The compliance of a request with HTTP, and the handling of one that does not comply: the limits of heads
//! (application, troubleshooting) and the classes of the desync mitigation mode (application,
//! edit-load-balancer-attributes and load-balancer-access-logs, classification reasons). Requests that hyper
//! does not parse never come here, nor do those with a length beside a transfer encoding, after which hyper
//! ends the connection in every mode.

use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Version};

use super::config::Desync;

/// Bytes of a request line, and of one header.
const LINE: usize = 16 << 10;
/// Bytes of all headers of a request.
const HEAD: usize = 64 << 10;
/// Bytes of all headers of an answer.
pub const ANSWER: usize = 32 << 10;
/// Addresses in `X-Forwarded-For`.
const FORWARDS: usize = 30;

/// The classes but the best one, and the reason codes of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Acceptable(&'static str),
    Ambiguous(&'static str),
    Severe(&'static str),
}

impl Class {
    /// The class and its reason, as the access log has them.
    pub fn words(self) -> [&'static str; 2] {
        match self {
            Self::Acceptable(reason) => ["Acceptable", reason],
            Self::Ambiguous(reason) => ["Ambiguous", reason],
            Self::Severe(reason) => ["Severe", reason],
        }
    }

    pub fn is_blocked(self, mode: Desync) -> bool {
        match mode {
            Desync::Monitor => false,
            Desync::Defensive => matches!(self, Self::Severe(_)),
            Desync::Strictest => true,
        }
    }

    /// Tells whether the request goes on, and both connections end after it.
    pub fn parts(self, mode: Desync) -> bool {
        mode == Desync::Defensive && matches!(self, Self::Ambiguous(_))
    }
}

/// The worst class of a request's head; `None` if it complies.
pub fn classify(head: &Parts) -> Option<Class> {
    let headers = &head.headers;
    let encodings = || headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = encodings().filter(|one| one.as_bytes().eq_ignore_ascii_case(b"chunked")).count();
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let length = headers.get(CONTENT_LENGTH).map(|length| length.as_bytes());
    let suspicious = |name: &HeaderName| {
        let plain = name.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let known = *name == TRANSFER_ENCODING || *name == CONTENT_LENGTH;
        !known && matches!(plain.as_str(), "transferencoding" | "contentlength")
    };
    let control = |value: &[u8]| value.iter().any(|c| (!c.is_ascii() || c.is_ascii_control()) && *c != b'\t');
    [
        (chunked > 1, Class::Severe("MultipleTransferEncodingChunked")),
        (headers.keys().any(suspicious), Class::Ambiguous("SuspiciousHeader")),
        (
            encodings().next().is_some() && (reads || head.version == Version::HTTP_10),
            Class::Ambiguous("UndefinedTransferEncodingSemantics"),
        ),
        (
            reads && length.is_some_and(|length| length != b"0"),
            Class::Ambiguous("UndefinedContentLengthSemantics"),
        ),
        (headers.values().any(|value| value.is_empty()), Class::Ambiguous("EmptyHeader")),
        (reads && length == Some(b"0"), Class::Acceptable("GetHeadZeroContentLength")),
        (headers.values().any(|value| control(value.as_bytes())), Class::Acceptable("NonCompliantHeader")),
    ]
    .into_iter()
    .find_map(|(holds, class)| holds.then_some(class))
}

/// The status for a head that is over a limit.
pub fn over(head: &Parts) -> Option<u16> {
    // `GET `, ` HTTP/1.1` and the line's end.
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if head.method.as_str().len() + target + 12 > LINE {
        return Some(414);
    }
    let longest = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).max();
    if longest > Some(LINE) || size(&head.headers) > HEAD {
        return Some(400);
    }
    let forwards = head.headers.get_all("x-forwarded-for").iter();
    let addresses: usize = forwards.map(|one| one.as_bytes().split(|c| *c == b',').count()).sum();
    if addresses > FORWARDS {
        return Some(463);
    }
    let unknown = |one: &str| !matches!(one.trim().to_ascii_lowercase().as_str(), "chunked" | "identity");
    let encodings = head.headers.get_all(TRANSFER_ENCODING).iter().filter_map(|one| one.to_str().ok());
    encodings.into_iter().any(|one| one.split(',').any(unknown)).then_some(501)
}

/// Bytes of headers as sent.
pub fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
