//! Processes of machines, identified by their environment and by the machine's process group.
//!
//! A process number alone proves nothing, since numbers are reused. A group counts as the machine's only
//! while its first process is the one that was started, by its start time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::Child;

use crate::clock;

/// In the environment of everything on a machine: `ROOT/INSTANCE_ID`.
pub const MACHINE: &str = "BGFORM_SANDBOX_MACHINE";
/// In the environment of everything that a command started: its id.
pub const COMMAND: &str = "BGFORM_SANDBOX_COMMAND";
/// In the environment of everything that one run of a sandbox started: a random text.
pub const RUN: &str = "BGFORM_SANDBOX_RUN";

/// A variable and its value, which identify processes.
#[derive(Debug, Clone)]
pub enum Mark {
    /// Exactly so.
    Is(&'static str, String),
    /// Any machine of this root.
    Root(PathBuf),
}

impl Mark {
    #[cfg(target_os = "linux")]
    fn in_environment(&self, environment: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let mut pairs = environment.split(|byte| *byte == 0);
        match self {
            Mark::Is(name, value) => pairs.any(|pair| {
                let pair = pair.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
                pair == Some(value.as_bytes())
            }),
            Mark::Root(root) => pairs.any(|pair| {
                let path = pair.strip_prefix(MACHINE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
                let id = path
                    .and_then(|path| path.strip_prefix(root.as_os_str().as_bytes()))
                    .and_then(|rest| rest.strip_prefix(b"/"));
                id.is_some_and(|id| !id.contains(&b'/'))
            }),
        }
    }
}

/// Signals all processes with this mark (`None`: only counts them) and returns their number. Only Linux can
/// find them.
#[cfg(target_os = "linux")]
fn signal_marked(mark: &Mark, signal: Option<Signal>) -> usize {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let own = std::process::id();
    let mut found = 0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if number.unsigned_abs() == own {
            continue;
        }
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if !mark.in_environment(&environment) {
            continue;
        }
        // The descriptor belongs to one process; the mark is read again to be sure it is the intended one.
        let Some(process) = Pid::from_raw(number).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        else {
            continue;
        };
        let still = std::fs::read(entry.path().join("environ"));
        if still.is_ok_and(|environment| mark.in_environment(&environment))
            && signal.is_none_or(|signal| pidfd_send_signal(&process, signal).is_ok())
        {
            found += 1;
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn signal_marked(_mark: &Mark, _signal: Option<Signal>) -> usize {
    0
}

/// A process group, by its first process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pid: i32,
    /// The run of the sandbox that started it.
    run: String,
    /// When its first process began, as the system writes it.
    began: String,
}

impl Group {
    /// Of a child that was just started and is not waited for yet.
    pub fn of(pid: u32, run: &str) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        Some(Self { pid, run: run.to_owned(), began: began(pid)? })
    }

    /// Parses a file of [`Group::note`]; `None` if it does not exist or is incomplete.
    pub fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let mut words = text.strip_suffix('\n')?.splitn(3, ' ');
        let (pid, run, began) = (words.next()?, words.next()?, words.next()?);
        Some(Self { pid: pid.parse().ok()?, run: run.to_owned(), began: began.to_owned() })
    }

    /// Writes it down for [`Group::read`] and the keeper: `PID RUN BEGAN`.
    pub fn note(&self, path: &Path) -> io::Result<()> {
        super::folder::put(path, format!("{} {} {}\n", self.pid, self.run, self.began).as_bytes())
    }

    /// Signals the group, if its first process is still the one that was started (a child that ended counts
    /// until it is waited for).
    pub fn signal(&self, signal: Signal) {
        let ours = match began(self.pid) {
            Some(began) => began == self.began,
            // Where processes carry no marks, the rest of the group is the only evidence.
            None => cfg!(not(target_os = "linux")),
        };
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| ours) {
            // It may have ended in between.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

/// The exit code as a shell has it: 128 and the signal's number where one ended the process.
pub fn code(status: std::process::ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    status.code().or(status.signal().map(|signal| 128 + signal))
}

/// How often it is looked whether processes have ended.
const LOOK: Duration = Duration::from_millis(20);
/// Time for a process to end after SIGKILL before it is left to the system.
const LEAVE: Duration = Duration::from_secs(5);

/// Ends the processes with the mark and those of `child`'s group. Sends SIGTERM first, if there is a `grace`
/// (in real time), and SIGKILL to those left after it. Returns when they are gone.
pub async fn end(mark: &Mark, group: Option<&Group>, mut child: Option<&mut Child>, grace: Duration) {
    let mut signal = Signal::TERM;
    if grace.is_zero() {
        signal = Signal::KILL;
    }
    let begun = clock::monotonic();
    send(mark, group, Some(signal)).await;
    loop {
        let past = clock::monotonic().saturating_sub(begun);
        if past > grace + LEAVE {
            return;
        }
        let kill = past >= grace;
        if kill {
            send(mark, group, Some(Signal::KILL)).await;
        }
        let ended = match child.as_deref_mut() {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => true,
        };
        if ended && send(mark, None, None).await == 0 {
            return;
        }
        clock::sleep(LOOK).await;
    }
}

/// Ends leftovers of earlier runs of a root: every process with its mark, every group recorded in it.
pub async fn end_leftovers(root: &Path) {
    for group in noted(root).iter().filter_map(|path| Group::read(path)) {
        group.signal(Signal::KILL);
    }
    end(&Mark::Root(root.to_owned()), None, None, Duration::ZERO).await;
}

/// The files of a root that groups may be written down in.
fn noted(root: &Path) -> Vec<PathBuf> {
    let list = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let machines = list(root.join("instances")).map(|entry| entry.path());
    machines
        .flat_map(|machine| {
            let commands = list(machine.join("commands")).map(|entry| entry.path());
            std::iter::once(machine.join("pid")).chain(commands).collect::<Vec<_>>()
        })
        .collect()
}

async fn send(mark: &Mark, group: Option<&Group>, signal: Option<Signal>) -> usize {
    let (mark, group) = (mark.clone(), group.cloned());
    let sent = tokio::task::spawn_blocking(move || {
        if let (Some(group), Some(signal)) = (group, signal) {
            group.signal(signal);
        }
        signal_marked(&mark, signal)
    });
    sent.await.unwrap_or(0)
}

/// When a process began: field 22 of its stat, in ticks since the system's start.
#[cfg(target_os = "linux")]
fn began(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets and may be anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn began(pid: i32) -> Option<String> {
    let output =
        std::process::Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
