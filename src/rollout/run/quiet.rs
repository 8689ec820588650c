//! Waits until a colour that has lost its weight gets no more requests.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::cloud::metrics::Series;
use crate::deployment::names;
use crate::facts::Colour;
use crate::rollout::verify::Effect;
use crate::rollout::watch;
use crate::state::Snapshot;

/// Time that a colour without weight keeps its instances while it still gets requests; after it a person has
/// to find their source.
const STRAY: Duration = Duration::from_secs(600);
/// Time between two reads of its request count.
const PAUSE: Duration = Duration::from_secs(15);

impl Rolling<'_> {
    /// Waits until the colour has had no weight for the settle time of the load balancer, and gets no more
    /// requests if a metric counts them.
    pub async fn quiet(&self, colour: Colour) -> Result<(), Failure> {
        self.wait_for_quiet(colour).await?;
        self.is_so(Effect::Settled(colour));
        Ok(())
    }

    async fn wait_for_quiet(&self, colour: Colour) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let facts = self.facts();
        // The colour never had weight.
        let Some(since) = facts.unweighted.get(&colour) else { return Ok(()) };
        // A clock that was ahead when the fact was recorded, or is behind now, counts as no time; from here
        // on the time is monotonic.
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

    /// The metric of the requests that the colour gets from the first router.
    fn counted(&self, snapshot: &Snapshot, colour: Colour) -> Option<Series> {
        let group = &snapshot.resources.get(&self.address(self.seam().targets(), colour))?.id;
        let routers = names::routers(snapshot, self.name);
        let (_, record, router) = routers.first()?;
        router.requests(&record.inputs, group)
    }
}
