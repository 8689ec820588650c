//! A moto server over real HTTP: a control plane that nobody here wrote.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Mutex;

use crate::kit::product::post;

/// A server that nobody else uses and that holds nothing. It goes back to the pool when dropped.
pub struct Moto {
    server: Option<Server>,
    pub endpoint: String,
}

/// Servers that nobody uses now: one is started only where all are taken, and none is started twice.
static FREE: Mutex<Vec<Server>> = Mutex::new(Vec::new());

/// A server, gone when this process ends, however it ends.
struct Server {
    endpoint: String,
    /// The input of a shell that ends the server when it is closed.
    _held: ChildStdin,
}

const WATCH: &str = r#""$0" "$@" & server=$!; exec 2>&-; cat >/dev/null; kill "$server"; wait "$server""#;

/// The server, and what it lacks.
const SERVE: &str = include_str!("moto/serve.py");

impl Moto {
    /// A server with no account's resources but the default VPC and Amazon's images.
    pub fn take() -> Self {
        let free = FREE.lock().expect("nobody panics with it").pop();
        let server = free.unwrap_or_else(Server::start);
        Self { endpoint: server.endpoint.clone(), server: Some(server) }
    }

    /// Takes everything away that was made in it.
    pub fn reset(&self) {
        let answer = post(&self.endpoint, "/moto-api/reset", "", "");
        assert!(answer.contains(" 200 "), "{answer}");
    }
}

impl Server {
    fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let binary = target.join("moto/bin/python");
        assert!(binary.exists(), "no moto server: run tests/moto first");
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH])
            .arg(binary)
            .args(["-c", SERVE])
            .env("MOTO_ENABLE_AMI_VALIDATION", "1")
            // Certificates are issued as soon as they are looked at.
            .env("MOTO_ACM_VALIDATION_WAIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut lines = BufReader::new(watcher.stderr.take().expect("stderr is piped")).lines();
        let endpoint = loop {
            let line = lines.next().expect("moto says where it listens").expect("text");
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.trim().to_owned();
            }
        };
        // Its log goes on; nobody reading it would fill the pipe.
        let held = watcher.stdin.take().expect("stdin is piped");
        std::thread::spawn(move || {
            lines.for_each(drop);
            let _ = watcher.wait();
        });
        Self { endpoint, _held: held }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // A test that failed may have left a server that does not answer.
        if std::thread::panicking() {
            return;
        }
        self.reset();
        FREE.lock().expect("nobody panics with it").extend(self.server.take());
    }
}
