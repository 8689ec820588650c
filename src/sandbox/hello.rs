//! The hello service: the smallest real one, which answers with its release. The base images boot
//! it.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::log;
use crate::clock;

/// Maximum delay of the log of requests.
const FLUSH: Duration = Duration::from_millis(25);
/// Time for open requests after SIGTERM.
const GRACE: Duration = Duration::from_millis(1500);

/// Serves until SIGTERM; requests that are open then are still answered.
///
/// `GET /`, and all below `below` where that is set, answers `hello from RELEASE on INSTANCE_ID (ZONE)`, `GET /healthz` answers `ok`; both
/// have the header `X-Release`, which is the content of the file `release` in `folder`, or the variable `RELEASE`. Each request
/// but those for `/healthz` is a line in `folder/requests.log`: `UNIX_MILLIS RELEASE
/// STATUS`. Beyond its bound the older lines are in `requests.log.1`, or gone.
pub async fn serve(host: IpAddr, port: u16, folder: PathBuf, below: Option<String>) -> io::Result<()> {
    let mut asked_to_end = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind((host, port)).await?;
    let service = Arc::new(Service { below, ..Service::of(&folder)? });
    let flushing = tokio::spawn(flush(service.clone()));
    // Each connection holds a receiver: closed when the last one has ended.
    let (ending, open) = watch::channel(false);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.pipeline_flush(true);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of descriptors, mostly: until some are given back.
                    clock::sleep(FLUSH).await;
                    continue;
                }
            },
            _ = asked_to_end.recv() => break,
        };
        // Small answers are not held back.
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let answer = service.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        let mut open = open.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                // A client that goes away does not matter.
                _ = &mut connection => return,
                _ = open.wait_for(|ending| *ending) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
    drop((listener, open));
    ending.send_replace(true);
    let _ = tokio::time::timeout(GRACE, ending.closed()).await;
    flushing.abort();
    service.log.flush()
}

struct Service {
    /// All paths that begin with this are answered as `/` is.
    below: Option<String>,
    release: String,
    header: HeaderValue,
    hello: Bytes,
    log: Log,
}

impl Service {
    fn of(folder: &Path) -> io::Result<Self> {
        let release = match std::fs::read_to_string(folder.join("release")) {
            Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let release =
            release.or_else(|| std::env::var("RELEASE").ok()).unwrap_or_else(|| "unreleased".to_owned());
        let told = |name: &str| std::env::var(name).unwrap_or_else(|_| "nowhere".to_owned());
        let hello =
            format!("hello from {release} on {} ({})\n", told("INSTANCE_ID"), told("AVAILABILITY_ZONE"));
        let header = HeaderValue::from_str(&release)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the release is no line of text"))?;
        let log = Log::to(&folder.join("requests.log"));
        Ok(Self { below: None, log, release, header, hello: hello.into() })
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_below = |path: &str| self.below.as_deref().is_some_and(|below| path.starts_with(below));
        let path = match request.uri().path() {
            path if is_below(path) => "/",
            path => path,
        };
        let (status, body) = match path {
            "/" | "/healthz" if !reads => (StatusCode::METHOD_NOT_ALLOWED, Bytes::from_static(b"only GET\n")),
            "/" => (StatusCode::OK, self.hello.clone()),
            "/healthz" => (StatusCode::OK, Bytes::from_static(b"ok")),
            _ => (StatusCode::NOT_FOUND, Bytes::from_static(b"not found\n")),
        };
        if request.uri().path() != "/healthz" {
            self.log.note(&self.release, status);
        }
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert("x-release", self.header.clone());
        response
    }
}

/// Lines that wait for the disk.
struct Log {
    lines: Mutex<Vec<u8>>,
    file: Mutex<log::Log>,
    /// Whether the unwritable file was already reported.
    failed: AtomicBool,
}

impl Log {
    fn to(path: &Path) -> Self {
        let file = Mutex::new(log::Log::new(path.to_owned(), log::LIMIT));
        Self { lines: Mutex::default(), file, failed: AtomicBool::new(false) }
    }

    fn note(&self, release: &str, status: StatusCode) {
        let at = clock::now().as_millisecond();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(lines, "{at} {release} {}", status.as_u16());
    }

    fn flush(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() { Ok(()) } else { file.append(&lines) }
    }
}

async fn flush(service: Arc<Service>) {
    loop {
        clock::sleep(FLUSH).await;
        let flushed = service.clone();
        let written = tokio::task::spawn_blocking(move || flushed.log.flush()).await;
        if let Ok(Err(error)) = written
            && !service.log.failed.swap(true, Ordering::Relaxed)
        {
            // Reported on the console once; it goes on answering.
            let _ = writeln!(io::stderr(), "requests.log cannot be written: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn all_below_a_path_is_answered_where_that_is_wanted() {
        let temp = tempfile::tempdir().unwrap();
        let service = Service { below: Some("/pay/".to_owned()), ..Service::of(temp.path()).unwrap() };
        let status = |path: &str| service.answer(&Request::get(path).body(()).unwrap()).status().as_u16();
        assert_eq!(["/", "/healthz", "/pay/x", "/payment"].map(status), [200, 200, 200, 404]);
    }

    #[tokio::test]
    async fn it_answers_with_its_release_and_logs_all_but_health_checks() {
        let temp = tempfile::tempdir().unwrap();
        let asked = |service: &Service, path: &str| service.answer(&Request::get(path).body(()).unwrap());
        let service = Service::of(temp.path()).unwrap();
        assert_eq!(asked(&service, "/").headers()["x-release"], "unreleased");
        std::fs::File::create(temp.path().join("release")).unwrap().write_all(b"B\n").unwrap();
        let service = Service::of(temp.path()).unwrap();
        let hello = asked(&service, "/").into_body().collect().await.unwrap().to_bytes();
        assert!(hello.starts_with(b"hello from B on "));
        assert_eq!(asked(&service, "/healthz").status(), StatusCode::OK);
        assert_eq!(asked(&service, "/other?x").status(), StatusCode::NOT_FOUND);
        service.log.flush().unwrap();
        let log = std::fs::read_to_string(temp.path().join("requests.log")).unwrap();
        let lines: Vec<_> = log.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(lines, ["B 200", "B 404"]);
    }
}
