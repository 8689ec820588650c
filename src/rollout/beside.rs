//! The changes that a release brings besides the live release, if the fleet's launch source is at another
//! release: one that was taken back or left. Reads only.

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::facts::Course;
use crate::kind::fleet::Standing;
use crate::kind::{self, fleet::Fleet};
use crate::plan::diff::diff;
use crate::plan::step::{Action, Beside, Plan};
use crate::rollout::decide::Intent;

/// Adds those changes to the plan. `carries` is the fleet that has the traffic.
pub(super) async fn beside(
    cloud: &Cloud,
    intent: &Intent,
    seam: &dyn Fleet,
    carries: &Standing,
    plan: &mut Plan,
) -> Result<(), Error> {
    let facts = &intent.facts;
    let live = facts.live.and_then(|live| facts.releases.get(&live));
    let goes = facts.rollout.as_ref().is_some_and(|rollout| rollout.course == Course::Forward);
    let (Some(live), Some(version), true) = (live, &carries.template, goes) else { return Ok(()) };
    let source = Address::new(seam.source(), &intent.name);
    let step = plan.steps.iter().find(|step| step.address == source && step.action == Action::Update);
    let Some((step, record)) = step.and_then(|step| Some((step, step.record.as_ref()?))) else {
        return Ok(());
    };
    let Some(kind) = kind::find_managed(&source.kind) else { return Ok(()) };
    let Some(was) = seam.at_version(cloud, version, record).await? else { return Ok(()) };
    let changes = diff(kind.schema(), &was, &step.inputs, &record.inputs);
    if changes != step.changes {
        plan.beside.insert(source, Beside { release: live.label.clone(), changes });
    }
    Ok(())
}
