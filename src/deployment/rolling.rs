//! A release by instance refresh: the live colour's instances are replaced by ones of the new version,
//! which is in the refresh's desired configuration, so that AWS takes it back by itself when the
//! refresh fails (user guide, instance-refresh-rollback).

use std::time::Duration;

use super::declaration::Strategy;
use super::run::{Failure, Rolling};
use crate::cloud::error::Error;
use crate::kind::autoscaling_group::fleet::Template;
use crate::kind::autoscaling_group::refresh::{self, under_way};
use crate::kind::autoscaling_group::spec::{Refresh, Spec};
use crate::state::deployment::{Colour, Origin};

/// How often a refresh is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Refreshes the live colour and waits until every target is healthy. A message, a gate or a refresh
/// that gets no further turns it round.
pub async fn perform(rolling: &Rolling<'_>, live: Colour) -> Result<(), Failure> {
    rolling.note_origin(live).await?;
    let addresses = rolling.addresses();
    let refreshed = rolling.agree_as(&addresses, true);
    tokio::pin!(refreshed);
    let failure = tokio::select! {
        refreshed = &mut refreshed => {
            refreshed?;
            return rolling.healthy(live).await;
        }
        failure = watch(rolling, live) => failure,
    };
    let address = rolling.address("autoscaling_group", live);
    rolling.tell(&format!("the refresh is turned round: {failure}"));
    refresh::turn_back(&rolling.operation(&address), &rolling.group(live)).await?;
    // It ends as the refresh does, and what it says is a consequence of the failure.
    let _ = refreshed.await;
    Err(failure)
}

/// Ends with the first reason for which the refresh has to be turned round.
async fn watch(rolling: &Rolling<'_>, live: Colour) -> Failure {
    match stalled(rolling, live).await {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

async fn stalled(rolling: &Rolling<'_>, live: Colour) -> Result<std::convert::Infallible, Failure> {
    let clock = &rolling.run.cloud.clock;
    let address = rolling.address("autoscaling_group", live);
    let (op, group) = (rolling.operation(&address), rolling.group(live));
    let limit = patience(rolling, live);
    let (mut most, mut since) = (-1, clock.monotonic());
    loop {
        clock.sleep(LOOK).await;
        rolling.heed().await?;
        rolling.guards().await?;
        match under_way(&op, &group).await? {
            Some((percentage, _)) if percentage > most => (most, since) = (percentage, clock.monotonic()),
            Some((_, seen)) if clock.monotonic().saturating_sub(since) > limit => {
                return Err(Failure::Cloud(Error::failed(
                    format!(
                        "no further instance became healthy within {}: {seen}",
                        crate::value::format_duration(limit)
                    ),
                    "look at what keeps the new instances from passing their health check; `ready_timeout` says how \
                     long they may take",
                )));
            }
            Some(_) => {}
            // Not begun yet, or about to be told of.
            None => since = clock.monotonic(),
        }
    }
}

/// How long a refresh may stand still: as long as instances may take, warm up, and a checkpoint lasts.
fn patience(rolling: &Rolling<'_>, live: Colour) -> Duration {
    let paused = match rolling.declaration.strategy {
        Strategy::Rolling { checkpoint_delay, .. } => checkpoint_delay.unwrap_or_default(),
        _ => 0,
    };
    let warmup = spec(rolling, live).map(|spec| spec.warmup()).unwrap_or_default();
    rolling.limit(live) + warmup + Duration::from_secs(paused)
}

/// Every instance of the colour runs the origin's version again.
pub async fn back(rolling: &Rolling<'_>, live: Colour, origin: &Origin) -> Result<(), Failure> {
    let how = match rolling.declaration.strategy {
        Strategy::Rolling { min_healthy, max_healthy, .. } => Refresh::back(min_healthy, max_healthy),
        _ => Refresh::back(90.0, 110.0),
    };
    let address = rolling.address("autoscaling_group", live);
    let spec = spec(rolling, live)?.at(&template(origin));
    refresh::back(&rolling.operation(&address), &rolling.group(live), &spec, &how).await?;
    rolling.healthy(live).await
}

pub fn template(origin: &Origin) -> Template {
    Template { id: origin.template.clone(), version: origin.version.clone() }
}

/// The colour's group as state has it.
pub fn spec(rolling: &Rolling<'_>, live: Colour) -> Result<Spec, Error> {
    let snapshot = rolling.run.journal.snapshot();
    let address = rolling.address("autoscaling_group", live);
    let record = snapshot.resources.get(&address).ok_or_else(|| {
        Error::failed(format!("`{address}` is not in state"), "run `bgform apply`, which makes it again")
    })?;
    Spec::of(&record.inputs)
}
