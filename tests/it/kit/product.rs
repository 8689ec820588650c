//! The real binary in a folder of its own, against a server.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_credential_types::Credentials;
use bgform::clock::Clock;
use bgform::cloud::{Cloud, Target};

use crate::kit::local::{Local, key};
use crate::kit::moto::Moto;
use crate::kit::wire::{Counted, Moment, Wire};

/// The binary that is tried: the one beside the tests, or a copy that no build takes away.
pub fn program() -> PathBuf {
    let other = std::env::var_os("BGFORM_TRIED").map(PathBuf::from);
    other.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_bgform")))
}

/// How a run of the binary ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The run, which must have ended with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        // Messages are wrapped; what they say is not.
        let flat = |text: &str| {
            let words =
                text.split_whitespace().filter(|word| !["│", "×", "╰─▶", "├─▶", "help:"].contains(word));
            words.collect::<Vec<_>>().join(" ")
        };
        assert!(
            flat(&all).contains(&flat(text)),
            "`{text}` is not said in\n--- out\n{}\n--- err\n{}",
            self.out,
            self.err
        );
        self
    }
}

/// A folder with stacks and state, and a server with a recorder before it.
pub struct Product {
    pub folder: tempfile::TempDir,
    pub wire: Wire,
    pub moto: Option<Moto>,
    pub local: Option<Local>,
    /// Held as long as the folder is that of a daemon on a fast clock.
    daemon: Option<File>,
}

