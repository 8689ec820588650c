//! A URL for requests, and one request.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::clock;

/// Time after which a request without an answer has failed, as for impatient clients.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The destination of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    address: SocketAddr,
    /// The `Host` of requests.
    authority: String,
    path: String,
}

/// An open connection.
pub type Connection = SendRequest<Empty<Bytes>>;

impl Target {
    /// Parses `http://HOST[:PORT][/PATH]` and looks the host up.
    ///
    /// # Errors
    /// Why no request can be sent there, for people.
    pub async fn parse(url: &str) -> Result<Self, String> {
        Self::parse_at(url, "").await
    }

    /// The same, sent to `place` (`HOST:PORT`) instead of the URL's host, unless it is empty.
    ///
    /// # Errors
    /// Why no request can be sent there, for people.
    pub async fn parse_at(url: &str, place: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| format!("`{url}` is no URL"))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("`{url}` does not begin with http://"));
        };
        let port = authority.port_u16().unwrap_or(80);
        let place = if place.is_empty() { format!("{}:{port}", authority.host()) } else { place.to_owned() };
        let found = tokio::net::lookup_host(&place).await;
        let address = found.ok().and_then(|mut all| all.next());
        Ok(Self {
            address: address.ok_or_else(|| format!("`{}` is not found", authority.host()))?,
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// # Errors
    /// Why there is no connection, as a text.
    pub async fn connect(&self) -> Result<Connection, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| chain(&error))?;
        tokio::spawn(async move {
            // The request on it reports how the connection ended.
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// Sends a request and reads its whole answer; returns the status.
    ///
    /// # Errors
    /// How the connection broke, as a text.
    pub async fn send(&self, connection: &mut Connection, keep: bool) -> Result<u16, String> {
        connection.ready().await.map_err(|error| chain(&error))?;
        let mut request = Request::get(self.path.as_str()).header("host", self.authority.as_str());
        if !keep {
            request = request.header("connection", "close");
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let answer = connection.send_request(request).await.map_err(|error| chain(&error))?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.map_err(|error| chain(&error))?;
        Ok(status)
    }

    /// One request on a connection of its own.
    ///
    /// # Errors
    /// As [`Target::connect`] and [`Target::send`], and when it takes longer than [`TIMEOUT`].
    pub async fn get(&self) -> Result<u16, String> {
        timely(async { self.send(&mut self.connect().await?, false).await }).await
    }
}

/// The result of `request`, if it comes within [`TIMEOUT`].
pub async fn timely(request: impl Future<Output = Result<u16, String>>) -> Result<u16, String> {
    tokio::select! {
        answer = request => answer,
        () = clock::sleep(TIMEOUT) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
