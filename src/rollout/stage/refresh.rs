//! Replaces the live colour's instances with instances of the new version, by an instance refresh. The
//! version is in the refresh's desired configuration, so that AWS itself rolls back a refresh that fails
//! (user guide, instance-refresh-rollback).

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};

use super::{Act, Doing, Setting};
use crate::cloud::error::Error;
use crate::deployment::declaration::Strategy;
use crate::facts::{Colour, Course, Origin};
use crate::kind::fleet::{Member, Pace, Replaced, Template};
use crate::rollout::health::Served;
use crate::rollout::run::{Failure, Rolling, Stop};
use crate::rollout::verify::{Effect, Point};
use crate::value::{Object, format_duration};

pub struct Refresh;

impl Act for Refresh {
    /// `roll blue's instances by an instance refresh, 50% → 100%; at least 90% healthy`
    fn words(&self, of: &Setting<'_>) -> String {
        let live = of.to();
        let Strategy::Rolling { min_healthy, checkpoints, checkpoint_delay, .. } = &of.declaration.strategy
        else {
            return format!("roll   {live}'s instances by an instance refresh");
        };
        let mut stops: Vec<String> = checkpoints.iter().map(|share| format!("{share}%")).collect();
        if checkpoints.last() != Some(&100.0) {
            stops.push("100%".to_owned());
        }
        let pause = checkpoint_delay.filter(|_| !checkpoints.is_empty()).map(Duration::from_secs);
        let pause = pause.map(|pause| format!(", {} at each", format_duration(pause))).unwrap_or_default();
        format!(
            "roll   {live}'s instances by an instance refresh, {}{pause}; at least {min_healthy}% healthy",
            stops.join(" → ")
        )
    }

    fn way_back(&self, _: &Setting<'_>, _: usize, _: u8) -> String {
        TURNED.to_owned()
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            match rolling.rollout() {
                Some((_, rollout)) => perform(rolling, rollout.to).await,
                None => Ok(()),
            }
        }
        .boxed_local()
    }

    fn undone(&self, of: &Setting<'_>, _: usize, _: usize, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    /// Every instance of the colour runs its earlier version again.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((live, origin)) = rolling.origin() else { return Ok(()) };
            // The record has the inputs even when the stack is not read.
            let inputs = rolling.record(live).map(|record| record.inputs).unwrap_or_default();
            let pace = match rolling.declaration.strategy {
                Strategy::Rolling { min_healthy, max_healthy, .. } => {
                    Pace { min_healthy, max_healthy, ..Pace::default() }
                }
                _ => seam(rolling)?.pace(&inputs),
            };
            let gone = rolling.unless_interrupted(bring_back(rolling, live, &origin, pace)).await;
            if let Err(Failure::Interrupted) = gone {
                goes_on_back(rolling);
            }
            gone?;
            rolling.healthy(live).await
        }
        .boxed_local()
    }
}

/// The way back from a refresh, in a plan's words.
pub(super) const TURNED: &str = "the refresh is turned round";

/// Refreshes the live colour and waits until every target is healthy. An abort, a failed gate, a new instance
/// that does not stay healthy or a refresh that makes no progress turns it round.
async fn perform(rolling: &Rolling<'_>, live: Colour) -> Result<(), Failure> {
    rolling.note_origin(live).await?;
    let addresses = rolling.addresses();
    loop {
        let mut refreshed = std::pin::pin!(rolling.agree_as(&addresses, true).fuse());
        let mut watch = Watch::begin(rolling, live);
        let stop = match rolling.watched(refreshed.as_mut(), async || watch.look().await).await {
            Ok(()) => {
                rolling.healthy(live).await?;
                // A gate without a verdict is waited for.
                return rolling.hold(Duration::ZERO, true).await;
            }
            Err(stop) => stop,
        };
        match stop {
            Stop::Paused => paused(rolling, live, refreshed).await?,
            Stop::Failed(failure) => {
                ended(rolling, live, &failure, refreshed).await?;
                return Err(failure);
            }
        }
        // The refresh may have ended before the cancellation: then nothing is left to do.
        rolling.hold(Duration::ZERO, true).await?;
    }
}

