//! Control calls: what `bgform sandbox` asks of a running sandbox, beside the calls of AWS.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET status` | | [`Status`] |
//! | `GET faults` | | the faults as texts |
//! | `POST faults` | texts | adds all of them or none; the faults as texts |
//! | `DELETE faults` | | an empty list |
//! | `POST clock` | [`Advance`] | moves a manual clock; [`Moved`] |
//! | `POST image` | [`NewImage`] | [`ImageMade`] |
//! | `POST crash` | [`Crash`] | null |
//! | `GET logs?of=NAME` | | the path of an instance's console, `calls` or `access`, as a text |
//! | `POST reset` | | null, when a new region is up |
//! | `POST down` | | null; the sandbox ends after it |
//!
//! Bodies and answers are JSON. An error is a text for people with a status: 400 a bad call, 404
//! nothing of that name, 409 not in this state, 500 the sandbox's own failure.

mod calls;
mod client;
mod status;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::server::{Shared, plain};
pub use calls::find_log;
pub use client::{CallError, Client};
pub use status::{BalancerStatus, RegionStatus, ServiceStatus, Status, instances, load_balancers, pages};

/// Control calls are below this path.
pub const PREFIX: &str = "/_sandbox/";
/// The service that control calls are signed for, with the sandbox's key as all calls are.
const SIGNED_FOR: &str = "sandbox";

/// The distance to move a manual clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    pub milliseconds: u64,
}

/// The clock's time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Moved {
    pub now: Timestamp,
}

/// An image to be made of a folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewImage {
    pub region: String,
    /// Of an AMI; `repository:tag` of a container image.
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// Absolute.
    pub folder: std::path::PathBuf,
}

/// The image that was made: the id of an AMI, the digest of a container image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageMade {
    pub id: String,
}

/// An instance or a task whose processes are to be killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    pub instance: String,
}

/// A refused call: its status and its message.
struct Refused(StatusCode, String);

impl Refused {
    fn bad(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }

    fn none(text: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, text.into())
    }

    fn broken(error: impl ToString) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// Answers a control call.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Response<Full<Bytes>> {
    match act(shared, method, path, query, body).await {
        Ok(text) => {
            let mut response = plain(StatusCode::OK, &text);
            let json = hyper::header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
            response
        }
        Err(Refused(status, text)) => plain(status, &text),
    }
}

async fn act(
    shared: &Arc<Shared>,
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<String, Refused> {
    let faults = &shared.options.faults;
    let armed = || faults.list().iter().map(ToString::to_string).collect::<Vec<_>>();
    match (method.as_str(), path) {
        ("GET", "status") => json(&status::of(shared).await),
        ("GET", "faults") => json(&armed()),
        ("POST", "faults") => {
            calls::add_faults(faults, &read::<Vec<String>>(body)?)?;
            json(&armed())
        }
        ("DELETE", "faults") => {
            faults.clear();
            json(&armed())
        }
        ("POST", "clock") => json(&calls::advance(shared, read(body)?)?),
        ("POST", "image") => json(&calls::image(shared, read(body)?).await?),
        ("POST", "crash") => json(&calls::crash(shared, &read(body)?).await?),
        ("GET", "logs") => json(&calls::log(shared, query).await?),
        ("POST", "reset") => json(&shared.reset().await.map_err(Refused::broken)?),
        ("POST", "down") => {
            shared.ending.send_replace(true);
            json(&())
        }
        (_, "status" | "faults" | "clock" | "image" | "crash" | "logs" | "reset" | "down") => Err(Refused(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("the control call {path} is not made by {method}"),
        )),
        _ => Err(Refused::none(format!("there is no control call {path}"))),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::bad(format!("the body does not read: {error}")))
}

fn json<T: Serialize>(value: &T) -> Result<String, Refused> {
    serde_json::to_string(value).map_err(Refused::broken)
}

#[cfg(test)]
mod tests;
