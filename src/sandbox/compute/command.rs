//! Shell commands on machines (AWS-RunShellScript).

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::image::describe;
use super::process::{self, Group, Mark};
use super::shared::Shared;
use super::{CommandToRun, Machine, Report, machine};
use crate::clock;

/// As much of the output is kept as Systems Manager tells, and a bit more, so that it is seen that
/// there was more. In bytes.
const KEPT: usize = 100_000;
/// Time to wait for the output of an ended script, whose pipe a left-behind process may hold open; in real
/// time.
const DRAIN: Duration = Duration::from_millis(200);

/// The supervisor's handle of a command.
#[derive(Debug)]
pub struct Handle {
    pub cancel: Arc<Notify>,
    pub machine: String,
    pub task: tokio::task::JoinHandle<()>,
}

/// Starts a command, unless it was started before. `machine` is `None` if it does not run.
pub fn start(shared: Arc<Shared>, command: CommandToRun, machine: Option<Arc<Machine>>) -> Handle {
    let cancel = Arc::<Notify>::default();
    let (name, cancelled) = (command.instance.clone(), cancel.clone());
    let task = tokio::spawn(async move {
        let ended = run(&shared, &command, machine.as_deref(), &cancelled).await;
        let (exit, stdout, stderr) = ended.unwrap_or_else(|why| (Some(NOT_RUN), String::new(), why));
        shared.report(Report::CommandEnded { command: command.id, exit, stdout, stderr });
    });
    Handle { cancel, machine: name, task }
}

/// The exit code of a command that did not run, or whose end was not observed.
pub const NOT_RUN: i32 = -1;
/// The exit code of a command that was cancelled.
const CANCELLED: i32 = 128 + 9;

/// The file that marks a command as started.
pub fn note(shared: &Shared, machine: &str, command: &str) -> PathBuf {
    shared.machine(machine).join("commands").join(command)
}

/// Exit code, stdout and stderr; `Err`: why it did not run.
async fn run(
    shared: &Shared,
    command: &CommandToRun,
    machine: Option<&Machine>,
    cancelled: &Notify,
) -> Result<(Option<i32>, String, String), String> {
    let machine = machine.ok_or("the instance does not run")?;
    let note = note(shared, &machine.id, &command.id);
    if note.exists() {
        return Err("the sandbox ended while the command ran".to_owned());
    }
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "the instance has no folder".to_owned(),
        _ => describe(&error, "the command cannot be started"),
    };
    std::fs::create_dir_all(note.with_file_name("")).map_err(failed)?;
    std::fs::File::create(&note).map_err(failed)?;
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(&command.script)
        .current_dir(shared.machine_root(&machine.id))
        .env_clear()
        .envs(machine::environment(shared, machine))
        .env(process::COMMAND, &command.id)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let group = child.id().and_then(|pid| Group::of(pid, &shared.run));
    if let Some(group) = &group {
        // On Linux it is found without.
        let _ = group.note(&note);
    }
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let exit = wait(shared, command, &mut child, group.as_ref(), cancelled).await;
    let until = clock::monotonic() + DRAIN;
    Ok((exit, stdout.text(until).await, stderr.text(until).await))
}

async fn wait(
    shared: &Shared,
    command: &CommandToRun,
    child: &mut Child,
    group: Option<&Group>,
    cancelled: &Notify,
) -> Option<i32> {
    let ended = tokio::select! {
        status = child.wait() => return process::code(status.ok()?),
        () = shared.setup.clock.sleep(command.timeout) => None,
        () = cancelled.notified() => Some(CANCELLED),
    };
    let mark = Mark::Is(process::COMMAND, command.id.clone());
    process::end(&mark, group, Some(child), Duration::ZERO).await;
    ended
}

/// Collects output. It is read to its end, so that no writer has to wait or is killed.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reading: tokio::task::JoinHandle<()>,
}

fn collect(pipe: Option<impl AsyncRead + Unpin + Send + 'static>) -> Output {
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let kept = bytes.clone();
    let reading = tokio::spawn(async move {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(kept.len());
            kept.extend(buffer.iter().take(read.min(room)));
        }
    });
    Output { bytes, reading }
}

impl Output {
    /// The output at its end, or at `until` (in real time).
    async fn text(mut self, until: Duration) -> String {
        let left = until.saturating_sub(clock::monotonic());
        let _ = tokio::time::timeout(left, &mut self.reading).await;
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
