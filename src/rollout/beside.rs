//! The changes that a release brings besides the live release, if a changed resource is at another release:
//! the fleet's launch source, whose last release was taken back or left, and the idle colour's target group.
//! Reads only.

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::facts::{Colour, Course};
use crate::kind::fleet::Standing;
use crate::kind::{self, fleet::Fleet};
use crate::plan::diff::diff;
use crate::plan::step::{Action, Beside, Plan, Step};
use crate::rollout::decide::Intent;
use crate::state::{Record, Snapshot};

/// Adds those changes to the plan. `carries` is the fleet that has the traffic.
pub(super) async fn beside(
    cloud: &Cloud,
    intent: &Intent,
    seam: &dyn Fleet,
    carries: &Standing,
    snapshot: &Snapshot,
    plan: &mut Plan,
) -> Result<(), Error> {
    let facts = &intent.facts;
    let live = facts.live.and_then(|live| facts.releases.get(&live));
    let goes = facts.rollout.as_ref().is_some_and(|rollout| rollout.course == Course::Forward);
    let (Some(live), Some(version), true) = (live, &carries.template, goes) else { return Ok(()) };
    let source = Address::new(seam.source(), &intent.name);
    if let Some((step, record)) = updated(plan, &source)
        && let Some(kind) = kind::find_managed(&source.kind)
        && let Some(was) = seam.at_version(cloud, version, record).await?
    {
        let changes = diff(kind.schema(), &was, &step.inputs, &record.inputs);
        if changes != step.changes {
            plan.beside.insert(source, Beside { release: live.label.clone(), changes });
        }
    }
    // The idle colour's target group stands as its last release had it.
    let of = |colour: Colour| Address::new(seam.targets(), &intent.name).with_key(colour.name());
    let Some(carrying) = facts.live else { return Ok(()) };
    let targets = of(carrying.other());
    if let Some((step, record)) = updated(plan, &targets)
        && let Some(kind) = kind::find_managed(&targets.kind)
        && let Some(was) = snapshot.resources.get(&of(carrying))
    {
        let changes = diff(kind.schema(), &was.inputs, &step.inputs, &record.inputs);
        if changes != step.changes {
            plan.beside.insert(targets, Beside { release: live.label.clone(), changes });
        }
    }
    Ok(())
}

/// The step that updates a resource, and the record that it starts from.
fn updated<'a>(plan: &'a Plan, address: &Address) -> Option<(&'a Step, &'a Record)> {
    let step = plan.steps.iter().find(|step| step.address == *address && step.action == Action::Update)?;
    Some((step, step.record.as_ref()?))
}
