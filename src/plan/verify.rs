//! Holds a plan against what must never happen: targets that carry traffic are not taken away,
//! and not changed in a way that empties them. A plan comes in; it goes through or is refused
//! with the step named.

use std::collections::BTreeMap;

use super::diff::changed_attributes;
use super::step::{Action, Plan, Step};
use super::{Options, PlanError};
use crate::kind;

/// Refuses a plan that would drop traffic. `unchanged` is the weight of each target group in
/// rules that get no step. First releases and `destroy` are exempt: nothing carries traffic
/// before, or nothing is to carry any after.
pub fn verify(plan: &Plan, unchanged: &BTreeMap<String, u32>, options: &Options) -> Result<(), PlanError> {
    if options.destroy {
        return Ok(());
    }
    for step in &plan.steps {
        for group in &step.traffic.serves {
            if !carries_throughout(plan, unchanged, group) {
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
