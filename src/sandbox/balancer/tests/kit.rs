//! A balancer under test, backends behind it, a client before it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

use super::super::config::*;
use super::super::{Balancer, Report, Setup};
use crate::clock::{self, Clock};
use crate::faults::{Fault, Faults};
use crate::log::Log;
use crate::region;

pub type Rule = super::super::config::Rule;

/// The bound of its access log, in bytes.
pub const ACCESS_LOG: u64 = 16 << 10;

/// A balancer, its reports, and its config to change.
pub struct Rig {
    pub balancer: Balancer,
    pub reports: mpsc::UnboundedReceiver<region::Report>,
    pub config: Config,
    pub address: SocketAddr,
    pub clock: Clock,
    pub faults: Arc<Faults>,
    pub folder: tempfile::TempDir,
}

impl Rig {
    /// Serves groups with one rule over all, at these weights.
    pub async fn new(clock: Clock, groups: Vec<(Group, u32)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, reports) = mpsc::unbounded_channel();
        let faults = Arc::new(Faults::new(clock.clone(), []));
        let balancer = Balancer::start(Setup {
            clock: clock.clone(),
            faults: faults.clone(),
            metrics: Arc::default(),
            reports: sender,
            access_log: Log::new(folder.path().join("access.log"), ACCESS_LOG),
        });
        let address = free_address().await;
        let weights: Vec<_> = groups.iter().map(|(group, weight)| (group.arn.as_str(), *weight)).collect();
        let listener = listener(address, vec![default_rule(forward(&weights))]);
        let groups = groups.into_iter().map(|(group, _)| (group.arn.clone(), Arc::new(group))).collect();
        let config = Config { listeners: vec![listener], groups };
        let rig = Self { balancer, reports, config, address, clock, faults, folder };
        rig.publish();
        rig
    }

    pub fn publish(&self) {
        self.balancer.publish(Arc::new(self.config.clone()));
    }

    pub fn fault(&self, text: &str) {
        self.faults.add(text.parse::<Fault>().unwrap());
    }

    pub fn change_group(&mut self, arn: &str, change: impl FnOnce(&mut Group)) {
        change(Arc::make_mut(self.config.groups.get_mut(arn).unwrap()));
        self.publish();
    }

    pub fn weigh(&mut self, weights: &[(&str, u32)]) {
        self.config.listeners[0].rules = vec![default_rule(forward(weights))];
        self.publish();
    }

    /// Waits for the next report that `wanted` takes.
    pub async fn report<T>(&mut self, wanted: impl Fn(Report) -> Option<T>) -> T {
        let found = async {
            loop {
                let region::Report::Balancer(report) = self.reports.recv().await.unwrap() else { continue };
                if let Some(found) = wanted(report) {
                    return found;
                }
            }
        };
        soon(found).await
    }

    /// Waits until this many targets of a group are healthy.
    pub async fn healthy(&self, arn: &str, count: u64) {
        let balancer = &self.balancer;
        soon(async {
            while balancer.traffic().groups[arn].healthy != count {
                clock::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub async fn client(&self) -> Client {
        Client::to(self.address).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.client().await.get(path).await
    }
}

/// Far longer than anything here takes.
pub async fn soon<F: Future>(future: F) -> F::Output {
    super::super::plane::within(Duration::from_secs(20), future).await.expect("it takes too long")
}

pub async fn free_address() -> SocketAddr {
    let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    socket.local_addr().unwrap()
}

pub fn listener(address: SocketAddr, rules: Vec<Rule>) -> Listener {
    Listener {
        arn: "listener".into(),
        balancer: "app/edge/1".into(),
        address,
        protocol: Protocol::Http,
        port: 80,
        idle_timeout: Duration::from_secs(60),
        client_keep_alive: Duration::from_secs(3600),
        forwarded_for: ForwardedFor::Append,
        preserve_host: false,
        drop_invalid_headers: false,
        desync: Desync::Defensive,
        rules,
    }
}

pub fn default_rule(action: Action) -> Rule {
    Rule { arn: "rule".into(), conditions: Vec::new(), unauthenticated: None, action }
}

pub fn forward(weights: &[(&str, u32)]) -> Action {
    let groups = weights.iter().map(|(arn, weight)| ((*arn).to_owned(), *weight)).collect();
    Action::Forward { groups, stickiness: None }
}

pub fn group(arn: &str, targets: &[SocketAddr]) -> Group {
    Group {
        arn: arn.into(),
        suffix: format!("targetgroup/{arn}/1"),
        protocol: Protocol::Http,
        is_http1: true,
        check: HealthCheck {
            enabled: true,
            protocol: Protocol::Http,
            port: None,
            path: "/health".into(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            healthy_threshold: 3,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        },
        slow_start: Duration::ZERO,
        stickiness: None,
        algorithm: Algorithm::RoundRobin,
        fail_open_below: 1,
        targets: targets.iter().map(|address| target(*address)).collect(),
    }
}

pub fn target(address: SocketAddr) -> Target {
    let id = format!("i-{}", address.port());
    Target {
        key: TargetKey { id: id.clone(), port: 80 },
        address,
        check_address: address,
        draining: false,
        down: false,
        labels: Arc::new([id]),
    }
}

/// A backend that answers with its name. `/health` answers `health`, `/hang` never answers, `/echo` answers
/// with the body, `/head` with the request's head, `/status/N` with that status, `/stream` with the data of
/// `chunks`.
pub struct Backend {
    pub address: SocketAddr,
    pub health: Arc<AtomicU16>,
    pub requests: Arc<AtomicU64>,
    pub chunks: mpsc::Sender<Bytes>,
}

impl Backend {
    pub async fn new(name: &'static str) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (chunks, stream) = mpsc::channel(10);
        let stream = Arc::new(Mutex::new(stream));
        let backend = Self {
            address: socket.local_addr().unwrap(),
            health: Arc::new(AtomicU16::new(200)),
            requests: Arc::default(),
            chunks,
        };
        let (health, requests) = (backend.health.clone(), backend.requests.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = socket.accept().await {
                let (health, requests, stream) = (health.clone(), requests.clone(), stream.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (health, requests, stream) = (health.clone(), requests.clone(), stream.clone());
                    async move {
                        if request.uri().path() == "/health" {
                            return Ok(whole(health.load(SeqCst), ""));
                        }
                        requests.fetch_add(1, SeqCst);
                        Ok::<_, Infallible>(answer(name, request, stream).await)
                    }
                });
                let io = TokioIo::new(socket);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        backend
    }
}

type Chunks = Arc<Mutex<mpsc::Receiver<Bytes>>>;

async fn answer(
    name: &'static str,
    request: Request<Incoming>,
    chunks: Chunks,
) -> Response<BoxBody<Bytes, hyper::Error>> {
    match request.uri().path() {
        "/hang" => std::future::pending().await,
        "/echo" => Response::new(request.into_body().boxed()),
        "/head" => whole(200, &format!("{:?}", request.headers())),
        "/stream" => {
            let frames = futures_util::stream::unfold(chunks, |chunks| async move {
                let chunk = chunks.lock().await.recv().await?;
                (!chunk.is_empty()).then_some((Ok(Frame::data(chunk)), chunks))
            });
            Response::new(StreamBody::new(Box::pin(frames)).boxed_sync())
        }
        path => match path.strip_prefix("/status/") {
            Some(status) => whole(status.parse().unwrap(), name),
            None => whole(200, name),
        },
    }
}

trait BoxedSync {
    fn boxed_sync(self) -> BoxBody<Bytes, hyper::Error>;
}

impl<B: hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static> BoxedSync for B {
    fn boxed_sync(self) -> BoxBody<Bytes, hyper::Error> {
        self.map_err(|never| match never {}).boxed()
    }
}

fn whole(status: u16, text: &str) -> Response<BoxBody<Bytes, hyper::Error>> {
    let body = Full::new(Bytes::from(text.to_owned())).boxed_sync();
    Response::builder().status(status).body(body).unwrap()
}

/// A client with one connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Client {
    pub async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(Request::get(path)).await
    }

    pub async fn ask(&mut self, request: hyper::http::request::Builder) -> Answer {
        self.send(request, "").await
    }

    pub async fn send(&mut self, request: hyper::http::request::Builder, body: &str) -> Answer {
        let response = self.begin(request, body).await;
        let (head, body) = response.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8(text.into()).unwrap() }
    }

    pub async fn begin(&mut self, request: hyper::http::request::Builder, body: &str) -> Response<Incoming> {
        soon(async {
            self.sender.ready().await.unwrap();
            let given = request.headers_ref().is_some_and(|headers| headers.contains_key("host"));
            let request = match given {
                true => request,
                false => request.header("host", self.address.to_string()),
            };
            let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
            self.sender.send_request(request).await.unwrap()
        })
        .await
    }
}
