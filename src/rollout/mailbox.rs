//! Requests to a rollout from another terminal: `promote`, `pause`, `abort`, `approve`, `rollback`. A message
//! is kept beside the state, where an apply on any machine finds it. A running apply takes messages in the
//! order in which they came.
//! Each names the release that it is about, so that a message left behind never reaches another rollout.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::Release;
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
    /// Go back from a shipped release, to the release `to` if it is named. `raise` agrees to raise an old
    /// colour that has been emptied.
    Rollback {
        to: Option<String>,
        by: String,
        raise: bool,
    },
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promote => f.write_str("promote"),
            Self::Pause => f.write_str("pause"),
            Self::Abort { by } => write!(f, "abort, by {by}"),
            Self::Rollback { by, .. } => write!(f, "rollback, by {by}"),
            Self::Approve { gate } => write!(f, "approve \"{gate}\""),
        }
    }
}

/// A stored message.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    /// The fingerprint and the start of the release that its sender saw. The same release shipped again is
    /// another rollout.
    fingerprint: String,
    began: Timestamp,
    label: String,
    message: Message,
}

/// The messages in the mailbox for one deployment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub messages: Vec<Message>,
    /// Messages about another release, with its label; they are dropped.
    pub stale: Vec<(String, Message)>,
}

/// The messages of one stack.
#[derive(Debug, Clone)]
pub struct Mailbox {
    store: Store,
}

impl Mailbox {
    pub fn of(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    /// Stores a message about the release `about`. Returns the name under which it is kept until it is taken.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, deployment: &str, about: &Release, message: &Message) -> Result<String, StateError> {
        let letter = Letter {
            fingerprint: about.fingerprint.clone(),
            began: about.began,
            label: about.label.clone(),
            message: message.clone(),
        };
        self.store.post(deployment, &serde_json::to_vec(&letter).unwrap_or_default())
    }

    /// Takes the messages of a deployment, the oldest first. A message must be about the release `about`; one
    /// that cannot be parsed is dropped.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn take(&self, deployment: &str, about: Option<&Release>) -> Result<Taken, StateError> {
        let (store, deployment) = (self.store.clone(), deployment.to_owned());
        // A bucket may answer slowly.
        let letters = tokio::task::spawn_blocking(move || {
            let names = store.posted(&deployment)?;
            names.iter().filter_map(|name| store.take(name).transpose()).collect::<Result<Vec<_>, _>>()
        });
        let mut taken = Taken::default();
        for text in letters.await.unwrap_or_else(|_| Ok(Vec::new()))? {
            let Ok(Letter { fingerprint, began, label, message }) = serde_json::from_slice(&text) else {
                continue;
            };
            match about.is_some_and(|about| about.fingerprint == fingerprint && about.began == began) {
                true => taken.messages.push(message),
                false => taken.stale.push((label, message)),
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(label: &str, began: i64) -> Release {
        Release { began: Timestamp::from_second(began).unwrap(), ..Release::of(label) }
    }

    #[tokio::test]
    async fn what_was_left_for_one_rollout_never_reaches_another() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::of(&Store::at(folder.path()));
        let approve = Message::Approve { gate: "go".to_owned() };
        let abort = Message::Abort { by: "a@b".to_owned() };
        let left = [("2.0".to_owned(), approve.clone()), ("2.0".to_owned(), abort.clone())].to_vec();
        let send = || {
            for message in [&approve, &abort] {
                mailbox.put("web", &release("2.0", 10), message).unwrap();
            }
        };
        // Another release; the same one shipped again; none at all.
        for about in [Some(release("3.0", 10)), Some(release("2.0", 20)), None] {
            send();
            let taken = mailbox.take("web", about.as_ref()).await.unwrap();
            assert_eq!(taken, Taken { messages: Vec::new(), stale: left.clone() });
        }
        send();
        assert_eq!(mailbox.take("api", Some(&release("2.0", 10))).await.unwrap(), Taken::default());
        let taken = mailbox.take("web", Some(&release("2.0", 10))).await.unwrap();
        assert_eq!(taken, Taken { messages: vec![approve.clone(), abort.clone()], stale: Vec::new() });
        assert_eq!(mailbox.take("web", Some(&release("2.0", 10))).await.unwrap(), Taken::default());
    }
}
