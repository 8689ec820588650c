//! Installs the release on running instances by commands. Batch after batch of the live colour is put on
//! standby, given the release, and brought back. The facts hold the progress ([`Batches`]), so that a run
//! that was cut short goes on with its batch. The group launches the old release until every instance has the
//! new one ([`super::pin`]).

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::try_join_all;

use super::refresh::{inputs, is_later};
use super::{Act, Doing, Setting};

use crate::cloud::error::Error;
use crate::deployment::declaration::Strategy;
use crate::facts::{Batches, Colour, Course, Origin, Sizing};
use crate::kind::fleet::{Member, Rested, Standing, Template};
use crate::kind::shell::{self, Script};
use crate::rollout::health::Served;
use crate::rollout::run::{Failure, Rolling, Stop};
use crate::rollout::verify::{Effect, Point};

/// The longest deregistration delay (3600 s), and a margin.
const DRAIN: Duration = Duration::from_secs(3900);

pub struct InPlace {
    /// Percent of the instances in service.
    pub batch: f64,
}

impl Act for InPlace {
    fn words(&self, of: &Setting<'_>) -> String {
        let (to, label, batch) = (of.to(), &of.rollout.release.label, self.batch);
        let total = of.capacity.map(|n| format!(" of {n}")).unwrap_or_default();
        format!(
            "give   {label} to the instances{total} on {to}, {batch}% at a time on standby; each batch healthy"
        )
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
            rolling.note_origin(rollout.to).await?;
            walk(rolling, rollout.to, self.batch, |_| true).await
        }
        .boxed_local()
    }

    fn undone(&self, of: &Setting<'_>, _: usize, _: usize, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    /// The old release carries all traffic again.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((live, origin)) = rolling.origin() else { return Ok(()) };
            let batches = rolling.rollout().map(|(_, rollout)| rollout.batches).unwrap_or_default();
            back(rolling, live, &origin, &batches).await
        }
        .boxed_local()
    }
}

/// Walks through the instances that `wants` accepts, batch after batch.
pub(super) async fn walk(
    rolling: &Rolling<'_>,
    live: Colour,
    batch: f64,
    wants: impl Fn(&Member) -> bool + Copy,
) -> Result<(), Failure> {
    loop {
        // Heeds messages and pauses.
        rolling.hold(Duration::ZERO, true).await?;
        if rolling.run.shutdown.is_draining() {
            return Err(Failure::Interrupted);
        }
        let (Some((_, rollout)), Some(fleet)) = (rolling.rollout(), rolling.fleet(live).await?) else {
            return Ok(());
        };
        let resumed = !rollout.batches.current.is_empty();
        if !resumed {
            let chosen = choose(&fleet, &rollout.batches.done, batch, wants)?;
            if chosen.is_empty() {
                return Ok(());
            }
            let desired = fleet.desired;
            rolling
                .change(|_, rollout| {
                    let batches = &mut rollout.batches;
                    (batches.current, batches.ran, batches.desired) = (chosen, false, desired);
                })
                .await?;
        }
        let mut watch = Watch { rolling, live, served: Served::of(rollout.batches.done), paused: false };
        let mut batch = std::pin::pin!(one(rolling, live, resumed));
        match rolling.watched(batch.as_mut(), async || watch.look().await).await {
            Ok(()) => {}
            Err(Stop::Paused) => {}
            Err(Stop::Failed(failure)) => return Err(told(rolling, live, failure).await),
        }
    }
}

/// Adds the status of an unfinished batch to a failure, for the person who reads it.
async fn told(rolling: &Rolling<'_>, live: Colour, failure: Failure) -> Failure {
    let interrupted = matches!(failure, Failure::Interrupted);
    let Some((_, rollout)) = rolling.rollout().filter(|_| interrupted || rolling.stays(&failure)) else {
        return failure;
    };
    let Ok(Some(fleet)) = rolling.fleet(live).await else { return failure };
    let out = fleet.of(&rollout.batches.current).filter(|member| member.on_standby());
    let out: Vec<_> = out.map(|member| member.id.as_str()).collect();
    if !out.is_empty() {
        let commands = if interrupted { ", and commands that run there go on" } else { "" };
        let out = out.join(", ");
        rolling.tell(&format!(
            "on standby, without traffic, until `bgform apply` or `bgform abort`: {out}{commands}"
        ));
    }
    failure
}

