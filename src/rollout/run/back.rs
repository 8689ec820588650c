//! The way back: undoes the stages, the weights first.

use std::collections::BTreeSet;

use super::{End, Failure, Rolling};
use crate::address::Address;
use crate::deployment::declaration::OnFailure;
use crate::facts::{Colour, Course, Ending, Origin, Sizing, Stage};
use crate::kind::fleet::Template;
use crate::kind::shutdown::Shutdown;
use crate::rollout::stage::{given_up, is_nobodys};
use crate::rollout::verify::{Effect, Point};

impl Rolling<'_> {
    /// Goes back after a failed stage, or holds, as the deployment says.
    pub async fn failed(&self, release: &str, failure: Failure) -> End {
        let (release, reason) = (release.to_owned(), failure.to_string());
        let asked = matches!(failure, Failure::Asked { .. });
        // Expired credentials are no reason to take a release back: the next apply continues it.
        if matches!(failure, Failure::State(_)) || failure.is_locked_out() {
            return End::Stuck { release, error: failure };
        }
        let reason = match self.facts().closed_by() {
            Some(gate) => {
                format!("{reason}; gate \"{gate}\" is irreversible, and there is no way back from it")
            }
            None => reason,
        };
        let no_origin = self.no_origin().await;
        let reason = match &no_origin {
            Some(gone) => format!("{reason}; there is no way back: {gone} is gone"),
            None => reason,
        };
        if self.stays(&failure) || no_origin.is_some() {
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

    /// The missing part of the launch source that the live colour would go back to, in words; `None` if there
    /// is none, or no instance has to be launched from it. An answer that cannot be had changes nothing.
    async fn no_origin(&self) -> Option<String> {
        let (facts, _) = self.rollout().filter(|(_, rollout)| !rollout.is_back())?;
        let (live, origin) = self.origin().filter(|(to, _)| facts.live == Some(*to))?;
        let fleet = self.fleet(live).await.ok()?;
        let origin = Template::from(&origin);
        let stands = fleet.is_some_and(|fleet| {
            let mut running = fleet.members.iter().filter(|member| !member.leaving());
            fleet.template.as_ref() == Some(&origin)
                && fleet.capacity_in_service() >= fleet.desired
                && running.all(|member| member.template.as_ref() == Some(&origin))
        });
        if stands {
            return None;
        }
        self.seam().gone(self.run.cloud, &origin).await.ok()?
    }

    /// Tells whether everything stays as it is after this failure, for a person to look at.
    pub fn stays(&self, failure: &Failure) -> bool {
        let facts = self.facts();
        // A release that has arrived is not taken back because its old colour could not be retired.
        let has_shipped = facts.rollout.as_ref().is_some_and(|rollout| rollout.has_shipped());
        let holds = self.declaration.on_failure == OnFailure::Hold
            || has_shipped
            || matches!(failure, Failure::Moved { .. });
        let going_back = matches!(failure, Failure::Asked { .. } | Failure::Resumed { .. });
        facts.closed_by().is_some() || (holds && !going_back)
    }

    /// The release that carries the traffic: `1.0 on blue`.
    pub fn stands(&self) -> Option<String> {
        let facts = self.facts();
        let live = facts.live?;
        Some(match facts.releases.get(&live) {
            Some(release) => format!("{} on {live}", release.label),
            None => live.to_string(),
        })
    }

    /// Undoes the stages from the last one reached to the first, so that the weights come first, and then
    /// removes the rest of the release.
    pub async fn go_back(&self, reason: &str, ending: Ending) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let course = Course::Back { reason: reason.to_owned(), asked: ending == Ending::Aborted };
        self.change(|_, rollout| rollout.course = course).await?;
        let in_one_colour = facts.live == Some(rollout.to);
        let origin = rollout.origin.as_ref().filter(|_| in_one_colour);
        if origin.is_some() {
            self.tell(&format!("{} goes back to the release that it had: {reason}", rollout.to));
        }
        // Of a fleet that somebody has deleted, nothing runs that could be undone.
        let lost = match origin {
            Some(origin) if self.fleet(rollout.to).await?.is_none() => Some(origin),
            _ => None,
        };
        let begun = rollout.stages.iter().enumerate().take(rollout.at + 1);
        for (place, stage) in begun.rev().filter(|_| lost.is_none()) {
            self.undo(stage, place).await?;
        }
        match in_one_colour {
            true => self.end_in_one_colour(rollout.to, lost, reason, ending).await,
            false => self.end_of_two(reason, ending).await,
        }
    }

    /// Undoes a stage, and changes only what the undoing announced.
    async fn undo(&self, stage: &Stage, place: usize) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let act = (self.run.acts)(stage);
        let of = self.setting(&facts, &rollout);
        let effects = act.undone(&of, place, rollout.at, &Point::of(&facts));
        self.announce(&format!("undo {}", stage.word()), effects);
        act.undo(self).await
    }

    /// Empties a colour that is no way back, and ends the rollout.
    async fn end_of_two(&self, reason: &str, ending: Ending) -> Result<(), Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(()) };
        let of = self.setting(&facts, &rollout);
        if let Some(old) = self.old().filter(|_| is_nobodys(&of, rollout.at)) {
            self.announce("the way back", given_up(old, rollout.to));
            self.give_up(old, rollout.to).await?;
        }
        Ok(self.change_facts(|facts| facts.give_up(ending, Some(reason.to_owned()))).await?)
    }

    /// The new colour has no weight, is emptied, and the sizes of the old one are the file's again.
    pub async fn give_up(&self, old: Colour, to: Colour) -> Result<(), Failure> {
        self.agree_back(&self.routers()).await?;
        self.change_facts(|facts| facts.size(old, Sizing::File)).await?;
        self.empty(to).await?;
        self.agree(&self.addresses()).await?;
        if self.rollout().is_some_and(|(_, rollout)| !rollout.is_back()) {
            self.change_facts(|facts| drop(facts.releases.remove(&to))).await?;
        }
        Ok(())
    }

    /// Changes rules on the way back. An interrupt does not delay taking traffic from a failed colour; a
    /// second interrupt ends the call.
    pub async fn agree_back(&self, rules: &BTreeSet<Address>) -> Result<(), Failure> {
        let calm = Shutdown::default();
        tokio::select! {
            back = self.agree_under(rules, &calm, true, false) => back,
            () = self.run.shutdown.at_once() => Err(Failure::Interrupted),
        }
    }

    /// Ends the way back of a release in the same colour, once the live colour launches its earlier release
    /// again. `lost` is its earlier launch source if its fleet is gone.
    async fn end_in_one_colour(
        &self,
        live: Colour,
        lost: Option<&Origin>,
        reason: &str,
        ending: Ending,
    ) -> Result<(), Failure> {
        self.announce("the way back", vec![Effect::Replaced(live)]);
        match lost {
            None => self.learn_what_launches(live).await?,
            Some(origin) => {
                self.tell(&format!("{live} is gone; the next apply makes it again with that release"));
                self.launches_again(live, origin).await?;
            }
        }
        self.change_facts(|facts| {
            facts.size(live, Sizing::File);
            facts.give_up(ending, Some(reason.to_owned()));
        })
        .await?;
        self.agree(&self.addresses()).await
    }

    /// Records the launch source of the live colour before a release replaces it.
    pub async fn note_origin(&self, live: Colour) -> Result<(), Failure> {
        if self.rollout().is_none_or(|(_, rollout)| rollout.origin.is_some()) {
            return Ok(());
        }
        let template = self.fleet(live).await?.and_then(|fleet| fleet.template);
        let origin = template.map(|one| Origin { template: one.id, version: one.version });
        let change = self.change(|facts, rollout| {
            rollout.origin = origin;
            // A gate of an earlier release does not close the way back from this one.
            facts.no_way_back = facts.no_way_back.take().filter(|gate| rollout.has_reached(gate));
        });
        Ok(change.await?)
    }
}
