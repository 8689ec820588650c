//! The known resources of a stack, and the changes that are folded into them.
//!
//! In: changes, one at a time. Out: the resulting snapshot. It never does I/O and never fails: a change that
//! was already made has no effect.

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
    /// The inputs of the last create or update that succeeded.
    pub inputs: Object,
    /// The outputs in the cloud's last answer.
    pub outputs: Object,
    /// Number of times this address was created; part of generated names.
    pub generation: u32,
    /// Resources that must outlive it; deletion uses the reverse order, even without the stack file.
    pub depends_on: Vec<Address>,
    pub prevent_destroy: bool,
    /// Whether its last create or update was cut short: the next operation finishes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}

/// A resource that was replaced at its address and is still to be deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deposed {
    pub address: Address,
    pub record: Record,
}

/// A create that may have been sent, and whose resource was not found. A repeat has its tokens, tags and
/// generated names, and so finds a resource that shows late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    pub begin: Begin,
    pub since: Timestamp,
}

impl Unseen {
    /// Time since the resource was not found; zero if the clock was put back.
    pub fn age(&self) -> Duration {
        Duration::try_from(crate::clock::now().duration_since(self.since)).unwrap_or_default()
    }
}

/// The writer of a snapshot.
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
    /// Random, chosen once for a stack's state: states of different lineages are unrelated.
    pub lineage: String,
    /// Increases with every checkpoint.
    pub serial: u64,
    /// The last journal record that is folded in. Kept by `state/`: after a crash between writing the
    /// snapshot and emptying the journal, no record must be folded twice.
    pub sequence: u64,
    /// No journal record up to this one leaves an operation open.
    #[serde(default)]
    pub closed: u64,
    pub stack: String,
    /// The stack file of the state, by its name on every machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    pub account: String,
    pub region: String,
    pub endpoint: Option<String>,
    pub resources: IndexMap<Address, Record>,
    pub deposed: Vec<Deposed>,
    /// Answers of `existing` blocks that may change.
    pub existing: IndexMap<Address, Value>,
    pub outputs: Object,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub deployments: IndexMap<String, Deployment>,
    /// Creates that every later apply looks for again, for some time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
    pub taken_at: Timestamp,
    pub written_by: WrittenBy,
}

/// The change of a snapshot by one journal record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The address now stands for this record.
    Put { address: Address, record: Record },
    /// The record with this id is moved from its address for its replacement. The id keeps a repeated fold
    /// from moving the replacement.
    Depose { address: Address, id: String },
    /// The address no longer has a record.
    Remove { address: Address },
    /// A deposed record was deleted.
    RemoveDeposed { address: Address, id: String },
    /// The answer of an `existing` block.
    Existing { address: Address, value: Value },
    /// The resource of a create was not found.
    Unseen { create: Box<Unseen> },
    /// The unseen create of this operation is no longer looked for.
    Over { operation: String },
    /// A resource beside the address's own record is to be deleted.
    Leftover { address: Address, record: Record },
    /// The stack's outputs, all of them.
    Outputs { outputs: Object },
    /// The facts of a deployment; `None` removes them.
    Deployment { name: String, facts: Option<Box<Deployment>> },
    /// The author renamed the address. No effect if `to` already has another id.
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

    /// Folds one change in. Idempotent.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { address, record } => {
                // A replaced resource that is used again (an image baked the same way) must not be deleted.
                self.deposed.retain(|old| old.address != *address || old.record.id != record.id);
                self.resources.insert(address.clone(), record.clone());
                // An unseen replacement is not the resource that it replaces.
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
