//! The entries of the journal: an operation begins, calls, learns ids, and is done or failed.
//!
//! In: nothing. Out: the entries, and the operations that a sequence of them leaves open. It never does I/O.

use std::fmt;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Change;
use crate::address::Address;
use crate::value::Object;

/// The action of an operation at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Delete,
}

/// An operation is about to make its first call. Durable before that call is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// Unique in the lineage; also in the tags, names or tokens of the resources that it makes.
    pub operation: String,
    pub address: Address,
    pub action: Action,
    pub generation: u32,
    /// The existing resource that is updated or deleted.
    pub id: Option<String>,
    /// Resolved, without unknowns. Sensitive marks stay, and so do the secrets under them.
    pub inputs: Object,
    pub depends_on: Vec<Address>,
    /// For the person who reads the journal.
    pub note: String,
}

/// A mutating call is about to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub operation: String,
    /// 0 is the operation's first call.
    pub ordinal: u32,
    /// Such as `ec2`.
    pub service: String,
    /// Such as `RunInstances`.
    pub action: String,
    /// The client token that it carries, if the action takes one.
    pub token: Option<String>,
}

/// Something was made or started during an operation; recovery may have to find, adopt or stop it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    pub operation: String,
    pub id: String,
    /// Such as `builder instance`.
    pub what: String,
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Begin(Begin),
    Call(Call),
    Made(Made),
    /// The operation succeeded, with this change.
    Done {
        operation: String,
        change: Change,
    },
    /// The operation ended, and left no resource that is missing from the state. An operation whose outcome
    /// is in doubt gets no such entry: it stays open.
    Failed {
        operation: String,
        error: String,
    },
    /// A change outside any operation: a rename, a refreshed answer, an import.
    Fact {
        change: Change,
    },
}

impl Entry {
    /// The change of the snapshot in this entry, if there is one.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Done { change, .. } | Self::Fact { change } => Some(change),
            Self::Begin(_) | Self::Call(_) | Self::Made(_) | Self::Failed { .. } => None,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(Begin { operation, address, .. }) => write!(f, "begin {operation} of `{address}`"),
            Self::Call(Call { operation, action, .. }) => write!(f, "call {action} of {operation}"),
            Self::Made(Made { operation, id, .. }) => write!(f, "made {id} by {operation}"),
            Self::Done { operation, .. } => write!(f, "done {operation}"),
            Self::Failed { operation, .. } => write!(f, "failed {operation}"),
            Self::Fact { .. } => f.write_str("a change of state"),
        }
    }
}

/// An operation that began and was neither done nor failed: recovery looks it up before anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOperation {
    pub begin: Begin,
    pub since: Timestamp,
    pub calls: Vec<Call>,
    pub made: Vec<Made>,
}

/// Follows entries and keeps the open operations, in the order in which they began.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenOperations(IndexMap<String, OpenOperation>);

impl OpenOperations {
    pub(super) fn follow(&mut self, at: Timestamp, entry: &Entry) {
        match entry {
            Entry::Begin(begin) => {
                let begin = begin.clone();
                let open = OpenOperation { begin, since: at, calls: Vec::new(), made: Vec::new() };
                self.0.entry(open.begin.operation.clone()).or_insert(open);
            }
            Entry::Call(call) => {
                if let Some(open) = self.0.get_mut(&call.operation) {
                    open.calls.push(call.clone());
                }
            }
            Entry::Made(made) => {
                if let Some(open) = self.0.get_mut(&made.operation) {
                    open.made.push(made.clone());
                }
            }
            Entry::Done { operation, .. } | Entry::Failed { operation, .. } => {
                self.0.shift_remove(operation);
            }
            Entry::Fact { .. } => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<OpenOperation> {
        self.0.into_values().collect()
    }
}
