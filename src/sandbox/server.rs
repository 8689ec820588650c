//! The sandbox's one socket: AWS calls and the control calls of `bgform sandbox`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::api;
use super::control;
use super::faults::Faults;
use super::pace::Pace;
use super::region::{OpenError, Region, Setup};
use crate::clock::Clock;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything that it keeps is in there, a folder for each region.
    pub folder: PathBuf,
    /// Of 127.0.0.1; 0: any free one.
    pub port: u16,
    pub clock: Clock,
    pub pace: Pace,
    pub faults: Arc<Faults>,
    /// The bgform binary, which the base images' service is.
    pub program: PathBuf,
}

/// A running sandbox. [`Sandbox::stop`] ends its machines; dropping it ends them without waiting.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    regions: Mutex<BTreeMap<String, Arc<Region>>>,
    /// Set when somebody asked the sandbox to end.
    pub ending: watch::Sender<bool>,
}

/// The largest request that is read.
const LARGEST: usize = 8 << 20;
/// The region of requests that are not signed for one.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// A sandbox that does not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("port {port} of 127.0.0.1 cannot be listened on: {reason}")]
    Port { port: u16, reason: String },
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Sandbox {
    /// Opens the folder's regions (or the default one) and listens. Needs a tokio runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let port = options.port;
        let refused = |error: std::io::Error| StartError::Port { port, reason: error.to_string() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let shared =
            Arc::new(Shared { options, regions: Mutex::default(), ending: watch::Sender::new(false) });
        for name in shared.known() {
            shared.region(&name).await?;
        }
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { shared, address, accepting })
    }

    /// `http://127.0.0.1:4577`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A region of it, opened if need be.
    pub async fn region(&self, name: &str) -> Result<Arc<Region>, OpenError> {
        self.shared.region(name).await
    }

    /// Waits until a control call asks it to end.
    pub async fn asked_to_end(&self) {
        let mut ending = self.shared.ending.subscribe();
        let _ = ending.wait_for(|ending| *ending).await;
    }

    /// Ends all machines and sockets; the folder stays as it is.
    pub async fn stop(self) {
        self.accepting.abort();
        for region in self.shared.regions.lock().await.values() {
            region.close().await;
        }
    }
}

impl Shared {
    /// Regions that the folder has, at least the default one.
    fn known(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.options.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join("state.json").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        if names.is_empty() {
            names.push(DEFAULT_REGION.to_owned());
        }
        names
    }

    pub async fn region(&self, name: &str) -> Result<Arc<Region>, OpenError> {
        let mut regions = self.regions.lock().await;
        if let Some(region) = regions.get(name) {
            return Ok(region.clone());
        }
        let options = &self.options;
        let region = Region::open(Setup {
            name: name.to_owned(),
            folder: options.folder.join(name),
            clock: options.clock.clone(),
            pace: options.pace.clone(),
            faults: options.faults.clone(),
            program: options.program.clone(),
        })
        .await?;
        regions.insert(name.to_owned(), region.clone());
        Ok(region)
    }

    pub async fn regions(&self) -> Vec<Arc<Region>> {
        self.regions.lock().await.values().cloned().collect()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // An accept that fails (too many open files) is one connection lost.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, shared.clone()));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| answer(shared.clone(), request));
    // A client that goes away in the middle is no matter; an answer that is an error ends the
    // connection, which is how a lost answer looks.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

/// The answer is lost: the connection ends without one.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Silence;

async fn answer(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Silence> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"));
    };
    let body = body.to_bytes();
    if let Some(path) = parts.uri.path().strip_prefix(control::PREFIX) {
        return Ok(control::answer(&shared, &parts.method, path, parts.uri.query(), &body).await);
    }
    api::answer(&shared, &parts.headers, &parts.uri, &body).await.ok_or(Silence)
}

pub(super) fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
