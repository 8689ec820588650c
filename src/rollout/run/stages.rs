//! What each stage does: raises the new colour, shows it in a preview, gives it weight.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::address::Address;
use crate::apply::StepError;
use crate::deployment::names;
use crate::facts::{Colour, Course, Sizing, Stage};
use crate::kind::autoscaling_group::fleet::{Fleet, observe_one};
use crate::kind::autoscaling_group::ready::{Wanted, ready};
use crate::rollout::{in_place, preview, rolling, seen};
use crate::value::Value;

impl Rolling<'_> {
    /// Does a stage, once nobody holds the rollout up: one that is paused waits here, and the failed
    /// stage of one that is held is tried again.
    pub(super) async fn enter(&self, stage: &Stage, course: Course) -> Result<(), Failure> {
        self.heed().await?;
        match (course, stage) {
            (Course::Held { reason }, _) => {
                self.tell(&format!("was held ({reason}); that step is tried again"));
                self.change(|_, rollout| rollout.course = Course::Forward).await?;
            }
            // These wait themselves.
            (_, Stage::Hold { .. } | Stage::Settle) => {}
            _ => self.hold(Duration::ZERO, false).await?,
        }
        self.stage(stage).await
    }

    pub(super) async fn stage(&self, stage: &Stage) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let (to, old) = (rollout.to, facts.live.filter(|live| *live != rollout.to));
        match stage {
            Stage::Gate { name } => self.gate(name).await,
            Stage::Empty => {
                let idle = if facts.live == Some(to) { to.other() } else { to };
                self.change(|facts, _| drop(facts.releases.remove(&idle))).await?;
                self.empty(idle).await
            }
            Stage::Raise => self.raise(to, old).await,
            Stage::Refresh => rolling::perform(self, to).await,
            Stage::Restore => rolling::restore(self, to).await,
            Stage::InPlace { batch } => in_place::perform(self, to, *batch).await,
            Stage::Pin => in_place::pin(self, to).await,
            Stage::Preview { on } => self.preview(*on).await,
            Stage::Shift { new } => self.shift(to, old, *new).await,
            Stage::Hold { time } => self.hold(*time, facts.weight(to) < 100).await,
            Stage::Settle => {
                self.hold(facts.settle(), true).await?;
                match old {
                    Some(old) => self.quiet(old).await,
                    None => Ok(()),
                }
            }
            Stage::Retire { after } => self.retire(old, *after).await,
        }
    }

    /// The new colour as large as the old one is now, with every target healthy.
    pub(super) async fn raise(&self, to: Colour, old: Option<Colour>) -> Result<(), Failure> {
        self.call_off(to).await?;
        let capacity = match old {
            Some(old) => self.fleet(old).await?.map(|fleet| fleet.desired.unsigned_abs()),
            None => None,
        };
        let bounds =
            old.filter(|old| self.facts().sizing(*old) == Sizing::File).and_then(|old| self.bounds(old));
        self.change(|facts, rollout| {
            // A gate of this rollout may have closed the way back already.
            facts.no_way_back = facts.no_way_back.take().filter(|gate| rollout.has_reached(gate));
            facts.bounds = bounds.or(facts.bounds);
        })
        .await?;
        let mut facts = self.facts();
        facts.raise(capacity);
        self.keep(facts).await?;
        self.agree(&self.addresses()).await?;
        self.healthy(to).await?;
        self.pin(to).await
    }

    /// From here on scaling policies may add to the colour's instances, and none may take them away.
    pub(super) async fn pin(&self, colour: Colour) -> Result<(), Failure> {
        Ok(self
            .change(|facts, _| {
                if let Sizing::Raised(capacity) = facts.sizing(colour) {
                    facts.sizing.insert(colour, Sizing::AtLeast(capacity));
                }
            })
            .await?)
    }

    /// The minimum and maximum that a group's record has.
    pub(in crate::rollout) fn bounds(&self, colour: Colour) -> Option<[u32; 2]> {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds sizes")]
        let size = |name: &str| record.inputs.get(name).and_then(Value::as_number).map(|size| size as u32);
        Some([size("min_size")?, size("max_size")?])
    }

    /// Waits until the colour has the instances that it should have, all of them healthy targets.
    pub(in crate::rollout) async fn healthy(&self, colour: Colour) -> Result<(), Failure> {
        let address = self.address("autoscaling_group", colour);
        let Some(record) = self.run.journal.snapshot().resources.get(&address).cloned() else {
            return Ok(());
        };
        let op = self.operation(&address);
        let mut waits = std::pin::pin!(ready(&op, &record.id, Wanted::HealthyTargets, self.limit(colour)));
        loop {
            tokio::select! {
                fleet = &mut waits => return Ok(fleet.map(drop)?),
                () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                () = self.run.cloud.clock.sleep(LOOK) => self.heed().await?,
            }
        }
    }

    /// How long the colour's instances may take to come into service.
    pub(in crate::rollout) fn limit(&self, colour: Colour) -> Duration {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour));
        match record.and_then(|record| record.inputs.get("ready_timeout")) {
            Some(Value::Duration(limit)) => *limit,
            _ => Duration::from_secs(600),
        }
    }

    pub(in crate::rollout) async fn fleet(&self, colour: Colour) -> Result<Option<Fleet>, Failure> {
        let address = self.address("autoscaling_group", colour);
        let Some(record) = self.run.journal.snapshot().resources.get(&address).cloned() else {
            return Ok(None);
        };
        Ok(observe_one(self.run.cloud, &record.id).await?)
    }

    /// Gives the new colour `new` percent of the traffic. Before it gets more than it has, it is as
    /// large as the old one has become meanwhile.
    pub(super) async fn shift(&self, to: Colour, old: Option<Colour>, new: u8) -> Result<(), Failure> {
        if self.rollout().is_some_and(|(_, rollout)| rollout.is_back()) {
            return self.shift_back(to, old, new).await;
        }
        self.call_off(to).await?;
        self.as_it_was_left(to, new).await?;
        if let (Some(old), true) = (old, new > self.facts().weight(to)) {
            let (there, here) = (self.fleet(old).await?, self.fleet(to).await?);
            let desired =
                |fleet: &Option<Fleet>| fleet.as_ref().map_or(0, |fleet| fleet.desired.unsigned_abs());
            if desired(&there) > desired(&here) {
                let capacity = desired(&there);
                self.tell(&format!("{to} grows to {capacity} instances, as many as {old} has by now"));
                let mut facts = self.facts();
                facts.raise(Some(capacity));
                self.keep(facts).await?;
                self.agree(&self.groups()).await?;
                self.healthy(to).await?;
                self.pin(to).await?;
            } else {
                self.healthy(to).await?;
            }
        }
        self.change(|facts, _| facts.shift(to, new)).await?;
        self.agree(&self.routers()).await?;
        self.change(|facts, _| facts.has_shifted(self.run.cloud.clock.now())).await?;
        self.tell(&format!("{to} has {new}% of the traffic"));
        Ok(())
    }

    /// Nobody has moved the weights since the shift before; a shift that was cut short may have moved
    /// them already.
    async fn as_it_was_left(&self, to: Colour, new: u8) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let weights = seen::weights(self.run.cloud, &self.run.journal.snapshot(), self.name).await?;
        let Some(found) = weights.and_then(|weights| weights.get(&to).copied()) else { return Ok(()) };
        let mut earlier = rollout.stages.iter().take(rollout.at).filter_map(|stage| match stage {
            Stage::Shift { new } => Some(*new),
            _ => None,
        });
        let before = earlier.next_back().unwrap_or_default();
        if facts.live.is_none() || [before, new].contains(&found) {
            return Ok(());
        }
        Err(Failure::Moved { address: self.first_router(), colour: to, found, planned: before })
    }

    /// Puts the preview rules in place, or takes them away.
    pub(super) async fn preview(&self, on: bool) -> Result<(), Failure> {
        if !on {
            self.change(|facts, _| facts.previews = Vec::new()).await?;
            return self.agree(&self.routers()).await;
        }
        loop {
            // Otherwise they were chosen before an interruption.
            if self.facts().previews.is_empty() {
                let snapshot = self.run.journal.snapshot();
                let priorities =
                    preview::priorities(self.run.cloud, &snapshot, &self.written_routers()).await?;
                self.change(|facts, _| facts.previews = priorities).await?;
            }
            match self.agree(&self.routers()).await {
                // Somebody was faster, such as the preview of another deployment: others are chosen.
                Err(Failure::Step { error: StepError::Kind(error), .. })
                    if error.already_exists() && !self.has_preview() =>
                {
                    self.change(|facts, _| facts.previews = Vec::new()).await?;
                    self.pause(LOOK).await?;
                }
                done => return done,
            }
        }
    }

    /// Whether a preview rule stands, as far as state knows.
    fn has_preview(&self) -> bool {
        let snapshot = self.run.journal.snapshot();
        let stands =
            |rule: &Address| snapshot.resources.contains_key(rule) && names::is_preview(rule, self.name);
        self.routers().iter().any(stands)
    }

    /// The Auto Scaling group's name.
    pub(in crate::rollout) fn group(&self, colour: Colour) -> String {
        let snapshot = self.run.journal.snapshot();
        let record = snapshot.resources.get(&self.address("autoscaling_group", colour));
        record.map(|record| record.id.clone()).unwrap_or_default()
    }

    /// All stages are done: the new colour is as large as its policies want it, and the live one.
    pub(super) async fn finish(&self, to: Colour) -> Result<(), Failure> {
        // Who went back wants its size pinned until the other is retired.
        let is_back = self.rollout().is_some_and(|(_, rollout)| rollout.is_back());
        self.change(|facts, _| {
            if !is_back {
                facts.sizing.insert(to, Sizing::File);
            }
            facts.shift(to, 100);
        })
        .await?;
        self.agree(&self.groups()).await?;
        let mut facts = self.facts();
        facts.arrived();
        Ok(self.keep(facts).await?)
    }
}
