use super::{End, Failure, Rolling, SETTLE};
use crate::apply::shutdown::Shutdown;
use crate::deployment::declaration::OnFailure;
use crate::deployment::{in_place, rolling};
use crate::kind::autoscaling_group::fleet::Fleet;
use crate::state::deployment::{Colour, Course, Ending, Origin, Sizing, Stage};

impl Rolling<'_> {
    /// A stage failed: back, or held, as the deployment says.
    pub(in crate::deployment) async fn failed(&self, release: &str, failure: Failure) -> End {
        let (release, reason) = (release.to_owned(), failure.to_string());
        let asked = matches!(failure, Failure::Asked { .. });
        if let Failure::State(_) = failure {
            return End::Stuck { release, error: failure };
        }
        let reason = match self.point_of_no_return() {
            Some(gate) => format!("{reason}; gate \"{gate}\" was passed, and there is no way back from it"),
            None => reason,
        };
        if self.stays(asked) {
            let held = Course::Held { reason: reason.clone() };
            return match self.change(|_, rollout| rollout.course = held).await {
                Ok(()) => End::Held { release, reason },
                Err(error) => End::Stuck { release, error: error.into() },
            };
        }
        match self.go_back(&reason, if asked { Ending::Aborted } else { Ending::RolledBack }).await {
            Ok(()) => End::WentBack { release, reason, stands: self.stands() },
            Err(Failure::Interrupted) => End::Interrupted { release },
            Err(error) => End::Stuck { release, error },
        }
    }

    /// A gate of this rollout that has passed and cannot be taken back.
    fn point_of_no_return(&self) -> Option<String> {
        let (facts, rollout) = self.rollout()?;
        facts.no_way_back.filter(|gate| rollout.passed.contains(gate))
    }

    /// Whether all stays as it is after a failure, for a person to look at; `asked` says that a person
    /// asked for the way back.
    pub(in crate::deployment) fn stays(&self, asked: bool) -> bool {
        self.point_of_no_return().is_some() || (self.declaration.on_failure == OnFailure::Hold && !asked)
    }

    /// What carries the traffic: `1.0 on blue`.
    pub(super) fn stands(&self) -> Option<String> {
        let facts = self.facts();
        let live = facts.live?;
        Some(match facts.releases.get(&live) {
            Some(release) => format!("{} on {live}", release.label),
            None => live.to_string(),
        })
    }

    /// The weights first, in one change of each rule; then the rest.
    pub(super) async fn go_back(&self, reason: &str, ending: Ending) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let (to, old) = (rollout.to, facts.live.filter(|live| *live != rollout.to));
        if facts.live == Some(to) {
            return self.go_back_in_one_colour(to, reason, ending).await;
        }
        let course = Course::Back { reason: reason.to_owned() };
        self.change(|_, rollout| rollout.course = course).await?;
        if let Some(old) = old {
            self.raise_again(old, to).await?;
            let moved = facts.weight(to) > 0;
            self.change(|facts, _| facts.shift(to, 0)).await?;
            // What takes traffic from a colour that failed is not put off by an interrupt; a second one ends it.
            let (calm, rules) = (Shutdown::default(), self.rules());
            tokio::select! {
                back = self.agree_under(&rules, &calm, true, false) => back?,
                () = self.run.shutdown.at_once() => return Err(Failure::Interrupted),
            }
            if moved {
                self.tell(&format!("{old} has all traffic again"));
                tokio::select! {
                    () = self.run.cloud.clock.sleep(SETTLE) => {}
                    () = self.run.shutdown.draining() => return Err(Failure::Interrupted),
                }
            }
        }
        if !facts.previews.is_empty() {
            self.change(|facts, _| facts.previews = Vec::new()).await?;
            // Requests that ask for the preview are those of the live rule from here on.
            self.agree_under(&self.rules(), self.run.shutdown, true, false).await?;
        }
        // What stood by before stands by on; only what was raised for this rollout is emptied.
        if let Some(old) = old.filter(|_| rollout.has_raised()) {
            self.change(|facts, _| {
                facts.sizing.insert(old, Sizing::File);
                facts.sizing.insert(to, Sizing::Empty);
            })
            .await?;
            self.agree(&self.addresses()).await?;
        }
        let mut facts = self.facts();
        if old.is_some() && rollout.has_raised() && !rollout.is_back() {
            facts.releases.remove(&to);
        }
        facts.give_up(ending, Some(reason.to_owned()));
        Ok(self.keep(facts).await?)
    }

    /// An old colour that was retired is raised again before it gets traffic; one that is about to be
    /// is kept.
    pub(super) async fn raise_again(&self, old: Colour, to: Colour) -> Result<(), Failure> {
        let facts = self.facts();
        if !matches!(facts.sizing(old), Sizing::Empty | Sizing::Left) {
            return Ok(());
        }
        self.unschedule(old).await?;
        let desired = |fleet: Option<Fleet>| fleet.map_or(0, |fleet| fleet.desired.unsigned_abs());
        let capacity = desired(self.fleet(to).await?).max(1);
        let there = desired(self.fleet(old).await?);
        self.change(|facts, _| {
            facts.retirement = None;
            facts.sizing.insert(old, Sizing::Raised(capacity.max(there)));
        })
        .await?;
        if there < capacity {
            self.tell(&format!("{old} is raised to {capacity} instances again before it gets traffic"));
        }
        self.agree(&self.groups()).await?;
        self.healthy(old).await?;
        self.pin(old).await
    }

    /// The live colour's own instances are given back what they ran before.
    pub(super) async fn go_back_in_one_colour(
        &self,
        live: Colour,
        reason: &str,
        ending: Ending,
    ) -> Result<(), Failure> {
        let course = Course::Back { reason: reason.to_owned() };
        self.change(|_, rollout| rollout.course = course).await?;
        if let Some((_, rollout)) = self.rollout()
            && let Some(origin) = &rollout.origin
        {
            self.tell(&format!("{live} goes back to the release that it had: {reason}"));
            let does = |stage: Stage| rollout.stages.contains(&stage);
            match (does(Stage::Restore), does(Stage::Refresh)) {
                (true, _) => rolling::stay(self, live, origin).await?,
                (false, true) => rolling::back(self, live, origin).await?,
                (false, false) => in_place::back(self, live, origin, &rollout.batches).await?,
            }
        }
        self.learn_what_launches(live).await?;
        let mut facts = self.facts();
        facts.sizing.insert(live, Sizing::File);
        facts.give_up(ending, Some(reason.to_owned()));
        self.keep(facts).await?;
        self.agree(&self.addresses()).await
    }

    /// What the live colour launches from is a fact before a release takes its place there.
    pub(in crate::deployment) async fn note_origin(&self, live: Colour) -> Result<(), Failure> {
        if self.rollout().is_none_or(|(_, rollout)| rollout.origin.is_some()) {
            return Ok(());
        }
        let template = self.fleet(live).await?.and_then(|fleet| fleet.template);
        let origin = template.map(|one| Origin { template: one.id, version: one.version });
        let change = self.change(|facts, rollout| {
            rollout.origin = origin;
            // A gate of an earlier release has nothing to say about the way back from this one.
            facts.no_way_back = facts.no_way_back.take().filter(|gate| rollout.passed.contains(gate));
        });
        Ok(change.await?)
    }
}
