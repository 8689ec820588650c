//! Exclusive values, such as a listener's priorities: what a step frees, what it takes, and which steps
//! exchange values in one call. Calls AWS only to find values that others hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::PlanError;
use super::observe::overlaid;
use super::order::Loose;
use super::step::{Action, Step};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::kind;
use crate::kind::together::Together;
use crate::state::Snapshot;
use crate::value::{Object, Value, format_number};

/// The exclusive values of a resource, as texts that are equal for equal values.
pub fn held(address: &Address, inputs: &Object) -> Option<Vec<String>> {
    let unique = kind::find_managed(&address.kind)?.schema().unique;
    let text = |name: &&str| match inputs.get(*name).unwrap_or(&Value::Null).unmark().0 {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format_number(*number)),
        other => Some(other.type_name().to_owned()),
    };
    unique.iter().map(text).collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())
}

/// The inputs whose exclusive values a step frees: those of a deleted resource, or of an update that changes
/// such a value.
pub fn freed(step: &Step) -> Option<Cow<'_, Object>> {
    let record = step.record.as_ref()?;
    match (&step.action, &step.live) {
        (Action::Delete { .. } | Action::Forget { .. }, _) => Some(Cow::Borrowed(&record.inputs)),
        (Action::Update, Some(live)) => {
            let unique = kind::find_managed(&step.address.kind)?.schema().unique;
            let mut changes = step.changes.iter().map(|change| change.attribute());
            changes.any(|name| unique.contains(&name)).then(|| Cow::Owned(overlaid(record, live)))
        }
        _ => None,
    }
}

/// Tells whether a step needs an exclusive value that `other` frees at another address, by a delete or an
/// update: a renamed rule of the same priority.
pub fn takes_the_place_of(step: &Step, other: &Step) -> bool {
    if step.address == other.address
        || step.address.kind != other.address.kind
        || step.action.is_delete()
        || matches!(other.action, Action::Forget { .. })
    {
        return false;
    }
    let (Some(held), Some(kind)) = (freed(other), kind::find_managed(&step.address.kind)) else {
        return false;
    };
    let unique = kind.schema().unique;
    let same = |name: &&str| {
        let value = step.inputs.get(*name).map(Value::without_marks);
        value.as_ref().is_some_and(|value| !value.is_null())
            && value == held.get(*name).map(Value::without_marks)
    };
    !unique.is_empty() && unique.iter().all(same)
}

/// The attribute that a step changes to a known value, if one call can change it for several resources.
fn moved(step: &Step) -> Option<&'static dyn Together> {
    let together = kind::find_managed(&step.address.kind)?.together()?;
    let name = together.attribute();
    let is_known = step.inputs.get(name).and_then(Value::as_number).is_some();
    let mut changed = step.changes.iter().map(|change| change.attribute());
    (matches!(step.action, Action::Update) && is_known && changed.any(|one| one == name)).then_some(together)
}

/// The values that resources share among which the attribute must differ.
fn within(together: &dyn Together, address: &Address, inputs: &Object) -> Option<(String, Vec<String>)> {
    let mut inputs = inputs.clone();
    inputs.insert(together.attribute().to_owned(), Value::string(""));
    Some((address.kind.clone(), held(address, &inputs)?))
}

/// Updates that one call must change together, if there are several.
pub fn change_together(loose: &[Loose]) -> Vec<Vec<usize>> {
    let mut all: IndexMap<(String, Vec<String>), Vec<usize>> = IndexMap::new();
    for (index, Loose { step, .. }) in loose.iter().enumerate() {
        let within = moved(step).and_then(|together| within(together, &step.address, &step.inputs));
        if let Some(within) = within {
            all.entry(within).or_default().push(index);
        }
    }
    all.into_values().filter(|members| members.len() > 1).collect()
}

/// Tells whether an update only changes the attribute that can be changed together.
pub fn only_moves(step: &Step) -> bool {
    moved(step)
        .is_some_and(|together| step.changes.iter().all(|change| change.attribute() == together.attribute()))
}

/// Refuses a plan that takes an exclusive value of a resource that stays. A resource with the stack's tag
/// that is not in its state is left to apply, which may find that an interrupted operation made it.
pub async fn free_to_take(cloud: &Cloud, snapshot: &Snapshot, loose: &[Loose]) -> Result<(), PlanError> {
    let goes: BTreeSet<&str> = loose
        .iter()
        .filter(|one| freed(&one.step).is_some())
        .filter_map(|one| Some(one.step.record.as_ref()?.id.as_str()))
        .collect();
    type Taking<'a> = (&'static dyn Together, Vec<&'a Step>);
    let mut taking: BTreeMap<(String, Vec<String>), Taking<'_>> = BTreeMap::new();
    for Loose { step, .. } in loose {
        let Some(kind) = kind::find_managed(&step.address.kind) else { continue };
        let Some(together) = kind.together() else { continue };
        let takes = matches!(step.action, Action::Create { .. }) || moved(step).is_some();
        let known = |name: &&str| step.inputs.get(*name).is_some_and(|value| value.find_unknown().is_none());
        if takes
            && kind.schema().unique.iter().all(known)
            && let Some(within) = within(together, &step.address, &step.inputs)
        {
            taking.entry(within).or_insert_with(|| (together, Vec::new())).1.push(step);
        }
    }
    for (together, steps) in taking.into_values() {
        let Some(first) = steps.first() else { continue };
        let read = |error| PlanError::Read { address: first.address.clone(), error };
        let name = together.attribute();
        let there = together.neighbours(cloud, &first.inputs).await.map_err(read)?;
        let staying = there.into_iter().filter(|(id, _)| !goes.contains(id.as_str()));
        let mut taken: Vec<(&Step, String, Option<Address>)> = Vec::new();
        for (id, value) in staying {
            let is_same = |step: &&&Step| step.inputs.get(name).is_some_and(|wanted| wanted.same(&value));
            if let Some(step) = steps.iter().find(is_same) {
                let record = snapshot.resources.iter().find(|(_, record)| record.id == id);
                taken.push((step, id, record.map(|(address, _)| address.clone())));
            }
        }
        let unknown = taken.iter().filter(|(.., by)| by.is_none()).map(|(_, id, _)| id.clone()).collect();
        let ours = together.of_stack(cloud, &snapshot.stack, unknown).await.map_err(read)?;
        let is_ours = |id: &String| ours.iter().any(|one| one.id == *id);
        if let Some((step, id, by)) = taken.into_iter().find(|(_, id, by)| by.is_some() || !is_ours(id)) {
            return Err(PlanError::Taken {
                address: step.address.clone(),
                attribute: name,
                value: step
                    .inputs
                    .get(name)
                    .and_then(Value::as_number)
                    .map(format_number)
                    .unwrap_or_default(),
                by: by.map_or(id, |address| address.to_string()),
            });
        }
    }
    Ok(())
}
