//! The fleet of a colour: measures, raises and empties it, and waits until it is healthy.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::address::Address;
use crate::cloud::error::Error;
use crate::deployment::names;
use crate::facts::{Colour, Course, Retirement, Sizing};
use crate::kind::fleet::{Fleet, Standing};
use crate::rollout::seen;
use crate::rollout::verify::{Effect, least};
use crate::state::Record;

/// Lead time of a retirement that is already due, at first and at most.
const MARGIN: Duration = Duration::from_secs(30);
const LATEST: Duration = Duration::from_secs(3600);

impl Rolling<'_> {
    /// Pins the colour's size: from now on scaling policies may add instances, and none may remove them.
    pub async fn pin(&self, colour: Colour) -> Result<(), Failure> {
        Ok(self
            .change_facts(|facts| {
                if let Sizing::Raised(capacity) = facts.sizing(colour) {
                    facts.size(colour, Sizing::AtLeast(capacity));
                }
            })
            .await?)
    }

    /// Gives the colour's sizes back to the file and its scaling policies.
    pub async fn free(&self, colour: Colour) -> Result<(), Failure> {
        self.change_facts(|facts| facts.size(colour, Sizing::File)).await?;
        self.agree(&self.groups()).await
    }

    /// The kind of fleet that carries the deployment's colours.
    pub fn seam(&self) -> &'static dyn Fleet {
        self.run.journal.look(|snapshot| names::fleet(snapshot, self.name))
    }

    /// The address of a colour's fleet.
    pub fn fleet_of(&self, colour: Colour) -> Address {
        self.address(self.seam().kind(), colour)
    }

    /// The record of the colour's fleet in the state.
    pub fn record(&self, colour: Colour) -> Option<Record> {
        let address = self.fleet_of(colour);
        self.run.journal.look(|snapshot| snapshot.resources.get(&address).cloned())
    }

    /// The minimum and maximum in the fleet's record.
    pub fn bounds(&self, colour: Colour) -> Option<[u32; 2]> {
        self.seam().bounds(&self.record(colour)?.inputs)
    }

    /// Waits until the colour has all the instances that it should have, each a healthy target.
    pub async fn healthy(&self, colour: Colour) -> Result<(), Failure> {
        let Some(record) = self.record(colour) else { return Ok(()) };
        let (address, seam) = (self.fleet_of(colour), self.seam());
        let goes_back = self.rollout().is_some_and(|(_, one)| matches!(one.course, Course::Back { .. }));
        let op = self.asks(&address).on_the_way_back(goes_back);
        let mut waits = seam.ready(&op, &record.id, self.limit(colour));
        loop {
            tokio::select! {
                ready = &mut waits => {
                    ready?;
                    self.is_so(Effect::Healthy(colour));
                    return Ok(());
                }
                () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                () = self.run.cloud.clock.sleep(LOOK) => self.heed().await?,
            }
        }
    }

    /// Maximum time for the colour's instances to come into service.
    pub fn limit(&self, colour: Colour) -> Duration {
        self.seam().ready_timeout(&self.record(colour).map(|record| record.inputs).unwrap_or_default())
    }

    /// The colour's fleet as AWS shows it now; `None` if it is gone or takes no more changes.
    pub async fn fleet(&self, colour: Colour) -> Result<Option<Standing>, Failure> {
        let Some(record) = self.record(colour) else { return Ok(None) };
        let mut seen = self.seam().observe(self.run.cloud, &[&record.id]).await?;
        Ok(seen.remove(&record.id).filter(|fleet| !fleet.deleting))
    }

    /// The fleet's id.
    pub fn group(&self, colour: Colour) -> String {
        self.record(colour).map(|record| record.id).unwrap_or_default()
    }

    /// The fleets of both colours.
    pub fn groups(&self) -> std::collections::BTreeSet<Address> {
        Colour::BOTH.map(|colour| self.fleet_of(colour)).into()
    }

    /// Makes the colour as large as the other one, and keeps it so, before it carries all traffic again.
    /// Raises it if it has too few instances in service, since it may be retired or scaled in.
    pub async fn raise_again(&self, colour: Colour) -> Result<(), Failure> {
        let goes_back = self.rollout().is_some_and(|(_, rollout)| rollout.is_back());
        if !goes_back && least(self.facts().sizing(colour)).is_some() {
            return Ok(());
        }
        self.call_off(colour).await?;
        let desired =
            |fleet: &Option<Standing>| fleet.as_ref().map_or(0, |fleet| fleet.desired.unsigned_abs());
        let capacity = desired(&self.fleet(colour.other()).await?).max(1);
        let fleet = self.fleet(colour).await?;
        let there = desired(&fleet);
        let in_service = fleet.as_ref().map_or(0, |fleet| fleet.capacity_in_service().unsigned_abs());
        if in_service < capacity {
            return self.raise_to(colour, capacity.max(there)).await;
        }
        let bounds = self.bounds(colour).filter(|_| self.facts().sizing(colour) == Sizing::File);
        self.change_facts(|facts| {
            // From here on the pin can be undone to the file's sizes.
            facts.bounds = bounds.or(facts.bounds);
            facts.size(colour, Sizing::AtLeast(there));
        })
        .await?;
        self.agree(&self.groups()).await?;
        self.is_large_enough(colour);
        Ok(())
    }

    /// Raises a colour that is empty or too small to `capacity` healthy instances.
    pub async fn raise_to(&self, colour: Colour, capacity: u32) -> Result<(), Failure> {
        self.call_off(colour).await?;
        let members = self.seam().members();
        self.tell(&format!("{colour} is raised to {capacity} {members} again before it gets traffic"));
        self.change_facts(|facts| facts.size(colour, Sizing::Raised(capacity))).await?;
        self.agree(&self.groups()).await?;
        self.healthy(colour).await?;
        self.pin(colour).await
    }

    /// Records that the colour was seen with enough instances in service.
    pub fn is_large_enough(&self, colour: Colour) {
        self.is_so(Effect::Healthy(colour));
    }

    /// Has AWS empty the colour after this time. The retirement is a fact before the call is made, so that a
    /// run that was cut short can call off a schedule that may exist. AWS refuses a time that has passed; the
    /// retirement is then moved to the earliest time that AWS accepts.
    pub async fn schedule(&self, colour: Colour, after: Duration) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let address = self.fleet_of(colour);
        let op = self.changes(Effect::Scheduled(colour), &address)?;
        let mut left = after;
        loop {
            let now = clock.now();
            let at = now.checked_add(left).unwrap_or(now);
            self.change_facts(|facts| {
                facts.size(colour, Sizing::Left);
                facts.retirement = Some(Retirement { colour, at, after });
            })
            .await?;
            match self.seam().retire_at(&op, &self.group(colour), at).await {
                Ok(()) => return Ok(()),
                // Other errors, such as a lost lock or expired credentials, are not about the time.
                Err(error @ Error::Cloud(_))
                    if at <= clock.now() && left < LATEST && !error.is_locked_out() =>
                {
                    left = (left * 2).max(MARGIN);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has AWS empty the colour at its time again, where the schedule was deleted.
    pub async fn schedule_again(&self, due: &Retirement) -> Result<(), Failure> {
        let address = self.fleet_of(due.colour);
        let op = self.changes(Effect::Scheduled(due.colour), &address)?;
        Ok(self.seam().retire_at(&op, &self.group(due.colour), due.at).await?)
    }

    /// Calls off the retirement of the colour at AWS.
    pub async fn call_off(&self, colour: Colour) -> Result<(), Failure> {
        if self.facts().retirement.is_none_or(|one| one.colour != colour) {
            return Ok(());
        }
        let address = self.fleet_of(colour);
        let op = self.changes(Effect::Unscheduled(colour), &address)?;
        self.seam().keep(&op, &self.group(colour)).await?;
        Ok(self.change_facts(|facts| facts.retirement = None).await?)
    }

    /// Removes all instances of the colour.
    pub async fn empty(&self, colour: Colour) -> Result<(), Failure> {
        self.quiet(colour).await?;
        self.has_no_weight(colour).await?;
        self.change_facts(|facts| facts.size(colour, Sizing::Empty)).await?;
        self.agree(&self.groups()).await?;
        self.call_off(colour).await
    }

    /// The number of instances of an emptied colour that still run, and why they stay.
    pub async fn left(&self, colour: Colour) -> Result<Option<(usize, String)>, Failure> {
        let fleet = self.fleet(colour).await?.filter(|fleet| fleet.running() > 0);
        let why = |fleet: &Standing| fleet.kept().unwrap_or_else(|| "they are ending".to_owned());
        Ok(fleet.map(|fleet| (fleet.running(), why(&fleet))))
    }

    /// Checks that nobody has given the colour weight by hand.
    async fn has_no_weight(&self, colour: Colour) -> Result<(), Failure> {
        let weights = seen::weights(self.run.cloud, &self.run.journal.snapshot(), self.name).await?;
        let found = weights.and_then(|weights| weights.get(&colour).copied()).unwrap_or_default();
        match found {
            0 => Ok(()),
            _ => Err(Failure::Moved { address: self.first_router(), colour, found, planned: 0 }),
        }
    }
}