/// Pauses a refresh. AWS has no pause for one: it is cancelled, which leaves the instances as they are, and
/// another refresh replaces the rest (user guide, cancel-instance-refresh).
async fn paused(
    rolling: &Rolling<'_>,
    live: Colour,
    refreshed: Pin<&mut Fuse<impl Future<Output = Result<(), Failure>>>>,
) -> Result<(), Failure> {
    rolling.tell(&format!(
        "a refresh cannot be paused at AWS, so this one is cancelled: instances of {live} that were replaced stay, \
         and going on starts another one for the rest"
    ));
    cancel(rolling, live).await?;
    if refreshed.is_terminated() {
        return Ok(());
    }
    match rolling.unless_interrupted(refreshed).await {
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        // The refresh was cancelled or is at its end; the next one finds out.
        _ => Ok(()),
    }
}

/// Acts on `failure`: the refresh goes on by itself, stops, or is turned round.
async fn ended(
    rolling: &Rolling<'_>,
    live: Colour,
    failure: &Failure,
    refreshed: Pin<&mut Fuse<impl Future<Output = Result<(), Failure>>>>,
) -> Result<(), Failure> {
    let address = rolling.fleet_of(live);
    let (op, group) = (rolling.changes(Effect::Replaced(live), &address)?, rolling.group(live));
    let asked = matches!(failure, Failure::Asked { .. });
    let turned = match failure {
        Failure::State(_) => return Ok(()),
        Failure::Interrupted => {
            if let Ok(Some((_, seen))) = seam(rolling)?.under_way(&op, &group).await {
                rolling.tell(&format!(
                    "AWS goes on with the refresh by itself ({seen}); `bgform apply` goes on with it, `bgform abort` \
                     turns it round"
                ));
            }
            return Ok(());
        }
        _ if rolling.stays(failure) => {
            rolling.tell(&format!("the refresh is cancelled, and {live} stays as it is by then: {failure}"));
            seam(rolling)?.cancel(&op, &group).await
        }
        _ => {
            // Recorded before the call, so that the run after a kill does not begin the refresh again.
            let course = Course::Back { reason: failure.to_string(), asked };
            rolling.change(|_, rollout| rollout.course = course).await?;
            rolling.tell(&format!("the refresh is turned round: {failure}"));
            seam(rolling)?.turn_back(&op, &group).await
        }
    };
    // If the call failed, the way back repeats it.
    if turned.is_ok()
        && !refreshed.is_terminated()
        && let Err(Failure::Interrupted) = rolling.unless_interrupted(refreshed).await
    {
        goes_on_back(rolling);
        return Err(Failure::Interrupted);
    }
    Ok(())
}

fn goes_on_back(rolling: &Rolling<'_>) {
    rolling.tell("AWS goes on with the way back by itself; `bgform apply` waits for its end");
}

/// Cancels the refresh of the live colour, if one is under way.
pub async fn cancel(rolling: &Rolling<'_>, live: Colour) -> Result<(), Failure> {
    let address = rolling.fleet_of(live);
    let op = rolling.changes(Effect::Replaced(live), &address)?;
    Ok(seam(rolling)?.cancel(&op, &rolling.group(live)).await?)
}

/// The check that runs while a refresh is under way.
struct Watch<'a> {
    rolling: &'a Rolling<'a>,
    live: Colour,
    /// Maximum time without progress.
    limit: Duration,
    /// The progress of the refresh under way, in percent, and when it was reached.
    most: i32,
    since: Duration,
    served: Served,
    promoted: bool,
}

impl<'a> Watch<'a> {
    fn begin(rolling: &'a Rolling<'a>, live: Colour) -> Self {
        let since = rolling.run.cloud.clock.monotonic();
        let limit = patience(rolling, live);
        Self { rolling, live, limit, most: -1, since, served: Served::default(), promoted: false }
    }

