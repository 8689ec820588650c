//! What is known about a stack's resources, and the changes that are folded into it.
//!
//! In: changes, one at a time. Out: the snapshot that they make. It never does I/O and never
//! fails: a change that finds its work already done leaves everything as it is.

use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::Begin;
use crate::address::Address;
use crate::facts::Deployment;
use crate::value::{Object, Value};

/// The format that this bgform writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// One resource that exists.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// The cloud's id or ARN.
    pub id: String,
    /// As they were given to the last create or update that succeeded.
    pub inputs: Object,
    /// As the cloud last answered.
    pub outputs: Object,
    /// How often this address was created; part of generated names.
    pub generation: u32,
    /// What must outlive it; deletion goes the other way, also when the stack file is gone.
    pub depends_on: Vec<Address>,
    pub prevent_destroy: bool,
    /// Whether the operation that made or changed it last was cut short: the next one ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}

/// A resource that was replaced under its address and is still to be deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deposed {
    pub address: Address,
    pub record: Record,
}

/// A create that may have been sent, and of which nothing was to be seen. One that is begun again has its
/// tokens, tags and generated names, and so finds what shows itself late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    pub begin: Begin,
    pub since: Timestamp,
}

impl Unseen {
    /// How long ago nothing was to be seen of it; nothing, by a clock that was put back.
    pub fn age(&self) -> Duration {
        Duration::try_from(crate::clock::now().duration_since(self.since)).unwrap_or_default()
    }
}

/// Who wrote a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WrittenBy {
    /// The version of bgform.
    pub bgform: String,
    pub host: String,
    pub user: String,
    /// Such as `bgform apply`.
    pub command: String,
}

/// All that is known about a stack, as of one journal record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`FORMAT_VERSION`] of the bgform that wrote it.
    pub version: u32,
    /// Random, made once for a stack's state: two states that differ here have nothing in common.
    pub lineage: String,
    /// Rises with every checkpoint.
    pub serial: u64,
    /// The last journal record that is folded in. Kept by `state/`: a crash between writing the
    /// snapshot and emptying the journal must not fold anything twice.
    pub sequence: u64,
    /// No journal record up to this one leaves an operation open.
    #[serde(default)]
    pub closed: u64,
    pub stack: String,
    /// The stack file that the state belongs to, as it is called on every machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    pub account: String,
    pub region: String,
    pub endpoint: Option<String>,
    pub resources: IndexMap<Address, Record>,
    pub deposed: Vec<Deposed>,
    /// Answers of `existing` blocks that may move.
    pub existing: IndexMap<Address, Value>,
    pub outputs: Object,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub deployments: IndexMap<String, Deployment>,
    /// Looked for again by every later apply, for some time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
    pub taken_at: Timestamp,
    pub written_by: WrittenBy,
}

/// What one journal record changes in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The address now stands for this record.
    Put { address: Address, record: Record },
    /// The record with this id makes room at its address for the one that replaces it. With the
    /// id, since folding it again after the replacement must not depose the replacement.
    Depose { address: Address, id: String },
    /// The address stands for nothing.
    Remove { address: Address },
    /// A deposed record was deleted.
    RemoveDeposed { address: Address, id: String },
    /// What an `existing` block found.
    Existing { address: Address, value: Value },
    /// Nothing was to be seen of a create.
    Unseen { create: Box<Unseen> },
    /// Nothing will be seen any more of the create that was this operation.
    Over { operation: String },
    /// What stands beside the address's own record is to be deleted.
    Leftover { address: Address, record: Record },
    /// The stack's outputs, all of them.
    Outputs { outputs: Object },
    /// How a deployment stands; nothing is known of it any more where it is none.
    Deployment { name: String, facts: Option<Box<Deployment>> },
    /// The author renamed it. Nothing happens where `to` already stands for another id.
    Move { from: Address, to: Address },
}

impl Snapshot {
    /// The state of a stack before its first apply: serial 0, a new lineage.
    pub fn new(
        stack: impl Into<String>,
        account: impl Into<String>,
        region: impl Into<String>,
        endpoint: Option<String>,
    ) -> Self {
        Self {
            version: FORMAT_VERSION,
            lineage: hex::encode(rand::random::<[u8; 16]>()),
            serial: 0,
            sequence: 0,
            closed: 0,
            stack: stack.into(),
            made_by: None,
            account: account.into(),
            region: region.into(),
            endpoint,
            resources: IndexMap::new(),
            deposed: Vec::new(),
            existing: IndexMap::new(),
            outputs: Object::new(),
            deployments: IndexMap::new(),
            unseen: Vec::new(),
            taken_at: crate::clock::now(),
            written_by: WrittenBy::default(),
        }
    }

    /// Folds one change in. Twice is the same as once.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { address, record } => {
                // What was replaced and is back (an image baked the same way again) is not to go.
                self.deposed.retain(|old| old.address != *address || old.record.id != record.id);
                self.resources.insert(address.clone(), record.clone());
                // What a replacement may have made is not what it replaces.
                self.unseen
                    .retain(|one| one.begin.address != *address || one.begin.generation != record.generation);
            }
            Change::Depose { address, id } => {
                if self.resources.get(address).is_some_and(|record| record.id == *id)
                    && let Some(record) = self.resources.shift_remove(address)
                {
                    self.deposed.retain(|old| old.address != *address || old.record.id != *id);
                    self.deposed.push(Deposed { address: address.clone(), record });
                }
            }
            Change::Remove { address } => {
                self.resources.shift_remove(address);
            }
            Change::RemoveDeposed { address, id } => {
                self.deposed.retain(|old| old.address != *address || old.record.id != *id);
            }
            Change::Existing { address, value } => {
                self.existing.insert(address.clone(), value.clone());
            }
            Change::Unseen { create } => {
                self.unseen.retain(|one| one.begin.operation != create.begin.operation);
                self.unseen.push((**create).clone());
            }
            Change::Over { operation } => self.unseen.retain(|one| one.begin.operation != *operation),
            Change::Leftover { address, record } => {
                self.deposed.retain(|old| old.address != *address || old.record.id != record.id);
                self.deposed.push(Deposed { address: address.clone(), record: record.clone() });
            }
            Change::Outputs { outputs } => self.outputs.clone_from(outputs),
            Change::Deployment { name, facts: Some(facts) } => {
                self.deployments.insert(name.clone(), (**facts).clone());
            }
            Change::Deployment { name, facts: None } => {
                self.deployments.shift_remove(name);
            }
            Change::Move { from, to } => self.rename(from, to),
        }
    }

    fn rename(&mut self, from: &Address, to: &Address) {
        let moving = self.resources.get(from).map(|record| &record.id);
        let there = self.resources.get(to).map(|record| &record.id);
        if from == to || (there.is_some() && moving.is_some() && there != moving) {
            return;
        }
        if let Some(index) = self.resources.get_index_of(from) {
            self.resources.shift_remove(to);
            let index = index.min(self.resources.len().saturating_sub(1));
            if let Some(record) = self.resources.shift_remove(from) {
                self.resources.shift_insert(index.min(self.resources.len()), to.clone(), record);
            }
        }
        if let Some(value) = self.existing.shift_remove(from) {
            self.existing.entry(to.clone()).or_insert(value);
        }
        for old in self.deposed.iter_mut().filter(|old| old.address == *from) {
            old.address = to.clone();
        }
        let records = self.resources.values_mut().chain(self.deposed.iter_mut().map(|old| &mut old.record));
        for needed in records.flat_map(|record| record.depends_on.iter_mut()).filter(|a| **a == *from) {
            *needed = to.clone();
        }
    }
}
