//! The sandbox's own process: takes the folder, serves, ends in order.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::home::{Held, Home, Record, Standing, refused};
use crate::cli::CliError;
use crate::clock::{self, Clock};
use crate::sandbox::control::{CallError, Client};
use crate::sandbox::faults::{Fault, Faults};
use crate::sandbox::key::Key;
use crate::sandbox::pace::Pace;
use crate::sandbox::region::OpenError;
use crate::sandbox::{Options, Sandbox, StartError};

/// The parameters of a daemon.
#[derive(Debug, Clone)]
pub struct Start {
    pub home: Home,
    pub port: u16,
    pub speed: f64,
    pub faults: Vec<Fault>,
}

/// The message of a background daemon to its starter: one line on its standard output.
#[derive(Debug, Serialize, Deserialize)]
pub enum Word {
    Ready(Record),
    Failed { code: String, message: String, help: String },
}

/// Runs until a signal or a control call ends it. Calls `ready` with its addresses.
pub async fn run(start: Start, ready: impl FnOnce(&Record)) -> Result<(), CliError> {
    let home = start.home.clone();
    let Some(held) = home.hold().await? else {
        return Err(match home.standing() {
            Standing::Runs(record) => refused(
                "bgform::sandbox::runs",
                format!("a sandbox runs in {} already, at {}", home.folder.display(), record.endpoint()),
                "`bgform sandbox down` ends it",
            ),
            _ => home.running().err().unwrap_or_else(|| {
                refused("bgform::sandbox::starts", "another sandbox was just there", "try again in a moment")
            }),
        });
    };
    // Before the machines, so that a signal in between leaves none to end.
    let mut signals = Signals::listen()?;
    more_files();
    let result = serve(start, &home, &held, &mut signals, ready).await;
    held.forget()?;
    result
}

async fn serve(
    start: Start,
    home: &Home,
    held: &Held,
    signals: &mut Signals,
    ready: impl FnOnce(&Record),
) -> Result<(), CliError> {
    let (started, key) = (clock::now(), held.key()?);
    let clock = Clock::scaled_since(start.speed, started);
    let options = Options {
        folder: home.folder.clone(),
        port: start.port,
        faults: Arc::new(Faults::new(clock.clone(), start.faults)),
        clock,
        pace: Pace::default(),
        program: program()?,
        key,
    };
    // The record of a killed daemon would be taken for this one's.
    held.forget()?;
    let sandbox = match Sandbox::start(options).await {
        Ok(sandbox) => sandbox,
        Err(error) => return Err(told(error).await),
    };
    let record = Record {
        pid: std::process::id(),
        port: sandbox.address().port(),
        started,
        speed: start.speed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if let Err(error) = held.record(&record) {
        sandbox.stop().await;
        return Err(error);
    }
    ready(&record);
    tokio::select! {
        () = sandbox.asked_to_end() => {}
        () = signals.any() => {}
    }
    // A second signal does not wait for machines that will not end.
    tokio::select! {
        () = sandbox.stop() => {}
        () = signals.any() => {}
    }
    Ok(())
}

/// SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn listen() -> Result<Self, CliError> {
        let failed = |error: std::io::Error| {
            refused("bgform::sandbox::signals", format!("signals cannot be listened to: {error}"), "")
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    pub async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// This binary, which is also the service of the base images.
pub fn program() -> Result<std::path::PathBuf, CliError> {
    std::env::current_exe().map_err(|error| {
        refused("bgform::sandbox::program", format!("bgform does not find its own file: {error}"), "")
    })
}

/// Raises the limit of open files to the system's maximum: each connection is a file.
pub fn more_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With the old limit it works for fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Why a sandbox does not start, and the remedy.
pub async fn told(error: StartError) -> CliError {
    let message = error.to_string();
    match error {
        StartError::Port { port, .. } if TcpListener::bind(("127.0.0.1", port)).is_ok() => {
            // The port was in use a moment ago.
            refused("bgform::sandbox::port", message, "try again")
        }
        StartError::Port { port, .. } => {
            // No sandbox trusts a new key; a refusal shows that a sandbox is there.
            let stranger = Client { patience: Duration::from_secs(2), ..Client::new(port, Key::random()) };
            let (by, help) = match stranger.status().await {
                Err(CallError::Refused { status: 403, .. }) => (
                    "another sandbox",
                    "use that one with --dir and its folder, or take another port: --port 4578",
                ),
                _ => ("another program", "take another port: --port 4578"),
            };
            match port < 1024 {
                true => refused("bgform::sandbox::port", message, "take a port above 1023"),
                false => refused(
                    "bgform::sandbox::port",
                    format!("port {port} of 127.0.0.1 is in use by {by}"),
                    help,
                ),
            }
        }
        StartError::Open(OpenError::State { .. }) => refused(
            "bgform::sandbox::state",
            message,
            "restore the file, or begin anew: `bgform sandbox reset` removes it",
        ),
        StartError::Open(OpenError::NoRegion { .. }) => refused(
            "bgform::sandbox::state",
            message,
            "move the folder of that name out of the sandbox's folder",
        ),
        StartError::Open(OpenError::Folder { .. }) => {
            let help = "see to the folder (`df -h` shows the disk it is on), or name another with --dir";
            refused("bgform::sandbox::folder", message, help)
        }
        StartError::Open(OpenError::Network { .. }) => refused(
            "bgform::sandbox::network",
            message,
            "end the other one (`bgform sandbox down --dir DIR`), or reset this one",
        ),
    }
}

/// Prints one [`Word`]. The starter may be gone.
pub fn say(word: &Word) {
    let mut out = std::io::stdout().lock();
    let text = serde_json::to_string(word).unwrap_or_default();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