    async fn look(&mut self) -> Result<(), Stop> {
        let (rolling, live) = (self.rolling, self.live);
        let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
        if rollout.course == Course::Paused {
            return Err(Stop::Paused);
        }
        if !rollout.served.is_zero() && !std::mem::replace(&mut self.promoted, true) {
            rolling.tell("a refresh passes its checkpoints by itself; none can be ended early");
        }
        let Some(fleet) = rolling.fleet(live).await? else { return Ok(()) };
        let origin = rollout.origin.as_ref();
        let new = fleet.members.iter().filter(|member| origin.is_some_and(|origin| is_later(member, origin)));
        let new = new.map(|member| member.id.clone()).collect();
        let unfit = self.served.look(rolling.run.cloud, &fleet, &new).await?;
        if let Some(reason) = unfit.fell_ill {
            return Err(Failure::Unhealthy { colour: live, reason }.into());
        }
        let address = rolling.fleet_of(live);
        let now = rolling.run.cloud.clock.monotonic();
        match seam(rolling)?.under_way(&rolling.asks(&address), &rolling.group(live)).await? {
            // A lower one is that of another refresh, which has begun.
            Some((percentage, _)) if percentage != self.most => {
                (self.most, self.since) = (percentage, now);
            }
            Some((_, seen)) if now.saturating_sub(self.since) > self.limit => {
                let limit = format_duration(self.limit);
                let not_yet = unfit.not_yet.map(|unfit| format!("; {unfit}")).unwrap_or_default();
                let reason = format!("no further instance became healthy within {limit}: {seen}{not_yet}");
                return Err(Failure::Unhealthy { colour: live, reason }.into());
            }
            Some(_) => {}
            // The refresh has not begun, or AWS does not show it yet.
            None => self.since = now,
        }
        Ok(())
    }
}

/// Maximum time without progress: instance startup, warmup, and a checkpoint's delay.
fn patience(rolling: &Rolling<'_>, live: Colour) -> Duration {
    let paused = match rolling.declaration.strategy {
        Strategy::Rolling { checkpoint_delay, .. } => checkpoint_delay.unwrap_or_default(),
        _ => 0,
    };
    let warmup = seam(rolling).and_then(|seam| Ok(seam.warmup(&inputs(rolling, live)?))).unwrap_or_default();
    rolling.limit(live) + warmup + Duration::from_secs(paused)
}

pub(super) async fn bring_back(
    rolling: &Rolling<'_>,
    live: Colour,
    origin: &Origin,
    pace: Pace,
) -> Result<(), Failure> {
    let address = rolling.fleet_of(live);
    let (op, group) = (rolling.changes(Effect::Replaced(live), &address)?, rolling.group(live));
    let (inputs, to) = (inputs(rolling, live)?, Template::from(origin));
    Ok(seam(rolling)?.back(&op, &group, &inputs, &to, pace).await?)
}

/// Tells whether an instance was launched from a later version than the origin's.
pub(super) fn is_later(member: &Member, origin: &Origin) -> bool {
    let number = member.template.as_ref().and_then(Template::number);
    number.zip(origin.version.parse().ok()).is_some_and(|(is, was): (u64, u64)| is > was)
}

/// The inputs of the colour's fleet in the state.
pub(super) fn inputs(rolling: &Rolling<'_>, live: Colour) -> Result<Object, Error> {
    let record = rolling.record(live).ok_or_else(|| {
        let address = rolling.fleet_of(live);
        Error::failed(format!("`{address}` is not in state"), "run `bgform apply`, which makes it again")
    })?;
    Ok(record.inputs)
}

/// The part of the fleet that replaces its instances.
pub(super) fn seam(rolling: &Rolling<'_>) -> Result<&'static dyn Replaced, Error> {
    let fleet = rolling.seam();
    fleet.replaced().ok_or_else(|| {
        let kind = fleet.kind();
        Error::failed(format!("`{kind}` replaces no instances in place"), "ship with strategy \"blue_green\"")
    })
}
