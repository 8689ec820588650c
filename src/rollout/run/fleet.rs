//! The fleet of a colour: how large it is, whether it is healthy, raising it and emptying it.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::address::Address;
use crate::facts::{Colour, Retirement, Sizing};
use crate::kind::autoscaling_group::fleet::{Fleet, observe_one};
use crate::kind::autoscaling_group::ready::{Wanted, ready};
use crate::kind::autoscaling_group::retirement;
use crate::rollout::seen;
use crate::rollout::verify::{Effect, least};
use crate::value::Value;

impl Rolling<'_> {
    /// From here on scaling policies may add to the colour's instances, and none may take them away.
    pub async fn pin(&self, colour: Colour) -> Result<(), Failure> {
        Ok(self
            .change_facts(|facts| {
                if let Sizing::Raised(capacity) = facts.sizing(colour) {
                    facts.size(colour, Sizing::AtLeast(capacity));
                }
            })
            .await?)
    }

    /// The minimum and maximum that a group's record has.
    pub fn bounds(&self, colour: Colour) -> Option<[u32; 2]> {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds sizes")]
        let size = |name: &str| record.inputs.get(name).and_then(Value::as_number).map(|size| size as u32);
        Some([size("min_size")?, size("max_size")?])
    }

    /// Waits until the colour has the instances that it should have, all of them healthy targets.
    pub async fn healthy(&self, colour: Colour) -> Result<(), Failure> {
        let address = self.address("autoscaling_group", colour);
        let Some(record) = self.run.journal.snapshot().resources.get(&address).cloned() else {
            return Ok(());
        };
        let op = self.asks(&address);
        let mut waits = std::pin::pin!(ready(&op, &record.id, Wanted::HealthyTargets, self.limit(colour)));
        loop {
            tokio::select! {
                fleet = &mut waits => {
                    fleet?;
                    self.is_so(Effect::Healthy(colour));
                    return Ok(());
                }
                () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                () = self.run.cloud.clock.sleep(LOOK) => self.heed().await?,
            }
        }
    }

    /// How long the colour's instances may take to come into service.
    pub fn limit(&self, colour: Colour) -> Duration {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour));
        match record.and_then(|record| record.inputs.get("ready_timeout")) {
            Some(Value::Duration(limit)) => *limit,
            _ => Duration::from_secs(600),
        }
    }

    pub async fn fleet(&self, colour: Colour) -> Result<Option<Fleet>, Failure> {
        let address = self.address("autoscaling_group", colour);
        let Some(record) = self.run.journal.snapshot().resources.get(&address).cloned() else {
            return Ok(None);
        };
        Ok(observe_one(self.run.cloud, &record.id).await?)
    }

    /// The Auto Scaling group's name.
    pub fn group(&self, colour: Colour) -> String {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour));
        record.map(|record| record.id.clone()).unwrap_or_default()
    }

    /// The sizes of both colours' groups.
    pub fn groups(&self) -> std::collections::BTreeSet<Address> {
        Colour::BOTH.map(|colour| self.address("autoscaling_group", colour)).into()
    }

    /// A colour that is to carry all traffic again has as many instances as the other one, and keeps
    /// them: one that was retired is raised first, one that its policies may have shrunk is looked at.
    pub async fn raise_again(&self, colour: Colour) -> Result<(), Failure> {
        if least(self.facts().sizing(colour)).is_some() {
            return Ok(());
        }
        self.call_off(colour).await?;
        let desired = |fleet: &Option<Fleet>| fleet.as_ref().map_or(0, |fleet| fleet.desired.unsigned_abs());
        let capacity = desired(&self.fleet(colour.other()).await?).max(1);
        let fleet = self.fleet(colour).await?;
        let there = desired(&fleet);
        let in_service = fleet.as_ref().map_or(0, |fleet| fleet.capacity_in_service().unsigned_abs());
        if in_service < capacity {
            return self.raise_to(colour, capacity.max(there)).await;
        }
        let bounds = self.bounds(colour).filter(|_| self.facts().sizing(colour) == Sizing::File);
        self.change_facts(|facts| {
            // Pinned sizes go back to those of the file from here.
            facts.bounds = bounds.or(facts.bounds);
            facts.size(colour, Sizing::AtLeast(there));
        })
        .await?;
        self.agree(&self.groups()).await?;
        self.is_large_enough(colour);
        Ok(())
    }

    /// A colour that is empty, or too small, has so many healthy instances again.
    pub async fn raise_to(&self, colour: Colour, capacity: u32) -> Result<(), Failure> {
        self.call_off(colour).await?;
        self.tell(&format!("{colour} is raised to {capacity} instances again before it gets traffic"));
        self.change_facts(|facts| facts.size(colour, Sizing::Raised(capacity))).await?;
        self.agree(&self.groups()).await?;
        self.healthy(colour).await?;
        self.pin(colour).await
    }

    /// The colour was seen with enough instances in service.
    pub fn is_large_enough(&self, colour: Colour) {
        self.is_so(Effect::Healthy(colour));
    }

    /// AWS empties the colour when its time has come. It is a fact before the call is made: a run that
    /// is cut short here calls off what may stand.
    pub async fn schedule(&self, colour: Colour, after: Duration) -> Result<(), Failure> {
        let now = self.run.cloud.clock.now();
        let at = now.checked_add(after).unwrap_or(now);
        let address = self.address("autoscaling_group", colour);
        let op = self.changes(Effect::Scheduled(colour), &address)?;
        self.change_facts(|facts| {
            facts.size(colour, Sizing::Left);
            facts.retirement = Some(Retirement { colour, at, after });
        })
        .await?;
        Ok(retirement::schedule(&op, &self.group(colour), at).await?)
    }

    /// The colour is not emptied by AWS any more.
    pub async fn call_off(&self, colour: Colour) -> Result<(), Failure> {
        if self.facts().retirement.is_none_or(|one| one.colour != colour) {
            return Ok(());
        }
        let address = self.address("autoscaling_group", colour);
        let op = self.changes(Effect::Unscheduled(colour), &address)?;
        retirement::unschedule(&op, &self.group(colour)).await?;
        Ok(self.change_facts(|facts| facts.retirement = None).await?)
    }

    /// The colour has no instances any more.
    pub async fn empty(&self, colour: Colour) -> Result<(), Failure> {
        self.quiet(colour).await?;
        self.has_no_weight(colour).await?;
        self.call_off(colour).await?;
        self.change_facts(|facts| facts.size(colour, Sizing::Empty)).await?;
        self.agree(&self.groups()).await
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
}
