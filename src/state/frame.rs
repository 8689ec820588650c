//! The journal as bytes: one JSON line for each record, with its number and a CRC of its text.
//!
//! In: entries, or the file's bytes. Out: the other, and where the sound part ends. A last line without its
//! newline is a write that a crash cut short; it was never durable, so it never counted. Any other unreadable
//! line is damage and is refused. It never does I/O.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, OpenOperations};
use super::error::StateError;
use super::record::Snapshot;

/// One record with its frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub sequence: u64,
    /// The number of the lock that its writer held.
    #[serde(default)]
    pub fence: u64,
    pub lineage: String,
    pub at: Timestamp,
    pub entry: Entry,
}

/// The sound part of a journal.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pub frames: Vec<Frame>,
    /// Its size in bytes; the torn tail follows.
    pub sound: usize,
    pub torn: bool,
}

const PREFIX: &[u8] = br#"{"crc":""#;
const SUFFIX: &[u8] = br#"","#;

/// Returns `{"crc":"0a1b2c3d","sequence":1,...}` and a newline; the CRC covers the text after its comma.
pub(super) fn encode(frame: &Frame) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(frame)?;
    let body = body.strip_prefix(b"{").unwrap_or(&body);
    let crc = format!("{:08x}", crc32fast::hash(body));
    Ok([PREFIX, crc.as_bytes(), SUFFIX, body, b"\n"].concat())
}

/// One line without its newline.
fn decode(line: &[u8]) -> Result<Frame, String> {
    let framed = || {
        let (crc, rest) = line.strip_prefix(PREFIX)?.split_at_checked(8)?;
        Some((crc, rest.strip_prefix(SUFFIX)?))
    };
    let (crc, body) = framed().ok_or("it does not begin as a record does")?;
    if format!("{:08x}", crc32fast::hash(body)).as_bytes() != crc {
        return Err("its checksum does not match".to_owned());
    }
    serde_json::from_slice(&[b"{", body].concat()).map_err(|error| error.to_string())
}

/// Checks that the entry's record can be read back, before anything relies on it.
pub(super) fn check(entry: &Entry) -> Result<(), StateError> {
    let frame = Frame {
        sequence: 0,
        fence: 0,
        lineage: String::new(),
        at: Timestamp::UNIX_EPOCH,
        entry: entry.clone(),
    };
    encode(&frame)
        .map_err(|error| error.to_string())
        .and_then(|line| decode(line.trim_ascii_end()))
        .map(drop)
        .map_err(|reason| StateError::NotStorable { what: entry.to_string(), reason })
}

/// Reads the whole journal. Records of a later lock holder replace those of an earlier one from the same
/// number on: the earlier holder checked its lock again before it acted, so its late records had no effect.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Frames, StateError> {
    let (read, damage) = parse_sound(bytes);
    match damage {
        None => Ok(read),
        Some((line, reason)) => Err(damaged(path, line, reason)),
    }
}

/// Reads the journal up to the first damaged line; also returns the damage.
pub(super) fn parse_sound(bytes: &[u8]) -> (Frames, Option<(usize, String)>) {
    let mut read = Frames::default();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else {
            read.torn = true;
            break;
        };
        match decode(line).and_then(|frame| read.take(frame)) {
            Ok(()) => read.sound += line.len() + 1,
            Err(reason) => return (read, Some((index + 1, reason))),
        }
    }
    (read, None)
}

impl Frames {
    fn take(&mut self, frame: Frame) -> Result<(), String> {
        let (last, fence) = self.frames.last().map_or((0, 0), |frame| (frame.sequence, frame.fence));
        if frame.fence < fence {
            return Ok(());
        }
        if frame.fence > fence {
            let first = frame.sequence;
            self.frames.truncate(self.frames.partition_point(|earlier| earlier.sequence < first));
        } else if frame.sequence <= last {
            return Err(format!("it is record {}, after record {last}", frame.sequence));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// The highest number of a lock under which a record was written.
    pub(super) fn fence(&self) -> u64 {
        self.frames.last().map_or(0, |frame| frame.fence)
    }
}

fn damaged(path: &Path, line: usize, reason: String) -> StateError {
    let (shown, sound) = (path.display(), line.saturating_sub(1));
    StateError::JournalRecord {
        path: path.to_owned(),
        line,
        reason,
        help: format!(
            "nothing was changed. If there is a copy from before the damage, put it back. If not, `bgform state restore` sets `{shown}` aside and keeps its first {sound} records: read the rest of the copy, as what it tells of exists in the cloud, tagged with this stack, but no longer in the state"
        ),
    }
}

/// Folds records that are later than the snapshot into it, and skips the others. Returns the operations that
/// all the records leave open.
pub(super) fn fold(
    snapshot: &mut Snapshot,
    frames: &[Frame],
    path: &Path,
) -> Result<OpenOperations, StateError> {
    let mut open = OpenOperations::default();
    for frame in frames {
        if frame.lineage != snapshot.lineage {
            return Err(StateError::WrongLineage {
                path: path.to_owned(),
                expected: snapshot.lineage.clone(),
                found: frame.lineage.clone(),
            });
        }
        if frame.sequence > snapshot.sequence.saturating_add(1) {
            return Err(StateError::JournalGap {
                path: path.to_owned(),
                reached: snapshot.sequence,
                found: frame.sequence,
            });
        }
        if frame.sequence > snapshot.closed {
            open.follow(frame.at, &frame.entry);
        }
        if frame.sequence > snapshot.sequence {
            snapshot.sequence = frame.sequence;
            if let Some(change) = frame.entry.change() {
                snapshot.apply(change);
            }
        }
    }
    Ok(open)
}
