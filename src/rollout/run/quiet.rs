//! Waits until a colour that has lost its weight gets no request any more.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::cloud::metrics::Series;
use crate::deployment::names;
use crate::facts::Colour;
use crate::rollout::verify::Effect;
use crate::rollout::watch;
use crate::state::Snapshot;

/// For so long a colour without weight that still gets requests keeps its instances; then somebody
/// has to look at who sends them.
const STRAY: Duration = Duration::from_secs(600);
/// The pause between two looks at its requests.
const PAUSE: Duration = Duration::from_secs(15);

impl Rolling<'_> {
    /// Waits until the colour had no weight for the time that the load balancer may take to know it, and
    /// gets no request any more, where a metric tells.
    pub async fn quiet(&self, colour: Colour) -> Result<(), Failure> {
        self.wait_for_quiet(colour).await?;
        self.is_so(Effect::Settled(colour));
        Ok(())
    }

    async fn wait_for_quiet(&self, colour: Colour) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let facts = self.facts();
        // It never had any.
        let Some(since) = facts.unweighted.get(&colour) else { return Ok(()) };
        // A clock that was ahead when that was noted, or is behind now, counts as no time at all; from here
        // on the time is not the wall clock's.
        let now = clock.now();
        let since = since.map_or(now, |since| since.min(now));
        let before = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let settle = facts.settle();
        let began = clock.monotonic();
        loop {
            let waited = before + clock.monotonic().saturating_sub(began);
            let left = settle.saturating_sub(waited);
            if left.is_zero() {
                break;
            }
            self.say(&format!("{colour} may get requests for {} s more", left.as_secs() + 1));
            self.pause(left.min(LOOK)).await?;
        }
        let Some(counted) = self.counted(&self.run.journal.snapshot(), colour) else { return Ok(()) };
        while let Some(requests) = watch::requests(self.run.cloud, &counted, since).await {
            let reason = format!("{colour} has no weight and got {requests} requests in the last minute");
            if clock.monotonic().saturating_sub(began) >= STRAY {
                return Err(Failure::Stray { colour, reason });
            }
            self.say(&reason);
            self.pause(PAUSE).await?;
        }
        Ok(())
    }

    pub async fn pause(&self, time: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = self.run.cloud.clock.sleep(time) => Ok(()),
            () = self.run.shutdown.draining() => Err(Failure::Interrupted),
        }
    }

    /// What counts the requests that the colour gets from the first router.
    fn counted(&self, snapshot: &Snapshot, colour: Colour) -> Option<Series> {
        let group = &snapshot.resources.get(&self.address(self.seam().targets(), colour))?.id;
        let routers = names::routers(snapshot, self.name);
        let (_, record, router) = routers.first()?;
        router.requests(&record.inputs, group)
    }
}
