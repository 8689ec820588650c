//! The access log, in the format of an ALB's (application, load-balancer-access-logs).

use std::cell::RefCell;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Version;
use hyper::header::HeaderValue;
use jiff::Timestamp;

use super::answers::scheme;
use super::config::Protocol;
use super::exchange::Record;
use crate::clock;

/// How often lines are written.
const WRITES: Duration = Duration::from_millis(200);
/// How much may wait to be written; more is lost, as AWS loses lines (best effort).
const MOST: usize = 64 << 20;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub struct Log {
    lines: Mutex<Vec<u8>>,
    path: Mutex<Option<PathBuf>>,
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The second that was written last, as text.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

impl Log {
    /// Writes the lines to the end of a file, for as long as it is polled.
    pub async fn write(self: Arc<Self>, path: PathBuf) {
        *self.path.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
        loop {
            clock::sleep(WRITES).await;
            let log = self.clone();
            let _ = tokio::task::spawn_blocking(move || log.flush()).await;
        }
    }

    /// Writes what waits. Lines that a full disk does not take are lost.
    pub fn flush(&self) {
        let path = self.path.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(path) = path.as_ref().filter(|_| !lines.is_empty()) else { return };
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
            let _ = file.write_all(&lines);
        }
    }

    /// Adds the line of a request that is over.
    pub fn request(&self, record: &Record, received: u64) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            put(line, record, received);
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() + line.len() <= MOST {
                lines.extend_from_slice(line);
            }
        });
    }
}

/// Writing to memory does not fail.
macro_rules! add {
    ($line:expr, $($text:tt)*) => { { let _ = write!($line, $($text)*); } };
}

fn put(line: &mut Vec<u8>, record: &Record, received: u64) {
    let listener = &record.listener;
    let secure = listener.protocol == Protocol::Https;
    line.extend_from_slice(match (record.tunnel, secure) {
        (false, false) => b"http ",
        (false, true) => b"https ",
        (true, false) => b"ws ",
        (true, true) => b"wss ",
    });
    let over = clock::monotonic();
    time(line, record.client.plane.clock.now());
    add!(line, " {} {} ", listener.balancer, record.client.peer);
    let target = record.open.as_ref().map(|open| open.0.address);
    match target {
        Some(target) => add!(line, "{target} "),
        None => line.extend_from_slice(b"- "),
    }
    match (record.sent_at, record.answered_at) {
        (Some(sent), Some(answered)) => {
            seconds(line, sent.saturating_sub(record.began));
            seconds(line, answered.saturating_sub(sent));
            seconds(line, if record.tunnel { Duration::ZERO } else { over.saturating_sub(answered) });
        }
        _ => line.extend_from_slice(b"-1 -1 -1 "),
    }
    add!(line, "{} ", record.status);
    match record.target_status {
        Some(status) => add!(line, "{status} "),
        None => line.extend_from_slice(b"- "),
    }
    add!(line, "{received} {} \"{} {}://", record.sent, record.method, scheme(listener.protocol));
    let host = record.host.as_ref().map_or(&b"-"[..], HeaderValue::as_bytes);
    quoted(line, host);
    if !host.contains(&b':') {
        add!(line, ":{}", listener.port);
    }
    let path = record.uri.path_and_query().map_or("/", |path| path.as_str());
    quoted(line, path.as_bytes());
    line.extend_from_slice(if record.version == Version::HTTP_10 {
        b" HTTP/1.0\" \""
    } else {
        b" HTTP/1.1\" \""
    });
    let agent = record.agent.as_ref().map_or(&b"-"[..], HeaderValue::as_bytes);
    quoted(line, &agent[..agent.len().min(8 << 10)]);
    // No TLS here: neither cipher nor protocol.
    line.extend_from_slice(b"\" - - ");
    add!(line, "{} \"", record.group.as_ref().map_or("-", |group| &group.arn));
    quoted(line, record.trace.as_ref().map_or(&b"-"[..], HeaderValue::as_bytes));
    line.extend_from_slice(b"\" \"-\" \"-\" ");
    match record.rule {
        Some(place) => add!(line, "{place} "),
        None => line.extend_from_slice(b"- "),
    }
    time(line, record.created);
    add!(line, " \"{}\" \"", record.action.unwrap_or("-"));
    quoted(line, record.redirect.as_deref().unwrap_or("-").as_bytes());
    line.extend_from_slice(b"\" \"-\" \"");
    match target {
        Some(target) => add!(line, "{target}\" \""),
        None => line.extend_from_slice(b"-\" \""),
    }
    match record.target_status {
        Some(status) => add!(line, "{status}"),
        None => line.extend_from_slice(b"-"),
    }
    line.extend_from_slice(b"\" \"-\" \"-\"\n");
}

fn seconds(line: &mut Vec<u8>, took: Duration) {
    add!(line, "{}.{:03} ", took.as_secs(), took.subsec_millis());
}

/// ISO 8601 with microseconds.
fn time(line: &mut Vec<u8>, at: Timestamp) {
    let (second, micros) = (at.as_second(), at.subsec_microsecond().unsigned_abs());
    SECOND.with_borrow_mut(|(last, text)| {
        if *last != second {
            *last = second;
            *text = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        line.extend_from_slice(text.as_bytes());
    });
    add!(line, ".{micros:06}Z");
}

/// Text from outside, so that it stays in its quotes and on its line.
fn quoted(line: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => add!(line, "\\x{byte:02X}"),
            byte => line.push(*byte),
        }
    }
}
