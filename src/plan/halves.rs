//! Splits steps into halves: an attribute that AWS accepts only after something forwards to a target group is
//! set by a step of its own, after the plan's routers that name the group. Makes no call.

use std::collections::BTreeSet;

use super::diff::AttributeChange;
use super::order::Loose;
use super::step::{Action, Half, Step, TrafficChange};
use crate::kind;

/// Returns the steps, split where the plan's routers require it.
pub fn in_halves(loose: Vec<Loose>) -> Vec<Loose> {
    let named: BTreeSet<String> =
        loose.iter().flat_map(|one| begins_to_name(&one.step)).map(str::to_owned).collect();
    let mut all = Vec::with_capacity(loose.len());
    for one in loose {
        let serves = one.step.traffic.serves.iter().any(|group| named.contains(group));
        match late(&one.step).filter(|_| serves) {
            Some(name) => all.extend(halves(one, name)),
            None => all.push(one),
        }
    }
    all
}

/// Tells whether AWS makes this change only once a router names the step's target groups.
pub fn joins_late(step: &Step) -> bool {
    let late = kind::find_managed(&step.address.kind).and_then(|kind| kind.joins_after_routers());
    late.is_some_and(|name| match step.action {
        Action::Create { .. } => true,
        Action::Update => step.changes.iter().any(|change| change.attribute() == name),
        Action::Delete { .. } | Action::Forget { .. } => false,
    })
}

/// Target groups that a router may name for the first time.
pub fn begins_to_name(step: &Step) -> impl Iterator<Item = &str> {
    let weights = step.traffic.weights.iter().filter(|_| !step.action.is_delete());
    weights.filter(|(_, (before, _))| *before == 0).map(|(group, _)| group.as_str())
}

/// The attribute changed by a step that AWS accepts only after the routers.
fn late(step: &Step) -> Option<&'static str> {
    let name = kind::find_managed(&step.address.kind)?.after_routers(&step.inputs)?;
    let is_set = match step.action {
        Action::Create { .. } => step.inputs.contains_key(name),
        Action::Update => step.changes.iter().any(|change| change.attribute() == name),
        Action::Delete { .. } | Action::Forget { .. } => false,
    };
    is_set.then_some(name)
}

fn halves(one: Loose, name: &'static str) -> impl Iterator<Item = Loose> {
    let Loose { mut step, depends_on } = one;
    let is_last = |change: &AttributeChange| change.attribute() == name;
    let last = match step.changes.iter().any(is_last) {
        true => step.changes.extract_if(.., |change| is_last(change)).collect(),
        false => step.sets().into_iter().filter(is_last).collect(),
    };
    let after = Step {
        address: step.address.clone(),
        action: Action::Update,
        changes: last,
        after: Vec::new(),
        together: Vec::new(),
        half: Some(Half::Only(name)),
        inputs: step.inputs.clone(),
        record: step.record.clone(),
        live: step.live.clone(),
        traffic: TrafficChange { serves: step.traffic.serves.clone(), ..TrafficChange::default() },
    };
    let stands = step.live.as_ref().and_then(|live| live.inputs.get(name)).filter(|live| !live.is_null());
    match stands {
        Some(live) => step.inputs.insert(name.to_owned(), live.clone()),
        None => step.inputs.shift_remove(name),
    };
    step.half = Some(Half::Without(name));
    // The other changes come first; if there are none, one step is enough.
    let is_needed = !step.changes.is_empty() || !matches!(step.action, Action::Update);
    let before = is_needed.then(|| Loose { step, depends_on: depends_on.clone() });
    before.into_iter().chain([Loose { step: after, depends_on }])
}

/// Tells whether `step` is the second half and must wait for `other`: the first half, or a step that begins
/// to forward to its target groups.
pub fn waits_for(step: &Step, other: &Step) -> bool {
    let is_other_half = step.address == other.address && matches!(other.half, Some(Half::Without(_)));
    matches!(step.half, Some(Half::Only(_)))
        && (is_other_half
            || begins_to_name(other).any(|group| step.traffic.serves.iter().any(|one| one == group)))
}
