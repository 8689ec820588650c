//! A moto server over real HTTP: a control plane that nobody here wrote.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A server of its own, gone when dropped or when this process ends, however it ends.
pub struct Moto {
    /// A shell that ends the server when its own input is closed.
    watcher: Child,
    pub endpoint: String,
}

const WATCH: &str = r#""$0" "$@" & server=$!; exec 2>&-; cat >/dev/null; kill "$server"; wait "$server""#;

/// The server, and what it lacks.
const SERVE: &str = include_str!("moto/serve.py");

impl Moto {
    /// Starts a server with no account's resources but the default VPC and Amazon's images.
    pub fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let binary = target.join("moto/bin/python");
        assert!(binary.exists(), "no moto server: run tests/moto first");
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH])
            .arg(binary)
            .args(["-c", SERVE])
            .env("MOTO_ENABLE_AMI_VALIDATION", "1")
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
        std::thread::spawn(move || lines.for_each(drop));
        Self { watcher, endpoint }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}
