//! Control calls: what `bgform sandbox` asks of a running sandbox, beside the calls of AWS.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};

use super::server::{Shared, plain};

/// Control calls are below this path.
pub const PREFIX: &str = "/_sandbox/";

/// Answers a control call: JSON, or text for people on an error.
pub(super) async fn answer(
    _shared: &Arc<Shared>,
    _method: &Method,
    path: &str,
    _query: Option<&str>,
    _body: &[u8],
) -> Response<Full<Bytes>> {
    plain(StatusCode::NOT_FOUND, &format!("there is no control call {path}"))
}