/// The check that runs while a batch is under way.
struct Watch<'a> {
    rolling: &'a Rolling<'a>,
    live: Colour,
    served: Served,
    paused: bool,
}

impl Watch<'_> {
    async fn look(&mut self) -> Result<(), Stop> {
        let (rolling, live) = (self.rolling, self.live);
        let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
        if rollout.course == Course::Paused && !std::mem::replace(&mut self.paused, true) {
            rolling.tell("the batch under way is ended first; then it is paused");
        }
        let Some(fleet) = rolling.fleet(live).await? else { return Ok(()) };
        let unfit = self.served.look(rolling.run.cloud, &fleet, &rollout.batches.done).await?;
        match unfit.fell_ill {
            Some(reason) => Err(Failure::Unhealthy { colour: live, reason }.into()),
            None => Ok(()),
        }
    }
}

/// Chooses the next batch: empty if no instance is left.
pub(super) fn choose(
    fleet: &Standing,
    done: &BTreeSet<String>,
    batch: f64,
    wants: impl Fn(&Member) -> bool,
) -> Result<BTreeSet<String>, Error> {
    let serving: Vec<&Member> = fleet.members.iter().filter(|member| member.in_service()).collect();
    let left: BTreeSet<String> = serving
        .iter()
        .filter(|member| wants(member) && !done.contains(&member.id))
        .map(|member| member.id.clone())
        .collect();
    let size = size(serving.len(), batch);
    if !left.is_empty() && size == serving.len() && batch < 100.0 {
        return Err(Error::failed(
            format!(
                "`{}` has one instance in service, and no batch of it leaves another to carry the traffic",
                fleet.name
            ),
            "have two instances at least (`min_size = 2`), or say that an outage is meant: `batch = 100%`",
        ));
    }
    Ok(left.into_iter().take(size).collect())
}

/// The size of a batch: `batch` percent of the `serving` instances, rounded down and at least one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a count"
)]
fn size(serving: usize, batch: f64) -> usize {
    ((serving as f64 * batch / 100.0).floor() as usize).max(1)
}

/// Takes the current batch through standby, the commands and back into service.
async fn one(rolling: &Rolling<'_>, live: Colour, resumed: bool) -> Result<(), Failure> {
    let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
    let address = rolling.fleet_of(live);
    let (op, group) = (rolling.changes(Effect::Replaced(live), &address)?, rolling.group(live));
    let Some(fleet) = rolling.fleet(live).await? else { return Ok(()) };
    // An instance that was replaced meanwhile no longer belongs to the batch.
    let there = |member: &&Member| !member.leaving();
    let ids: BTreeSet<String> =
        fleet.of(&rollout.batches.current).filter(there).map(|member| member.id.clone()).collect();
    let told = ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !rollout.batches.ran {
        let serving = fleet.of(&ids).filter(|member| member.serves()).count();
        let units = i32::try_from(serving).unwrap_or(i32::MAX);
        if fleet.desired.saturating_sub(units) < fleet.min {
            let lower = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            // The way back from records alone reads the file's bounds from here.
            let bounds = rolling.bounds(live).filter(|_| rolling.facts().sizing(live) == Sizing::File);
            rolling
                .change(|facts, _| {
                    facts.bounds = bounds.or(facts.bounds);
                    facts.sizing.insert(live, Sizing::Standby(lower));
                })
                .await?;
            rolling.agree(&rolling.groups()).await?;
        }
        rolling.say(&format!("{told} leave the traffic for the new release"));
        seam(rolling)?.enter(&op, &group, &ids, DRAIN).await?;
        run(rolling, live, &ids, resumed).await?;
        rolling.change(|_, rollout| rollout.batches.ran = true).await?;
    }
    seam(rolling)?.exit(&op, &group, &ids, rolling.limit(live)).await?;
    rolling
        .change(|facts, rollout| {
            facts.sizing.insert(live, Sizing::File);
            rollout.batches.done.extend(ids.iter().cloned());
            rollout.batches.current.clear();
            rollout.batches.ran = false;
        })
        .await?;
    rolling.agree(&rolling.groups()).await?;
    rolling.tell(&format!("{told} carry the new release"));
    Ok(())
}

