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
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::connections::{Connections, Requests};
use super::faults::Faults;
use super::key::{Distrust, Key};
use super::pace::Pace;
use super::region::{OpenError, Region, Setup};
use super::{api, control, door};
use crate::clock::{self, Clock};

/// The parameters of a sandbox.
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
    /// Requests are answered that this key has signed.
    pub key: Key,
}

/// A running sandbox. [`Sandbox::stop`] ends its machines; dropping it ends them without waiting.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// The shared part of the connections.
#[derive(Debug)]
pub(super) struct Shared {
    pub options: Options,
    address: SocketAddr,
    /// By the machine's clock.
    pub since: Timestamp,
    regions: Mutex<BTreeMap<String, Arc<Region>>>,
    /// Set when the sandbox is asked to end.
    pub ending: watch::Sender<bool>,
}

/// The largest request that is read.
const LARGEST: usize = 8 << 20;
/// Timeout of a request's head, from the answer before it. Clients keep a connection for 90 s at most
/// (hyper's and so the AWS SDK's default), so theirs ends first.
const HEAD_WITHIN: Duration = Duration::from_secs(100);
/// Timeout of its body.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// Time to wait if the system has no more sockets.
const RETRY: Duration = Duration::from_millis(50);
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

    /// The deliberate faults; more may be added at any time.
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

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits until a control call asks it to end.
    pub async fn asked_to_end(&self) {
        let mut ending = self.shared.ending.subscribe();
        let _ = ending.wait_for(|ending| *ending).await;
    }

    /// Ends all machines and sockets; the folder stays.
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

/// Removes a sandbox's data in its folder: regions, and the state of the stacks made in them. No sandbox may
/// be running in it.
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
    let connections = Connections::within_limits();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.serve(|requests| serve(stream, shared.clone(), requests)),
            // Out of descriptors, or a connection that ended before it was accepted.
            Err(_) => clock::sleep(RETRY).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, requests: Requests) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let (shared, answered) = (shared.clone(), requests.begin());
        async move {
            let _answered = answered;
            answer(shared, request).await
        }
    });
    // A client that goes away in the middle does not matter. A handler's error ends the connection, which
    // simulates a lost answer.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

/// The answer is lost: the connection ends without one.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Silence;

async fn answer(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Silence> {
    let (head, body) = request.into_parts();
    if let Some(reason) = door::turned_away(&head) {
        return Ok(plain(StatusCode::FORBIDDEN, reason));
    }
    let is_control = head.uri.path().starts_with(control::PREFIX);
    let distrusted = |distrust: &Distrust| match is_control {
        true => plain(StatusCode::FORBIDDEN, &door::hint(distrust)),
        false => api::distrusted(&head, distrust),
    };
    let key = &shared.options.key;
    if let Err(distrust) = key.may_have_signed(&head.headers) {
        return Ok(distrusted(&distrust));
    }
    let body = tokio::select! {
        body = Limited::new(body, LARGEST).collect() => body,
        () = clock::sleep(BODY_WITHIN) => return Ok(plain(StatusCode::REQUEST_TIMEOUT, "the request's body is late")),
    };
    let Ok(body) = body else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"));
    };
    let body = body.to_bytes();
    if let Err(distrust) = key.has_signed(&head, &body) {
        return Ok(distrusted(&distrust));
    }
    if let Some(path) = head.uri.path().strip_prefix(control::PREFIX) {
        return Ok(control::answer(&shared, &head.method, path, head.uri.query(), &body).await);
    }
    api::answer(&shared, &head.method, &head.headers, &head.uri, &body).await.ok_or(Silence)
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
