//! All ordering is here. Steps come in with what their resources depend on and what they do to
//! traffic; each goes out with the steps that it waits for. Makes no call.
//!
//! - What depends on something comes after it; what goes away goes in reverse.
//! - A replaced thing is deleted after everything that used it has been changed.
//! - A weight rises only after whoever provides the group's targets is done; what loses its weight
//!   is touched only after the weight has gone.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;

use crate::address::Address;
use crate::graph;
use crate::kind;
use crate::state::Record;
use crate::value::Value;

use super::PlanError;
use super::resolve::refers_to;
use super::step::{Action, Step};

/// A step that is not yet in order.
pub struct Loose {
    pub step: Step,
    /// What the new inputs name; for deletes, what the record names.
    pub depends_on: BTreeSet<Address>,
}

/// The name under which a target group is known to steps: its address, or its ARN where the
/// stack does not manage it.
pub fn group_name(value: &Value, addresses: &HashMap<String, Address>) -> Option<String> {
    match value.unmark().0 {
        Value::Ref(reference) => Some(reference.address.to_string()),
        Value::Unknown(unknown) => Some(unknown.address.to_string()),
        Value::String(arn) => Some(addresses.get(arn).map_or_else(|| arn.clone(), Address::to_string)),
        _ => None,
    }
}

/// Puts steps into an order, each with the places of those it waits for.
pub fn order(loose: Vec<Loose>) -> Result<Vec<Step>, PlanError> {
    let mut edges: IndexMap<usize, Vec<(usize, ())>> =
        (0..loose.len()).map(|index| (index, Vec::new())).collect();
    {
        let mut wait = |later: usize, earlier: usize| {
            if later != earlier
                && let Some(waits) = edges.get_mut(&later)
                && !waits.contains(&(earlier, ()))
            {
                waits.push((earlier, ()));
            }
        };
        dependencies(&loose, &mut wait);
        traffic(&loose, &mut wait);
    }
    let sorted = graph::order(&edges).map_err(|cycle| {
        let names = cycle.iter().filter_map(|(index, ())| loose.get(*index));
        PlanError::Cycle {
            steps: names.map(|one| format!("{} {}", one.step.action.verb(), one.step.address)).collect(),
        }
    })?;
    let place: HashMap<usize, usize> =
        sorted.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    let mut slots: Vec<Option<Loose>> = loose.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(slots.len());
    for index in sorted {
        let Some(Loose { mut step, .. }) = slots.get_mut(index).and_then(Option::take) else { continue };
        step.after = edges
            .get(&index)
            .into_iter()
            .flatten()
            .filter_map(|(earlier, ())| place.get(earlier).copied())
            .collect();
        step.after.sort_unstable();
        steps.push(step);
    }
    Ok(steps)
}

fn dependencies(loose: &[Loose], wait: &mut dyn FnMut(usize, usize)) {
    for (index, one) in loose.iter().enumerate() {
        for (other_index, other) in loose.iter().enumerate() {
            if index == other_index {
                continue;
            }
            let uses = |record: &Option<Record>| {
                record.as_ref().is_some_and(|record| names(&one.step.address, record, other))
            };
            match (one.step.action.is_delete(), other.step.action.is_delete()) {
                // Made and changed after what it names.
                (false, false) if one.depends_on.contains(&other.step.address) => wait(index, other_index),
                // What goes away waits for all that used it: to go, or to be changed.
                (_, true) if uses(&one.step.record) => wait(other_index, index),
                // Delete first: what is created waits for the one that it replaces.
                (false, true) if deletes_first(&one.step, &other.step) => wait(index, other_index),
                // As well where another address is to have the name, port or priority.
                (false, true) if takes_the_place_of(&one.step, &other.step) => wait(index, other_index),
                // And where a target group goes with it from one load balancer to another.
                (false, true) if is_let_go(loose, &one.step, &other.step) => wait(index, other_index),
                // Create first: the replaced one goes last.
                (false, true) if replaced_by(&one.step, &other.step) => wait(other_index, index),
                _ => {}
            }
        }
    }
}

/// Whether a record uses what `other` takes away: by address, where that is what stands there, by
/// the id among its inputs, or by keeping it.
fn names(address: &Address, record: &Record, other: &Loose) -> bool {
    let (Action::Delete { id, deposed } | Action::Forget { id, deposed, .. }) = &other.step.action else {
        return false;
    };
    (!deposed && record.depends_on.contains(&other.step.address))
        || kind::find_managed(&address.kind).is_some_and(|kind| {
            refers_to(kind.schema(), &record.inputs, id) || kind.keeps(record).contains(id)
        })
}

/// A create without `replaces` at the address of a delete of what stands there.
fn deletes_first(create: &Step, delete: &Step) -> bool {
    create.address == delete.address
        && matches!(create.action, Action::Create { replaces: None, .. })
        && matches!(delete.action, Action::Delete { deposed: false, .. })
}

/// Whether a step needs what only one can hold, and what goes away from another address holds it:
/// a renamed rule of the same priority.
fn takes_the_place_of(step: &Step, delete: &Step) -> bool {
    let (Action::Delete { .. }, Some(held)) = (&delete.action, &delete.record) else { return false };
    let Some(kind) = kind::find_managed(&step.address.kind) else { return false };
    let unique = kind.schema().unique;
    let same = |name: &&str| {
        let value = step.inputs.get(*name).map(Value::without_marks);
        value.as_ref().is_some_and(|value| !value.is_null())
            && value == held.inputs.get(*name).map(Value::without_marks)
    };
    step.address != delete.address
        && step.address.kind == delete.address.kind
        && !unique.is_empty()
        && unique.iter().all(same)
}

/// Whether both are halves of replacements that delete first, and the one is to forward to a target
/// group that the other forwards to.
fn is_let_go(loose: &[Loose], create: &Step, delete: &Step) -> bool {
    let paired = |address: &Address, is: &dyn Fn(&Step, &Step) -> bool, step: &Step| {
        loose.iter().any(|other| other.step.address == *address && is(&other.step, step))
    };
    create.traffic.weights.keys().any(|group| delete.traffic.weights.contains_key(group))
        && paired(&create.address, &|other, step| deletes_first(step, other), create)
        && paired(&delete.address, &|other, step| deletes_first(other, step), delete)
}

fn replaced_by(create: &Step, delete: &Step) -> bool {
    let (Action::Create { replaces: Some(old), .. }, Action::Delete { id, .. } | Action::Forget { id, .. }) =
        (&create.action, &delete.action)
    else {
        return false;
    };
    create.address == delete.address && old == id
}

fn traffic(loose: &[Loose], wait: &mut dyn FnMut(usize, usize)) {
    for (router_index, router) in loose.iter().enumerate() {
        for (group, (before, after)) in &router.step.traffic.weights {
            for (index, one) in loose.iter().enumerate() {
                if index == router_index || !one.step.traffic.serves.contains(group) {
                    continue;
                }
                let goes = one.step.action.is_delete();
                if after > before && !goes {
                    wait(router_index, index);
                } else if after < before && *after == 0 && (goes || matches!(one.step.action, Action::Update))
                {
                    wait(index, router_index);
                }
            }
        }
    }
}
