//! A moto server over real HTTP: a control plane that nobody here wrote.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A server of its own, gone when dropped.
pub struct Moto {
    server: Child,
    pub endpoint: String,
}

impl Moto {
    /// Starts a server with no account's resources but the default VPC and Amazon's images.
    pub fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let binary = target.join("moto/bin/moto_server");
        assert!(binary.exists(), "no moto server: run tests/moto first");
        let mut server = Command::new(binary)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("MOTO_ENABLE_AMI_VALIDATION", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut lines = BufReader::new(server.stderr.take().expect("stderr is piped")).lines();
        let endpoint = loop {
            let line = lines.next().expect("moto says where it listens").expect("text");
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.trim().to_owned();
            }
        };
        // Its log goes on; nobody reading it would fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { server, endpoint }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
