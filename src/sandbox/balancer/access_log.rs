//! The access log, in the format of an ALB's (application, load-balancer-access-logs).

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Version;
use hyper::header::HeaderValue;
use jiff::Timestamp;

use super::answers::scheme;
use super::config::Protocol;
use super::desync::Class;
use super::exchange::Record;
use crate::clock;
use crate::log;

/// The interval of writes.
const WRITES: Duration = Duration::from_millis(200);
/// Bytes that may wait to be written; more is lost, as AWS loses lines (best effort).
const MOST: usize = 64 << 20;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub struct Log {
    lines: Mutex<Vec<u8>>,
    /// `None` until the lines are written.
    file: Mutex<Option<log::Log>>,
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The second that was written last, as text.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

impl Log {
    /// Writes the lines to a file while it is polled.
    pub async fn write(self: Arc<Self>, file: log::Log) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        loop {
            clock::sleep(WRITES).await;
            let log = self.clone();
            let _ = tokio::task::spawn_blocking(move || log.flush()).await;
        }
    }

    /// Writes the waiting lines. Lines that a full disk refuses are lost.
    pub fn flush(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = file.as_mut().filter(|_| !lines.is_empty()) {
            let _ = file.append(&lines);
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
    let target = record.open.as_ref().map_or("-", |open| open.0.place.as_str());
    words(line, [" ", &listener.balancer, " ", &record.client.place, " ", target, " "]);
    match (record.sent_at, record.answered_at) {
        (Some(sent), Some(answered)) => {
            seconds(line, sent.saturating_sub(record.began));
            seconds(line, answered.saturating_sub(sent));
            seconds(line, if record.tunnel { Duration::ZERO } else { over.saturating_sub(answered) });
        }
        _ => line.extend_from_slice(b"-1 -1 -1 "),
    }
    number(line, record.status.into(), 1);
    line.push(b' ');
    target_status(line, record);
    line.push(b' ');
    number(line, received, 1);
    line.push(b' ');
    number(line, record.sent, 1);
    words(line, [" \"", record.method.as_str(), " ", scheme(listener.protocol), "://"]);
    let host = record.host.as_ref().map_or(&b"-"[..], HeaderValue::as_bytes);
    quoted(line, host);
    if !host.contains(&b':') {
        line.push(b':');
        number(line, listener.port.into(), 1);
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
    words(line, [record.group.as_ref().map_or("-", |group| &group.arn), " \""]);
    quoted(line, record.trace.as_ref().map_or(&b"-"[..], HeaderValue::as_bytes));
    line.extend_from_slice(b"\" \"-\" \"-\" ");
    match record.rule {
        Some(place) => number(line, place as u64, 1),
        None => line.push(b'-'),
    }
    line.push(b' ');
    time(line, record.created);
    words(line, [" \"", record.action.unwrap_or("-"), "\" \""]);
    quoted(line, record.redirect.as_deref().unwrap_or("-").as_bytes());
    line.extend_from_slice(b"\" \"-\" \"");
    words(line, [target, "\" \""]);
    target_status(line, record);
    let [class, reason] = record.class.map_or(["-", "-"], Class::words);
    words(line, ["\" \"", class, "\" \"", reason, "\"\n"]);
}

fn seconds(line: &mut Vec<u8>, took: Duration) {
    number(line, took.as_secs(), 1);
    line.push(b'.');
    number(line, took.subsec_millis().into(), 3);
    line.push(b' ');
}

fn target_status(line: &mut Vec<u8>, record: &Record) {
    match record.target_status {
        Some(status) => number(line, status.into(), 1),
        None => line.push(b'-'),
    }
}

fn words<const N: usize>(line: &mut Vec<u8>, words: [&str; N]) {
    for word in words {
        line.extend_from_slice(word.as_bytes());
    }
}

/// Writes a number with a minimum of digits; a line is written for every request, and `write!` is slow.
fn number(line: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = line.len();
    while number > 0 || line.len() - start < width {
        line.push(b'0' + (number % 10) as u8);
        number /= 10;
    }
    line[start..].reverse();
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
    line.push(b'.');
    number(line, micros.into(), 6);
    line.push(b'Z');
}

/// Text from outside, so that it stays in its quotes and on its line.
fn quoted(line: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => {
                // Writing to memory does not fail.
                let _ = write!(line, "\\x{byte:02X}");
            }
            byte => line.push(*byte),
        }
    }
}
