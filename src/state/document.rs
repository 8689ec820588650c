//! A snapshot as a file: readable JSON, with a checksum of the rest.
//!
//! In: a snapshot, or bytes. Out: the other. It never does I/O.

use std::path::Path;

use serde_json::error::Category;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::error::StateError;
use super::record::{FORMAT_VERSION, Snapshot};

/// Returns the file's text, with a newline at its end; it is checked to be readable.
///
/// Errors: [`StateError::NotStorable`].
pub(super) fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, StateError> {
    serde_json::to_value(snapshot)
        .and_then(write)
        .map_err(Wrong::from)
        .and_then(|text| read(&text).map(|_| text))
        .map_err(|wrong| {
            let reason = match wrong {
                Wrong::Text(reason) => reason,
                Wrong::Checksum => "its checksum would not match".to_owned(),
                Wrong::Newer { found, .. } => format!("it says format {found}"),
                Wrong::Moved(to) => format!("it says that it is at `{to}`"),
            };
            StateError::NotStorable { what: format!("the snapshot of `{}`", snapshot.stack), reason }
        })
}

/// Returns the note that stays at the old place of a state that has moved.
///
/// Errors: [`StateError::NotStorable`].
pub(super) fn encode_moved(to: &str) -> Result<Vec<u8>, StateError> {
    write(json!({ "version": FORMAT_VERSION, "moved_to": to })).map_err(|error| StateError::NotStorable {
        what: format!("the note of the move to `{to}`"),
        reason: error.to_string(),
    })
}

fn write(mut document: Json) -> Result<Vec<u8>, serde_json::Error> {
    let sum = checksum(&document)?;
    if let Json::Object(members) = &mut document {
        members.insert("checksum".to_owned(), Json::String(sum));
    }
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}

/// The checksum of the document without spaces, so that reformatting does no harm.
fn checksum(document: &Json) -> Result<String, serde_json::Error> {
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(serde_json::to_vec(document)?))))
}

/// Reads the text of [`encode`]. `help` is asked only if something is wrong.
pub(super) fn decode(
    bytes: &[u8],
    path: &Path,
    help: impl FnOnce() -> String,
) -> Result<Snapshot, StateError> {
    let path = path.to_owned();
    let (reason, help) = match read(bytes) {
        Ok(snapshot) => return Ok(snapshot),
        Err(Wrong::Newer { found, bgform }) => {
            return Err(StateError::NewerVersion { path, found, newest: FORMAT_VERSION, bgform });
        }
        Err(Wrong::Moved(to)) => return Err(StateError::Moved { path, to }),
        Err(Wrong::Checksum) => return Err(StateError::Checksum { path, help: help() }),
        Err(Wrong::Text(reason)) => (reason, help()),
    };
    Err(StateError::Corrupt { path, reason, help })
}

enum Wrong {
    Newer { found: u64, bgform: String },
    Moved(String),
    Checksum,
    Text(String),
}

impl From<serde_json::Error> for Wrong {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self::Text(match error.classify() {
            Category::Eof => format!("it ends in the middle, at line {line}"),
            Category::Syntax => format!("it is no JSON at line {line}, column {column}"),
            Category::Data | Category::Io => error.to_string(),
        })
    }
}

fn read(bytes: &[u8]) -> Result<Snapshot, Wrong> {
    if bytes.is_empty() {
        return Err(Wrong::Text("it is empty".to_owned()));
    }
    let mut document: Json = serde_json::from_slice(bytes)?;
    let Some(found) = document.get("version").and_then(Json::as_u64) else {
        return Err(Wrong::Text("it says no format version".to_owned()));
    };
    // Checked before the checksum, which a later format may compute differently.
    if found > u64::from(FORMAT_VERSION) {
        let bgform = document.pointer("/written_by/bgform").and_then(Json::as_str).unwrap_or("unknown");
        return Err(Wrong::Newer { found, bgform: bgform.to_owned() });
    }
    let sum = document.as_object_mut().and_then(|members| members.shift_remove("checksum"));
    if sum.as_ref().and_then(Json::as_str) != Some(checksum(&document)?.as_str()) {
        return Err(Wrong::Checksum);
    }
    if let Some(to) = document.get("moved_to").and_then(Json::as_str) {
        return Err(Wrong::Moved(to.to_owned()));
    }
    Ok(serde_json::from_value(document)?)
}
