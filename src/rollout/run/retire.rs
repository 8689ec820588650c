//! The end of a colour: it is emptied once it had no weight for long enough, now or by a scheduled
//! action; and how that is called off.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::deployment::names;
use crate::facts::{Colour, Retirement, Sizing};
use crate::kind::router::Requests;
use crate::rollout::{retirement, seen, watch};
use crate::state::Snapshot;

/// For so long a colour without weight that still gets requests keeps its instances; then somebody
/// has to look at who sends them.
const STRAY: Duration = Duration::from_secs(600);
/// The pause between two looks at its requests.
const PAUSE: Duration = Duration::from_secs(15);

impl Rolling<'_> {
    /// The old colour is emptied, now or by AWS when its time has come.
    pub(super) async fn retire(&self, old: Option<Colour>, after: Duration) -> Result<(), Failure> {
        let Some(old) = old else { return Ok(()) };
        match after.is_zero() {
            true => self.empty(old).await,
            false => self.schedule(old, after).await,
        }
    }

    /// AWS empties the colour when its time has come. It is a fact before the call is made: a run that
    /// is cut short here calls off what may stand.
    pub(super) async fn schedule(&self, colour: Colour, after: Duration) -> Result<(), Failure> {
        let now = self.run.cloud.clock.now();
        let at = now.checked_add(after).unwrap_or(now);
        self.change_facts(|facts| {
            facts.sizing.insert(colour, Sizing::Left);
            facts.retirement = Some(Retirement { colour, at, after });
        })
        .await?;
        let address = self.address("autoscaling_group", colour);
        Ok(retirement::schedule(&self.operation(&address), &self.group(colour), at).await?)
    }

    /// The colour is not emptied by AWS any more.
    pub(in crate::rollout) async fn call_off(&self, colour: Colour) -> Result<(), Failure> {
        if self.facts().retirement.is_none_or(|one| one.colour != colour) {
            return Ok(());
        }
        let address = self.address("autoscaling_group", colour);
        retirement::unschedule(&self.operation(&address), &self.group(colour)).await?;
        Ok(self.change_facts(|facts| facts.retirement = None).await?)
    }

    /// The colour has no instances any more.
    pub(in crate::rollout) async fn empty(&self, colour: Colour) -> Result<(), Failure> {
        self.quiet(colour).await?;
        self.has_no_weight(colour).await?;
        self.call_off(colour).await?;
        self.change_facts(|facts| facts.size(colour, Sizing::Empty)).await?;
        self.agree(&self.groups()).await
    }

    /// Waits until the colour had no weight for the time that the load balancer may take to know it, and
    /// gets no request any more, where CloudWatch tells.
    pub(super) async fn quiet(&self, colour: Colour) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let facts = self.facts();
        // It never had any.
        let Some(since) = facts.unweighted.get(&colour) else { return Ok(()) };
        let since = since.unwrap_or(clock.now());
        let settle = facts.settle();
        let began = clock.monotonic();
        loop {
            let waited = Duration::try_from(clock.now().duration_since(since)).unwrap_or_default();
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

    /// Somebody may have given it weight by hand.
    async fn has_no_weight(&self, colour: Colour) -> Result<(), Failure> {
        let weights = seen::weights(self.run.cloud, &self.run.journal.snapshot(), self.name).await?;
        let found = weights.and_then(|weights| weights.get(&colour).copied()).unwrap_or_default();
        match found {
            0 => Ok(()),
            _ => Err(Failure::Moved { address: self.first_router(), colour, found, planned: 0 }),
        }
    }

    pub(super) async fn pause(&self, time: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = self.run.cloud.clock.sleep(time) => Ok(()),
            () = self.run.shutdown.draining() => Err(Failure::Interrupted),
        }
    }

    /// What counts the requests that the colour gets from the first router.
    fn counted(&self, snapshot: &Snapshot, colour: Colour) -> Option<Requests> {
        let group = &snapshot.resources.get(&self.address("target_group", colour))?.id;
        let routers = names::routers(snapshot, self.name);
        let (_, record, router) = routers.first()?;
        router.requests(&record.inputs, group)
    }
}
