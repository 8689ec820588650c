//! The other side of the control calls.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use super::{Advance, Crash, ImageMade, Moved, NewImage, PREFIX, SIGNED_FOR, Status};
use crate::clock;
use crate::key::Key;

/// Timeout of an answer: `reset` waits until machines have ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Control calls to the sandbox at a port of 127.0.0.1.
#[derive(Debug, Clone)]
pub struct Client {
    pub port: u16,
    pub key: Key,
    /// Timeout of an answer.
    pub patience: Duration,
}

/// A control call that was not answered, or refused.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("nothing answers at 127.0.0.1:{port}: {reason}")]
    Silent { port: u16, reason: String },
    #[error("the server at 127.0.0.1:{port} is no sandbox")]
    Stranger { port: u16 },
    /// The sandbox's own words.
    #[error("{text}")]
    Refused { status: u16, text: String },
}

impl Client {
    pub fn new(port: u16, key: Key) -> Self {
        Self { port, key, patience: PATIENCE }
    }

    pub async fn status(&self) -> Result<Status, CallError> {
        self.call(Method::GET, "status", &()).await
    }

    pub async fn faults(&self) -> Result<Vec<String>, CallError> {
        self.call(Method::GET, "faults", &()).await
    }

    pub async fn add_faults(&self, faults: &[String]) -> Result<Vec<String>, CallError> {
        self.call(Method::POST, "faults", &faults).await
    }

    pub async fn clear_faults(&self) -> Result<Vec<String>, CallError> {
        self.call(Method::DELETE, "faults", &()).await
    }

    pub async fn advance(&self, by: Advance) -> Result<Moved, CallError> {
        self.call(Method::POST, "clock", &by).await
    }

    pub async fn image(&self, new: &NewImage) -> Result<ImageMade, CallError> {
        self.call(Method::POST, "image", new).await
    }

    pub async fn crash(&self, instance: &str) -> Result<(), CallError> {
        self.call(Method::POST, "crash", &Crash { instance: instance.to_owned() }).await
    }

    pub async fn log(&self, of: &str) -> Result<PathBuf, CallError> {
        let query: String = form_urlencoded::byte_serialize(of.as_bytes()).collect();
        self.call(Method::GET, &format!("logs?of={query}"), &()).await
    }

    pub async fn reset(&self) -> Result<(), CallError> {
        self.call(Method::POST, "reset", &()).await
    }

    pub async fn down(&self) -> Result<(), CallError> {
        self.call(Method::POST, "down", &()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let port = self.port;
        let silent = |reason: String| CallError::Silent { port, reason };
        let body = match method {
            Method::POST => serde_json::to_vec(body).map_err(|error| silent(error.to_string()))?,
            _ => Vec::new(),
        };
        let late = clock::sleep(self.patience);
        let (status, answer) = tokio::select! {
            answer = self.exchange(method, path, body) => answer.map_err(silent)?,
            () = late => return Err(silent(format!("no answer within {} s", self.patience.as_secs()))),
        };
        match status {
            200 => serde_json::from_slice(&answer).map_err(|_| CallError::Stranger { port }),
            400 | 403 | 404 | 405 | 409 | 500 | 501 if answer.len() < 4096 && !answer.starts_with(b"<") => {
                Err(CallError::Refused { status, text: String::from_utf8_lossy(&answer).into_owned() })
            }
            _ => Err(CallError::Stranger { port }),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(u16, Bytes), String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(|error| error.to_string())?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header("host", format!("127.0.0.1:{}", self.port))
            .body(Full::<Bytes>::from(body.clone()))
            .map_err(|error| error.to_string())?;
        self.key.sign(&mut request, &body, SIGNED_FOR)?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
        connection.abort();
        Ok((status, body.to_bytes()))
    }
}
