//! The output of a machine's processes: read from a pipe, appended to `console.log`.
//!
//! The processes hold the pipe and not the file, so that the file's limit holds however fast they print: a
//! process that prints faster than the disk accepts must wait.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use super::shared::on_disk;
use crate::log::Log;

/// The bound of a machine's console, in bytes.
const LIMIT: u64 = 8 << 20;
/// Bytes of one read.
const PART: usize = 64 << 10;
/// Time to wait for the output of ended processes; a left-behind one may hold the pipe open. In real time.
const DRAIN: Duration = Duration::from_millis(200);

/// The console of one machine.
#[derive(Debug)]
pub struct Console {
    log: Arc<Mutex<Log>>,
    /// Of the last boot.
    reading: Option<JoinHandle<()>>,
}

impl Console {
    pub fn at(path: PathBuf) -> Self {
        Self { log: Arc::new(Mutex::new(Log::new(path, LIMIT))), reading: None }
    }

    /// Appends a line of the sandbox's own.
    pub fn say(&self, line: &str) -> io::Result<()> {
        append(&self.log, format!("{line}\n").as_bytes())
    }

    /// A pipe for the processes of a boot, read until the last of them has closed it.
    pub fn pipe(&mut self) -> io::Result<PipeWriter> {
        let (reader, writer) = io::pipe()?;
        let mut pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let log = self.log.clone();
        self.reading = Some(tokio::spawn(async move {
            let mut part = Vec::with_capacity(PART);
            while let Ok(1..) = pipe.read_buf(&mut part).await {
                let log = log.clone();
                let appended = on_disk(move || {
                    // Output that a full disk refuses is lost, and no process waits for it.
                    let _ = append(&log, &part);
                    part.clear();
                    Ok(part)
                });
                part = appended.await.unwrap_or_default();
            }
        }));
        Ok(writer)
    }

    /// Waits until everything stands in the log that ended processes have printed.
    pub async fn drain(&mut self) {
        if let Some(reading) = &mut self.reading
            && tokio::time::timeout(DRAIN, reading).await.is_ok()
        {
            self.reading = None;
        }
    }
}

fn append(log: &Mutex<Log>, text: &[u8]) -> io::Result<()> {
    log.lock().unwrap_or_else(PoisonError::into_inner).append(text)
}
