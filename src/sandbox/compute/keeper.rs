//! The keeper: a process beside the sandbox that ends the machines when the sandbox is gone.
//!
//! The sandbox holds one end of a pipe that the keeper reads. However the sandbox ends, the system closes
//! that end, and the keeper kills the processes of the sandbox's run.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running keeper. Dropped without [`Keeper::dismiss`], it does its work.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
}

impl Keeper {
    /// Starts a keeper in a process group of its own, so that a terminal's signal to the sandbox does not end
    /// it too.
    pub fn start(root: &Path, run: &str) -> io::Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", include_str!("keeper.sh"), "bgform-keeper"])
            .arg(root)
            .arg(run)
            .env_clear()
            .env("PATH", super::machine::path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    /// Tells it that everything has ended, and waits for its own end.
    pub fn dismiss(mut self) {
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(b"end\n");
        }
        let _ = self.child.wait();
    }
}