/// Runs the strategy's commands on all of these instances at once. Commands that an earlier run sent for the
/// batch are not sent again.
async fn run(
    rolling: &Rolling<'_>,
    live: Colour,
    ids: &BTreeSet<String>,
    resumed: bool,
) -> Result<(), Failure> {
    let Strategy::InPlace { run, timeout, .. } = &rolling.declaration.strategy else {
        return Err(Failure::Cloud(Error::failed(
            "the strategy is no longer `in_place`, and the commands of this release are gone with it",
            "write it as it was, or go back with `bgform abort`",
        )));
    };
    let address = rolling.fleet_of(live);
    let op = rolling.changes(Effect::Replaced(live), &address)?;
    // The name is unique to the rollout, even if the same release is shipped again.
    let name = rolling.rollout().map(|(_, rollout)| {
        format!("bgform {} {}", rollout.release.fingerprint, rollout.release.began.as_millisecond())
    });
    let scripts: Vec<Script<'_>> = ids
        .iter()
        .map(|id| Script {
            instance: id,
            who: format!("`{id}`"),
            name: name.clone().unwrap_or_default(),
            resumed,
            commands: run,
            timeout: Duration::from_secs(*timeout),
            reach: rolling.limit(live),
            help: "mend `run` of the strategy and apply again; the commands have to bear being run twice",
        })
        .collect();
    try_join_all(scripts.iter().map(|script| shell::run(&op, script))).await?;
    Ok(())
}

/// Brings the old release back. Instances on standby are terminated without having served. Then instances
/// with the new release are replaced one after another, from the version that the group launched before.
async fn back(
    rolling: &Rolling<'_>,
    live: Colour,
    origin: &Origin,
    batches: &Batches,
) -> Result<(), Failure> {
    let address = rolling.fleet_of(live);
    let (op, group) = (rolling.changes(Effect::Replaced(live), &address)?, rolling.group(live));
    rolling
        .unless_interrupted(async {
            seam(rolling)?.pin(&op, &group, &inputs(rolling, live)?, &Template::from(origin)).await?;
            seam(rolling)?.end(&op, &group, &batches.current).await?;
            if !batches.current.is_empty() {
                seam(rolling)?.grow(&op, &group, batches.desired).await?;
            }
            rolling
                .change(|facts, _| {
                    facts.sizing.insert(live, Sizing::File);
                })
                .await?;
            rolling.agree(&rolling.groups()).await?;
            let Some(fleet) = rolling.fleet(live).await? else { return Ok(()) };
            let touched = touched(&fleet, origin, batches);
            Ok(seam(rolling)?.replace(&op, &group, &touched, rolling.limit(live)).await?)
        })
        .await?;
    rolling.healthy(live).await
}

/// The part of the fleet that takes instances out of the traffic and back.
fn seam(rolling: &Rolling<'_>) -> Result<&'static dyn Rested, Error> {
    let fleet = rolling.seam();
    fleet.rested().ok_or_else(|| {
        let kind = fleet.kind();
        let message = format!("no instance of `{kind}` can leave the traffic and come back");
        Error::failed(message, "ship with strategy \"blue_green\"")
    })
}

/// The instances that may have the new release: by its commands, or launched from a later version than the
/// origin's.
fn touched(fleet: &Standing, origin: &Origin, batches: &Batches) -> BTreeSet<String> {
    let given = |member: &Member| batches.done.contains(&member.id) || batches.current.contains(&member.id);
    let all = fleet.members.iter().filter(|member| given(member) || is_later(member, origin));
    all.map(|member| member.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_rounded_down_and_never_empty() {
        assert_eq!([2, 3, 4, 5].map(|serving| size(serving, 50.0)), [1, 1, 2, 2]);
        assert_eq!((size(10, 5.0), size(3, 99.0), size(3, 100.0), size(1, 50.0)), (1, 2, 3, 1));
    }
}
