//! Messages to the holder of the lock, kept beside the state: `mailbox/RECIPIENT.TIME.RANDOM.json`. Only
//! senders and recipients know their content.

use super::error::StateError;
use super::medium::Only;
use super::store::Store;
use crate::clock;

impl Store {
    /// Stores a message, and returns its name.
    ///
    /// Errors: why it cannot be written.
    pub fn post(&self, recipient: &str, bytes: &[u8]) -> Result<String, StateError> {
        self.medium.prepare(self.adopt)?;
        // Names sort by time, and no two are the same.
        let now = clock::now().as_nanosecond();
        let name = format!("mailbox/{recipient}.{now:024}.{:08x}.json", rand::random::<u32>());
        self.medium.put(&name, bytes, Only::Absent)?;
        Ok(name)
    }

    /// The names of a recipient's messages, the oldest first.
    ///
    /// Errors: why they cannot be listed.
    pub fn posted(&self, recipient: &str) -> Result<Vec<String>, StateError> {
        let start = format!("{recipient}.");
        let names = self.medium.names("mailbox")?.into_iter();
        let mut names: Vec<String> = names
            .filter(|name| name.starts_with(&start) && name.ends_with(".json"))
            .map(|name| format!("mailbox/{name}"))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Tells whether a message has not been taken yet.
    ///
    /// Errors: why that cannot be checked.
    pub fn is_posted(&self, name: &str) -> Result<bool, StateError> {
        Ok(self.medium.version(name)?.is_some())
    }

    /// Takes a message out; `None` if another process has taken it.
    ///
    /// Errors: why it cannot be read or removed.
    pub fn take(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let Some(object) = self.medium.get(name)? else { return Ok(None) };
        Ok(self.medium.delete(name)?.then_some(object.bytes))
    }
}
