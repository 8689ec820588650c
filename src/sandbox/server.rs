//! The sandbox's one socket: AWS calls and the control calls of `bgform sandbox`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::api;
use super::control;
use super::faults::Faults;
use super::pace::Pace;
use super::region::{OpenError, Region, Setup};
use crate::clock::{self, Clock};

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
    accepting: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    address: SocketAddr,
    /// By the machine's clock.
    pub since: Timestamp,
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
        let shared = Arc::new(Shared {
            options,
            address,
            since: clock::now(),
            regions: Mutex::default(),
            ending: watch::Sender::new(false),
        });
        for name in shared.known() {
            if let Err(error) = shared.region(&name).await {
                // Regions that are open already have machines.
                shared.close().await;
                return Err(error.into());
            }
        }
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { shared, accepting })
    }

    /// `http://127.0.0.1:4577`
    pub fn endpoint(&self) -> String {
        self.shared.endpoint()
    }

    /// What goes wrong on purpose; more may be added at any time.
    pub fn faults(&self) -> &Faults {
        &self.shared.options.faults
    }

    pub fn address(&self) -> SocketAddr {
        self.shared.address
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
        self.shared.close().await;
    }
}

impl Shared {
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn close(&self) {
        for region in self.regions.lock().await.values() {
            region.close().await;
        }
    }

    /// Ends all machines, removes everything that the folder keeps, and opens a new default region.
    pub async fn reset(&self) -> Result<(), OpenError> {
        {
            let mut regions = self.regions.lock().await;
            while let Some((_, region)) = regions.pop_first() {
                region.close().await;
                // Its tasks give its addresses back when they have ended.
                let last = Arc::downgrade(&region);
                drop(region);
                for _ in 0..100 {
                    if last.strong_count() == 0 {
                        break;
                    }
                    clock::sleep(Duration::from_millis(10)).await;
                }
            }
            clear(&self.options.folder)?;
        }
        self.region(DEFAULT_REGION).await.map(|_| ())
    }

    /// Regions that the folder has, at least the default one.
    fn known(&self) -> Vec<String> {
        let mut names: Vec<String> = region_folders(&self.options.folder)
            .iter()
            .filter_map(|folder| folder.file_name()?.to_str().map(str::to_owned))
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

/// The folders of a sandbox's regions.
pub fn region_folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.join("state.json").is_file()).collect();
    found.sort();
    found
}

/// Removes what a sandbox keeps in its folder: regions, and the state of the stacks made in them.
/// No sandbox may be running in it.
pub fn clear(folder: &Path) -> Result<(), OpenError> {
    let mut gone = region_folders(folder);
    gone.extend(Some(folder.join("state")).filter(|path| path.is_dir()));
    for path in gone {
        std::fs::remove_dir_all(&path).map_err(|error| OpenError::Folder {
            folder: path,
            what: "remove",
            reason: error.to_string(),
        })?;
    }
    Ok(())
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
