//! The data of a plan: ordered steps, each with its changes and the steps that it waits for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::address::Address;
use crate::kind::{self, Live, Traffic};
use crate::state::Record;
use crate::value::{Object, Value};

use super::diff::{AttributeChange, diff};

/// The action on one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// No resource is at the address, or the one there is replaced (`replaces` is its id).
    Create {
        generation: u32,
        replaces: Option<String>,
    },
    Update,
    /// `deposed`: a replaced resource, not the current one at the address.
    Delete {
        id: String,
        deposed: bool,
    },
    /// Removed from the state only: another address has the same id, or the resource is gone already.
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

    /// The word for progress lines: `create`, `update`, `delete`, `forget`.
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
    /// For a replacement and an update, the differences. Empty for a plain create, which sets all of its
    /// inputs ([`Step::sets`]).
    pub changes: Vec<AttributeChange>,
    /// Steps that must be done before, by their place in the plan.
    pub after: Vec<usize>,
    /// Steps that one call changes together, including this one, by their place; the first one makes the
    /// call. Empty if the step has a call of its own.
    pub together: Vec<usize>,
    /// Whether the step is one of two halves.
    pub half: Option<Half>,
    /// The inputs that apply must find when it evaluates again; unknowns may have become anything.
    pub inputs: Object,
    /// The current record, for an update, a delete and a forget.
    pub record: Option<Record>,
    /// The live resource that the plan saw.
    pub live: Option<Live>,
    /// Its effect on traffic, with target groups named by [`super::order::group_name`].
    pub traffic: TrafficChange,
}

impl Step {
    /// Every attribute that its inputs set.
    pub fn sets(&self) -> Vec<AttributeChange> {
        let nothing = Object::new();
        let kind = kind::find_managed(&self.address.kind);
        kind.map(|kind| diff(kind.schema(), &nothing, &self.inputs, &nothing)).unwrap_or_default()
    }
}

/// One of the two steps of a resource with an attribute that AWS accepts only after another resource exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Everything except this attribute, which keeps the value in the step's inputs.
    Without(&'static str),
    /// This attribute alone, after the other half.
    Only(&'static str),
}

/// A step's weights and targets, by target group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrafficChange {
    /// Weight before and after, for each target group that the resource forwards to.
    pub weights: BTreeMap<String, (u32, u32)>,
    /// Target groups that the resource forwards to for the first time, with or without weight.
    pub named: BTreeSet<String>,
    /// Target groups whose targets it provides.
    pub serves: Vec<String>,
    /// The number of targets that it provides, before and after.
    pub targets: (u32, u32),
    /// Whether other targets of the same group are removed once its own exist.
    pub relieves: bool,
}

impl TrafficChange {
    /// Tells whether all of its targets are removed.
    pub fn empties(&self) -> bool {
        matches!(self.targets, (1.., 0))
    }

    /// The number of targets that it adds.
    pub fn adds(&self) -> u32 {
        self.targets.1.saturating_sub(self.targets.0)
    }
}

/// A change made outside bgform.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    pub address: Address,
    pub kind: DriftKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DriftKind {
    Changed {
        changes: Vec<AttributeChange>,
        /// Whether a weight is among the changes: somebody has moved traffic.
        weights: bool,
    },
    /// The resource is gone.
    Gone { id: String },
}

/// A change of one of the stack's outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputChange {
    pub name: String,
    pub before: Value,
    pub after: Value,
}

/// A replaced resource that is kept, because a kept resource still uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub address: Address,
    pub id: String,
    pub by: Address,
}

/// The difference between the live release and the release of a step. The step's own changes start from the
/// resource's last release, which may have been taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The label of the live release.
    pub release: String,
    pub changes: Vec<AttributeChange>,
}

/// The whole plan of an apply.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub drift: Vec<Drift>,
    /// Ordered, so that each comes after the steps that it waits for.
    pub steps: Vec<Step>,
    pub outputs: Vec<OutputChange>,
    pub kept: Vec<Kept>,
    /// The differences of steps whose resource is at another release than the live one, by address.
    pub beside: BTreeMap<Address, Beside>,
    /// Records without a step whose facts have changed.
    pub refreshed: Vec<(Address, Record)>,
    /// Answers of `existing` blocks to remember.
    pub answers: Vec<(Address, Value)>,
    /// Whether the plan deletes everything.
    pub destroys: bool,
    /// Whether its steps were made from records of the state alone: their inputs are taken as they are, and
    /// the stack is not evaluated.
    pub from_records: bool,
    /// The number of resources that were compared.
    pub resources: usize,
}

impl Plan {
    /// Tells whether the plan makes no changing call and changes no output.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.outputs.is_empty()
    }

    /// Tells whether somebody has moved traffic outside bgform and the plan would move it back.
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