impl Product {
    /// With a moto for itself that has the instance profile `bake`.
    pub fn on_moto() -> Self {
        let moto = Moto::take();
        make_instance_profile(&moto.endpoint, "bake");
        let wire = Wire::before(&moto.endpoint);
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            wire,
            moto: Some(moto),
            local: None,
            daemon: None,
        }
    }

    /// With a sandbox of its own in which these things go wrong.
    pub fn on_sandbox(faults: &[&str]) -> Self {
        Self::on(Local::start(faults))
    }

    /// With a sandbox whose clock is this many times as fast, and the binary's with it: to the binary the folder is
    /// that of a daemon, which tells its speed.
    pub fn on_fast_sandbox(speed: f64, faults: &[&str]) -> Self {
        let started = bgform::clock::now();
        let mut product = Self::on(Local::with(faults, Clock::scaled_since(speed, started)));
        let lock = File::create(product.path("sandbox.lock")).expect("a file");
        lock.try_lock().expect("nobody else has it");
        let port: u16 =
            product.wire.endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let record = serde_json::json!({
            "pid": std::process::id(), "port": port, "started": started, "speed": speed, "version": "tests",
        });
        product.write("sandbox.json", &record.to_string());
        let key = product.write("sandbox.key", &serde_json::to_string(&key()).expect("a key"));
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        product.daemon = Some(lock);
        product
    }

    pub fn on(local: Local) -> Self {
        let wire = Wire::before(&local.endpoint);
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            wire,
            moto: None,
            local: Some(local),
            daemon: None,
        }
    }

    /// In front of this sandbox from now on, at the endpoint that the wire had.
    pub fn behind(wire: &Wire, local: Local) -> Self {
        wire.lead_to(&local.endpoint);
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, wire: wire.clone(), moto: None, local: Some(local), daemon: None }
    }

    /// The same server with nothing in it but that profile, and a new folder.
    pub fn anew(self) -> Self {
        let moto = self.moto.as_ref().expect("a moto");
        moto.reset();
        make_instance_profile(&moto.endpoint, "bake");
        Self { folder: tempfile::tempdir().expect("a folder"), ..self }
    }

    /// With nothing that answers.
    pub fn alone() -> Self {
        let wire = Wire::before("127.0.0.1:9");
        Self { folder: tempfile::tempdir().expect("a folder"), wire, moto: None, local: None, daemon: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        #[allow(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A stack of the repository's, copied byte for byte.
    pub fn copy_stack(&self, name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks").join(name);
        self.write(name, &std::fs::read_to_string(path).expect("the stack"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", &self.wire.endpoint)
            // Reading all of the machine's certificates costs more than most commands do.
            .env("SSL_CERT_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/root.pem"))
            .stdin(Stdio::null());
        if self.daemon.is_some() {
            command.env_remove("AWS_ENDPOINT_URL");
            command.env("BGFORM_SANDBOX", "1").env("BGFORM_SANDBOX_DIR", self.folder.path());
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        ended(&mut self.command(args))
    }

    /// Begins to run it; what it says goes to files.
    pub fn begin(&self, args: &[&str]) -> Under {
        self.begin_as(&mut self.command(args))
    }

    /// The same of a command that was given more.
    pub fn begin_as(&self, command: &mut Command) -> Under {
        let paths = ["out", "err"].map(|name| self.path(name));
        let [out, err] = paths.each_ref().map(|path| Stdio::from(File::create(path).expect("a file")));
        let child = command.stdout(out).stderr(err).spawn().expect("the binary runs");
        Under { child, paths }
    }

    /// A bucket in the server, and a place in it for states.
    pub fn bucket(&self, name: &str) -> String {
        let moto = &self.moto.as_ref().expect("a moto").endpoint;
        make_bucket(moto, name);
        format!("s3://{name}/prod?endpoint={moto}")
    }

    /// SDK clients that go past the recorder.
    pub async fn cloud(&self) -> Cloud {
        let endpoints =
            [self.moto.as_ref().map(|moto| &moto.endpoint), self.local.as_ref().map(|local| &local.endpoint)];
        let endpoint = endpoints.into_iter().flatten().next().expect("a server").clone();
        let target = Target {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(endpoint),
            ..Target::default()
        };
        let anyone = Credentials::new("test", "test", None, None, "tests");
        Cloud::connect_as(Some(anyone), &target, Clock::real(), false).await.expect("a server")
    }
}

/// The binary under way.
pub struct Under {
    pub child: Child,
    paths: [PathBuf; 2],
}

impl Under {
    /// Waits until it has said this.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        let paths = self.paths.clone();
        self.until_so(text, || said(&paths).contains(text));
    }

    /// Waits until this holds, which is called `what`; it must before it ends.
    #[track_caller]
    pub fn until_so(&mut self, what: &str, holds: impl Fn() -> bool) {
        let began = bgform::clock::monotonic();
        while !holds() {
            let ended = self.child.try_wait().expect("a child");
            assert!(
                ended.is_none() && bgform::clock::monotonic().saturating_sub(began) < Duration::from_secs(90),
                "it did not come to `{what}`:\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn said(&self) -> String {
        said(&self.paths)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        // One that has ended by itself is no matter.
        let _ = rustix::process::kill_process(pid.expect("a process"), signal);
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Run {
        let began = bgform::clock::monotonic();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            let waits = bgform::clock::monotonic().saturating_sub(began);
            assert!(waits < Duration::from_secs(600), "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        };
        ran(status.code(), self.paths)
    }

    /// Its end, which is a SIGKILL around its call of this number, reads too, or its own.
    pub fn killed_around(self, wire: &Wire, at: usize, moment: Moment) -> Run {
        let killed = wire.kill_around(self.child, Counted::All, at, moment);
        ran(killed.err().flatten(), self.paths)
    }
}

/// What it said, and its exit code, unless a signal was its end.
fn ran(code: Option<i32>, paths: [PathBuf; 2]) -> Run {
    let [out, err] = paths.map(|path| std::fs::read_to_string(path).expect("it was written"));
    Run { code: code.unwrap_or(-1), out, err }
}

fn said(paths: &[PathBuf; 2]) -> String {
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect()
}

/// Runs a command to its end.
pub fn ended(command: &mut Command) -> Run {
    let output = command.output().expect("the binary runs");
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A bucket for states.
pub fn make_bucket(endpoint: &str, name: &str) {
    let authorization = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
                         SignedHeaders=host, Signature=none\r\n";
    let answer = request("PUT", endpoint, &format!("/{name}"), authorization, "");
    assert!(answer.contains(" 200 "), "{answer}");
}

/// What the examples name and no kind makes.
fn make_instance_profile(endpoint: &str, name: &str) {
    let body = format!("Action=CreateInstanceProfile&InstanceProfileName={name}&Version=2010-05-08");
    let authorization = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, \
                         SignedHeaders=host, Signature=none\r\n";
    let answer = post(endpoint, "/", authorization, &body);
    assert!(answer.contains(" 200 "), "{answer}");
}

pub fn post(endpoint: &str, path: &str, headers: &str, body: &str) -> String {
    request("POST", endpoint, path, headers, body)
}

/// One request past the recorder, and its whole answer.
pub fn request(method: &str, endpoint: &str, path: &str, headers: &str, body: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         {headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).expect("moto listens");
    stream.write_all(request.as_bytes()).expect("moto reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("moto answers");
    // Some protocols are no text.
    String::from_utf8_lossy(&answer).into_owned()
}
