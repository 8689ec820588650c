//! Holds a plan against what must never happen: targets that carry traffic are not taken away,
//! and not changed in a way that empties them. A plan comes in; it goes through or is refused
//! with the step named.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::diff::changed_attributes;
use super::observe::overlaid;
use super::order::group_name;
use super::step::{Action, Plan, Step};
use super::{Options, PlanError};
use crate::address::Address;
use crate::kind;
use crate::value::Value;

/// Refuses a plan that would drop traffic. `unchanged` is the weight of each target group in
/// rules that get no step, `addresses` what stands for each id, `idle` the target groups of
/// deployments that nobody relies on. First releases and `destroy` are exempt: nothing carries
/// traffic before, or nothing is to carry any after.
pub fn verify(
    plan: &Plan,
    unchanged: &BTreeMap<String, u32>,
    addresses: &HashMap<String, Address>,
    idle: &BTreeSet<String>,
    options: &Options,
) -> Result<(), PlanError> {
    if options.destroy {
        return Ok(());
    }
    for step in &plan.steps {
        if !options.allow_outage {
            leaves(plan, unchanged, addresses, step)?;
            makes_room(plan, step)?;
            takes_away(plan, unchanged, idle, step)?;
        }
        for group in &step.traffic.serves {
            if idle.contains(group) || !carries_throughout(plan, unchanged, group) {
                continue;
            }
            serving(plan, step, group, options)?;
        }
        if let (Action::Delete { .. }, Some(weight)) =
            (&step.action, unchanged.get(&step.address.to_string()).filter(|_| !is_deposed(step)))
            && *weight > 0
        {
            return Err(PlanError::Outage { step: named(step), group: step.address.to_string() });
        }
    }
    Ok(())
}

/// Refuses a change that takes a fleet out of a target group that carries traffic all along: out of
/// one that is replaced too, since the rule turns to its replacement only afterwards.
fn leaves(
    plan: &Plan,
    unchanged: &BTreeMap<String, u32>,
    addresses: &HashMap<String, Address>,
    step: &Step,
) -> Result<(), PlanError> {
    let (Action::Update, Some(record), Some(live)) = (&step.action, &step.record, &step.live) else {
        return Ok(());
    };
    let Some(kind) = kind::find_managed(&step.address.kind) else { return Ok(()) };
    let stays: Vec<Value> = kind.traffic(&step.inputs).serves.iter().map(Value::without_marks).collect();
    let before = kind.traffic(&overlaid(record, live)).serves;
    for left in before.iter().map(Value::without_marks).filter(|group| !stays.contains(group)) {
        let Some(group) = group_name(&left, addresses) else { continue };
        if carries_throughout(plan, unchanged, &group) {
            return Err(PlanError::UnderTraffic {
                address: step.address.clone(),
                reason: format!("its instances leave `{group}`"),
                help: "declare another target group beside it and shift the weight there first; with an \
                       outage in mind, pass --allow-outage"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

/// Refuses to delete what forwards to a group that nothing else gives weight to afterwards.
fn takes_away(
    plan: &Plan,
    unchanged: &BTreeMap<String, u32>,
    idle: &BTreeSet<String>,
    step: &Step,
) -> Result<(), PlanError> {
    if !step.action.is_delete() {
        return Ok(());
    }
    let carried = step.traffic.weights.iter().filter(|(_, (before, _))| *before > 0).map(|(group, _)| group);
    let carried = carried.filter(|group| !idle.contains(*group));
    let has_a_home = |group: &String| {
        let given = |other: &Step| other.traffic.weights.get(group).is_some_and(|(_, after)| *after > 0);
        unchanged.get(group).is_some_and(|weight| *weight > 0) || plan.steps.iter().any(given)
    };
    match carried.clone().next() {
        Some(group) if !carried.clone().any(has_a_home) => Err(PlanError::UnderTraffic {
            address: step.address.clone(),
            reason: format!("it is to be deleted, and nothing else would forward to `{group}`"),
            help: "if it has only been renamed, `bgform state mv` its old address to the new one; if its \
                   requests are to go unanswered, pass --allow-outage; `bgform destroy` takes all away"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Refuses to delete what forwards traffic in order that another may have its place.
fn makes_room(plan: &Plan, step: &Step) -> Result<(), PlanError> {
    let place = plan.steps.iter().position(|other| std::ptr::eq(other, step));
    let carried = |group: &String| step.traffic.weights.get(group).is_some_and(|(before, _)| *before > 0);
    let next = plan.steps.iter().find(|other| {
        !other.action.is_delete()
            && place.is_some_and(|place| other.after.contains(&place))
            && other.traffic.weights.iter().any(|(group, (_, after))| *after > 0 && carried(group))
    });
    match next {
        Some(next) if step.action.is_delete() => Err(PlanError::UnderTraffic {
            address: step.address.clone(),
            reason: match next.address == step.address {
                true => "it has to go before its replacement can have its place".to_owned(),
                false => format!("it has to go before `{}` can have its place", next.address),
            },
            help: match next.address == step.address {
                true => "with an outage in mind, pass --allow-outage".to_owned(),
                false => format!(
                    "if it has only been renamed: bgform state mv '{}' '{}'; with an outage in mind, pass \
                     --allow-outage",
                    step.address, next.address
                ),
            },
        }),
        _ => Ok(()),
    }
}

fn is_deposed(step: &Step) -> bool {
    matches!(step.action, Action::Delete { deposed: true, .. } | Action::Forget { deposed: true, .. })
}

fn serving(plan: &Plan, step: &Step, group: &str, options: &Options) -> Result<(), PlanError> {
    match step.action {
        Action::Update => {
            let changed = changed_attributes(&step.changes);
            let refused = kind::find_managed(&step.address.kind)
                .and_then(|kind| kind.refused_under_traffic(&changed, &step.inputs));
            match refused {
                Some((reason, help)) if !options.allow_outage => {
                    Err(PlanError::UnderTraffic { address: step.address.clone(), reason, help })
                }
                _ => Ok(()),
            }
        }
        Action::Delete { .. } => {
            // Its replacement, made first, takes over.
            let replaced = plan.steps.iter().any(|other| {
                other.address == step.address
                    && matches!(other.action, Action::Create { replaces: Some(_), .. })
                    && other.traffic.serves.iter().any(|served| served == group)
            });
            match replaced || options.allow_outage {
                true => Ok(()),
                false => Err(PlanError::Outage { step: named(step), group: group.to_owned() }),
            }
        }
        Action::Create { .. } | Action::Forget { .. } => Ok(()),
    }
}

/// Whether a group has weight before and after the plan: then there is no moment at which its
/// targets may be touched. A weight that rises does so after them, one that falls to 0 before.
fn carries_throughout(plan: &Plan, unchanged: &BTreeMap<String, u32>, group: &str) -> bool {
    let kept = unchanged.get(group).copied().unwrap_or_default() > 0;
    kept || plan
        .steps
        .iter()
        .any(|step| step.traffic.weights.get(group).is_some_and(|(before, after)| *before > 0 && *after > 0))
}

fn named(step: &Step) -> String {
    format!("{} of `{}`", step.action.verb(), step.address)
}
