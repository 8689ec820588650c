//! The journal as bytes: one JSON line a record, each with its number and a CRC of its own text.
//!
//! In: entries, or the file's bytes. Out: the other, and where the sound part ends. A last line
//! without its newline is a write that a crash cut short; it was never durable, so it never
//! counted. Anything else that does not read is damage and is refused. It never does I/O.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, OpenOperations};
use super::error::StateError;
use super::record::Snapshot;

/// One record with what frames it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub sequence: u64,
    pub lineage: String,
    pub at: Timestamp,
    pub entry: Entry,
}

/// The sound part of a journal.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pub frames: Vec<Frame>,
    /// How many bytes they are; what follows is the torn tail.
    pub sound: usize,
    pub torn: bool,
}

const PREFIX: &[u8] = br#"{"crc":""#;
const SUFFIX: &[u8] = br#"","#;

/// `{"crc":"0a1b2c3d","sequence":1,...}` and a newline; the CRC is over what follows its comma.
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

/// Shows that the entry's record will read, before anything relies on it.
pub(super) fn check(entry: &Entry) -> Result<(), StateError> {
    let frame =
        Frame { sequence: 0, lineage: String::new(), at: Timestamp::UNIX_EPOCH, entry: entry.clone() };
    encode(&frame)
        .map_err(|error| error.to_string())
        .and_then(|line| decode(line.trim_ascii_end()))
        .map(drop)
        .map_err(|reason| StateError::NotStorable { what: entry.to_string(), reason })
}

/// Reads the whole file.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Frames, StateError> {
    let mut read = Frames::default();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else {
            read.torn = true;
            break;
        };
        let last = read.frames.last().map_or(0, |frame| frame.sequence);
        let frame = decode(line).and_then(|frame| match frame.sequence > last {
            true => Ok(frame),
            false => Err(format!("it is record {}, after record {last}", frame.sequence)),
        });
        match frame {
            Ok(frame) => read.frames.push(frame),
            Err(reason) => return Err(damaged(path, index + 1, reason)),
        }
        read.sound += line.len() + 1;
    }
    Ok(read)
}

fn damaged(path: &Path, line: usize, reason: String) -> StateError {
    let (shown, sound) = (path.display(), line.saturating_sub(1));
    StateError::JournalRecord {
        path: path.to_owned(),
        line,
        reason,
        help: format!(
            "nothing was changed. If there is a copy of the file from before the damage, put it back. If not, keep the sound part: `mv {shown} {shown}.damaged && head -n {sound} {shown}.damaged > {shown}`; read the rest of the damaged file, as what it tells of exists in the cloud, tagged with this stack, but no longer in the state"
        ),
    }
}

/// Folds what is later than the snapshot into it; what it has already is skipped. Yields the
/// operations that all the records leave open.
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
        open.follow(frame.at, &frame.entry);
        if frame.sequence > snapshot.sequence {
            snapshot.sequence = frame.sequence;
            if let Some(change) = frame.entry.change() {
                snapshot.apply(change);
            }
        }
    }
    Ok(open)
}
