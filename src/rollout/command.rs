//! A gate's command: started, bounded in time, ended with every process that it started. One runs at a time
//! for each deployment on a machine. If bgform was killed, the next run waits until the earlier command ends.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};

use super::gate::{Ground, Verdict};
use crate::deployment::declaration::Gate;

/// Lines of a failed command's output that are shown.
const LINES: usize = 20;

/// A lock that a command inherits. The kernel releases it when the last process that holds it ends, so that
/// it outlives a killed bgform but no running process.
struct Turn {
    file: File,
    path: PathBuf,
}

impl Turn {
    /// # Errors
    /// `WouldBlock` while a command of an earlier run holds it; any other error if its folder cannot be made.
    fn take(deployment: &str) -> io::Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let states = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
        let folder = states.ok_or(io::ErrorKind::NotFound)?.join("bgform/gates");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // The keys of modules may hold any character.
        let plain = deployment.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let path = folder.join(match plain {
            true => deployment.to_owned(),
            false => hex::encode(Sha256::digest(deployment)),
        });
        loop {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&path)?;
            file.try_lock()?;
            // Another holder may have removed the file since it was opened.
            if std::fs::symlink_metadata(&path)
                .is_ok_and(|there| there.ino() == file.metadata().map_or(0, |own| own.ino()))
            {
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        // A process that left the command's group keeps the file open, and nothing waits for it.
        let _ = self.file.unlock();
    }
}

/// The processes of a command. None outlives its verdict.
struct Group {
    leader: Option<Pid>,
    _turn: Option<Turn>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // The group may have ended already.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Runs `command` with the `BGFORM_*` variables of `ground`, for as long as the gate may take.
pub(super) async fn run(command: &[String], gate: &Gate, ground: &Ground<'_>) -> Verdict {
    let Some((program, arguments)) = command.split_first() else {
        return Verdict::Failed("its command is empty".to_owned());
    };
    let turn = match Turn::take(&ground.deployment) {
        Ok(turn) => Some(turn),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Verdict::NotYet(
                "the command of a gate that a killed bgform left behind still runs on this machine; this one runs \
                 when that has ended"
                    .to_owned(),
            );
        }
        // Without a home folder, other runs cannot be detected.
        Err(_) => None,
    };
    let folder =
        if ground.folder.as_os_str().is_empty() { PathBuf::from(".") } else { ground.folder.clone() };
    let mut process = tokio::process::Command::new(program);
    process.args(arguments).current_dir(folder);
    ground.cloud.lead(&mut process);
    process
        .envs(ground.environment.iter().cloned())
        .stdin(Stdio::null())
        // An interrupt at the terminal goes to bgform, which lets the command end.
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let limit = Duration::from_secs(gate.timeout);
    let inherited = |flags| turn.as_ref().map(|turn| fcntl_setfd(&turn.file, flags));
    inherited(FdFlags::empty());
    let child = process.spawn();
    // No other child process inherits it.
    inherited(FdFlags::CLOEXEC);
    let child = match child {
        Ok(child) => child,
        Err(error) => return Verdict::Failed(format!("`{program}` cannot be run: {error}")),
    };
    // However the wait ends, it ends every process that the command started.
    let leader = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let _group = Group { leader, _turn: turn };
    let output = tokio::select! {
        output = child.wait_with_output() => output,
        () = ground.cloud.clock.sleep(limit) => {
            return Verdict::Failed(format!("`{program}` did not end within {}", crate::value::format_duration(limit)));
        }
    };
    match output {
        Err(error) => Verdict::Failed(format!("`{program}` cannot be waited for: {error}")),
        Ok(output) if output.status.success() => Verdict::Passed,
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = crate::secrets::hidden(&String::from_utf8_lossy(&said));
            let lines: Vec<&str> = said.lines().collect();
            let last: Vec<&str> = lines.iter().skip(lines.len().saturating_sub(LINES)).copied().collect();
            let shown = last.iter().map(|line| format!("\n  {line}"));
            Verdict::Failed(format!("`{program}` ended with {}{}", output.status, shown.collect::<String>()))
        }
    }
}
