//! What a plan is made of: steps in an order, each with what it changes and what it waits for.
//! Data only.

use std::collections::{BTreeMap, HashSet};

use crate::address::Address;
use crate::kind::{Live, Traffic};
use crate::state::Record;
use crate::value::{Object, Value};

use super::diff::AttributeChange;

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Nothing stands at the address, or what stood there makes room (`replaces` is its id).
    Create {
        generation: u32,
        replaces: Option<String>,
    },
    Update,
    /// `deposed`: what was replaced, not what stands at the address.
    Delete {
        id: String,
        deposed: bool,
    },
    /// Taken from the state only: another address keeps the same thing, or it is gone already.
    Forget {
        id: String,
        deposed: bool,
        why: String,
    },
}

impl Action {
    pub fn is_delete(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::Forget { .. })
    }

    /// The one word for progress lines: `create`, `update`, `delete`, `forget`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update => "update",
            Self::Delete { .. } => "delete",
            Self::Forget { .. } => "forget",
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    pub address: Address,
    pub action: Action,
    /// For a create, every attribute that is set; for a replacement and an update, what differs.
    pub changes: Vec<AttributeChange>,
    /// Steps that must be done before, by their place in the plan.
    pub after: Vec<usize>,
    /// Steps that one call changes together, this one among them, by their place: the first one makes it. Empty
    /// where the step goes alone.
    pub together: Vec<usize>,
    /// Whether the step is one of the two halves of what happens to a resource.
    pub half: Option<Half>,
    /// What apply must find when it evaluates again; unknowns may have become anything.
    pub inputs: Object,
    /// What stands now: for an update, a delete and a forget.
    pub record: Option<Record>,
    /// What the plan saw of it.
    pub live: Option<Live>,
    /// What it does to traffic before and after, target groups named by [`super::order::group_name`].
    pub traffic: TrafficChange,
}

/// One of two steps of a resource that has an attribute which AWS takes only after another resource stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// All but this attribute, which stays as the step's inputs say.
    Without(&'static str),
    /// This attribute alone, after the other half.
    Only(&'static str),
}

/// A step's weights and targets, by target group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrafficChange {
    /// Weight before and after of each target group that the resource forwards to.
    pub weights: BTreeMap<String, (u32, u32)>,
    /// Target groups whose targets it provides.
    pub serves: Vec<String>,
    /// How many targets it provides, before and after.
    pub targets: (u32, u32),
    /// Whether targets of the same group are taken away once its own are there.
    pub relieves: bool,
}

impl TrafficChange {
    /// Whether all of its targets go.
    pub fn empties(&self) -> bool {
        matches!(self.targets, (1.., 0))
    }

    /// How many targets it adds.
    pub fn adds(&self) -> u32 {
        self.targets.1.saturating_sub(self.targets.0)
    }
}

/// What was changed behind bgform's back.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    pub address: Address,
    pub kind: DriftKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DriftKind {
    Changed {
        changes: Vec<AttributeChange>,
        /// Whether a weight is among them: somebody has moved traffic.
        weights: bool,
    },
    /// It is no longer there.
    Gone { id: String },
}

/// A change of one of the stack's outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputChange {
    pub name: String,
    pub before: Value,
    pub after: Value,
}

/// Something that was replaced and is kept, since something kept still uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub address: Address,
    pub id: String,
    pub by: Address,
}

/// What differs between the release that is live and the one that a step makes. The step's own changes are from
/// what the resource was last, such as a release that was taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The label of the live release.
    pub release: String,
    pub changes: Vec<AttributeChange>,
}

/// All that apply is going to do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub drift: Vec<Drift>,
    /// In an order in which each comes after what it waits for.
    pub steps: Vec<Step>,
    pub outputs: Vec<OutputChange>,
    pub kept: Vec<Kept>,
    /// Of steps whose resource stands at another release than the live one, by address.
    pub beside: BTreeMap<Address, Beside>,
    /// Records that need no step but whose last known facts are old.
    pub refreshed: Vec<(Address, Record)>,
    /// Answers of `existing` blocks to be remembered.
    pub answers: Vec<(Address, Value)>,
    /// Whether the plan takes everything away.
    pub destroys: bool,
    /// Whether its steps were made from records of state alone: their inputs are as they are, and the
    /// stack is not evaluated.
    pub from_records: bool,
    /// How many resources were looked at.
    pub resources: usize,
}

impl Plan {
    /// Whether applying the plan makes no call that changes anything and no output differs.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.outputs.is_empty()
    }

    /// Whether somebody has moved traffic behind bgform's back and the plan would move it again.
    pub fn puts_weights_back(&self) -> Option<&Address> {
        let moves = |step: &&Step| step.traffic.weights.values().any(|(before, after)| before != after);
        let moving: HashSet<&Address> = self.steps.iter().filter(moves).map(|step| &step.address).collect();
        let moved =
            self.drift.iter().filter(|drift| matches!(drift.kind, DriftKind::Changed { weights: true, .. }));
        moved.map(|drift| &drift.address).find(|address| moving.contains(address))
    }
}

/// `traffic` with its groups named.
pub fn named_traffic(
    traffic: &Traffic,
    name: &dyn Fn(&Value) -> Option<String>,
) -> (BTreeMap<String, u32>, Vec<String>) {
    let mut weights = BTreeMap::new();
    for (group, weight) in &traffic.forwards {
        if let Some(group) = name(group) {
            let total = weights.entry(group).or_insert(0u32);
            *total = total.saturating_add(*weight);
        }
    }
    (weights, traffic.serves.iter().filter_map(name).collect())
}
