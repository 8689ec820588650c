//! A sandbox in this process: a region with machines that run and a balancer that carries traffic.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use bgform::clock::Clock;
use bgform::sandbox::faults::Faults;
use bgform::sandbox::key::Key;
use bgform::sandbox::pace::Pace;
use bgform::sandbox::state::{Network, State};
use bgform::sandbox::{Options, Sandbox};
use tokio::sync::oneshot;

use crate::kit::product::program;

/// The key of the tests' sandboxes, which moto takes too.
pub fn key() -> Key {
    Key::new("test", "test")
}

/// A sandbox of its own, on a thread of its own, gone with all its processes when dropped.
pub struct Local {
    pub endpoint: String,
    pub folder: PathBuf,
    /// What goes wrong in it; may be set at any time.
    pub faults: Arc<Faults>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Local {
    /// With these faults, on a real clock.
    pub fn start(faults: &[&str]) -> Self {
        Self::with(faults, Clock::real())
    }

    pub fn with(faults: &[&str], clock: Clock) -> Self {
        Self::within(tempfile::tempdir().expect("a folder"), faults, clock)
    }

    /// As on a system that has only 127.0.0.1: everything has a port of its own there.
    pub fn on_one_address() -> Self {
        let kept = tempfile::tempdir().expect("a folder");
        let region = kept.path().join("us-east-1");
        let state =
            State::new("us-east-1", Network::Ports { first: 19_000 }, Pace::default(), bgform::clock::now());
        std::fs::create_dir(&region).expect("a folder");
        let file = std::fs::File::create(region.join("state.json")).expect("a file");
        serde_json::to_writer(file, &state).expect("a state");
        Self::within(kept, &[], Clock::real())
    }

    /// In this folder, which may have the state of an earlier one.
    fn within(kept: tempfile::TempDir, faults: &[&str], clock: Clock) -> Self {
        let folder = kept.path().to_path_buf();
        let set = faults.iter().map(|fault| fault.parse().expect("a fault"));
        let faults = Arc::new(Faults::new(clock.clone(), set));
        let options = Options {
            folder: folder.clone(),
            port: 0,
            clock,
            pace: Pace::default(),
            faults: faults.clone(),
            program: program(),
            key: key(),
        };
        let (started, endpoint) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let sandbox = Sandbox::start(options).await.expect("a sandbox");
                started.send(sandbox.endpoint()).expect("somebody waits");
                let _ = ended.await;
                sandbox.stop().await;
            });
        });
        let endpoint = endpoint.recv().expect("it starts");
        Self { endpoint, folder, faults, end: Some(end), thread: Some(thread), _folder: kept }
    }

    /// The calls so far, a line each: time, service, action, outcome.
    pub fn calls(&self) -> String {
        std::fs::read_to_string(self.folder.join("us-east-1/calls.log")).unwrap_or_default()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
