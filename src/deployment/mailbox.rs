//! What people ask of a rollout from another terminal: `promote`, `pause`, `abort`, `approve`. A
//! message is a file beside the state; a running apply takes them in the order in which they came.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::state::{StateError, Store};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Go on now, whatever time is left.
    Promote,
    Pause,
    /// Go back now.
    Abort {
        by: String,
    },
    Approve {
        gate: String,
    },
}

/// The messages of one stack.
#[derive(Debug, Clone)]
pub struct Mailbox {
    folder: PathBuf,
}

impl Mailbox {
    pub fn of(store: &Store) -> Self {
        Self { folder: store.folder().join("mailbox") }
    }

    /// Answers with the file that holds the message until it is taken.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&self, deployment: &str, message: &Message) -> Result<PathBuf, StateError> {
        let unwritable = |error: std::io::Error| StateError::Unwritable {
            path: self.folder.clone(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        // Names sort by time, and no two are the same.
        let now = crate::clock::now().as_nanosecond();
        let name = format!("{deployment}.{now:024}.{:08x}", rand::random::<u32>());
        let text = serde_json::to_vec(message).unwrap_or_default();
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(unwritable)?;
        std::io::Write::write_all(&mut file, &text).map_err(unwritable)?;
        let path = self.folder.join(format!("{name}.json"));
        file.persist(&path).map_err(|error| unwritable(error.error))?;
        Ok(path)
    }

    /// Takes the messages to a deployment out, the oldest first. What does not read is dropped.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn take(&self, deployment: &str) -> Result<Vec<Message>, StateError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(StateError::Unwritable { path: self.folder.clone(), reason: error.to_string() });
            }
        };
        let start = format!("{deployment}.");
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(&start) && name.ends_with(".json")
        };
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_ours).collect();
        files.sort();
        let mut messages = Vec::new();
        for file in files {
            let text = std::fs::read(&file).unwrap_or_default();
            messages.extend(serde_json::from_slice::<Message>(&text).ok());
            let _ = std::fs::remove_file(&file);
        }
        Ok(messages)
    }
}
