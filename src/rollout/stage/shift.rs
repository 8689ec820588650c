//! Gives the new colour a share of the traffic, by one change of each router.

use std::time::Duration;

use futures_util::FutureExt;

use super::{Act, Doing, Setting, weights};
use crate::facts::{Colour, Sizing, Stage};
use crate::kind::fleet::Standing;
use crate::rollout::run::{Failure, Rolling};
use crate::rollout::seen;
use crate::rollout::verify::{Effect, Point};

pub struct Shift {
    /// Percent of the traffic.
    pub new: u8,
}

/// A retirement that is due within this time must be called off before the traffic moves: it must not empty
/// the colour that is about to carry it.
const SOON: Duration = Duration::from_secs(120);

fn is_shift(stage: &Stage) -> bool {
    matches!(stage, Stage::Shift { .. })
}

impl Act for Shift {
    fn words(&self, of: &Setting<'_>) -> String {
        format!("shift  {}% to {}", self.new, of.to())
    }

    fn effects(&self, of: &Setting<'_>, at: &Point) -> Vec<Effect> {
        let (to, need) = (of.to(), of.need());
        let Some(old) = of.old() else { return vec![weights(to, self.new)] };
        if !of.rollout.is_back() {
            // The new colour must be as large as the old one is now, with all targets healthy.
            let (pinned, ensured) = (Effect::Pinned(old, need), Effect::Ensured(to, need));
            return vec![Effect::Unscheduled(to), pinned, ensured, weights(to, self.new)];
        }
        // The standby colour is kept from its retirement and checked. It gets the traffic before its sizes
        // are put right.
        let fleet = at.fleets[to as usize];
        let least = if fleet.healthy == 0 { need } else { fleet.healthy };
        vec![
            Effect::Unscheduled(to),
            Effect::Ensured(to, least),
            weights(to, self.new),
            // The old colour is the way forward again: no policy may scale it in while it is idle.
            Effect::Pinned(old, need),
            Effect::Size(to, fleet.size.max(need).max(least)),
        ]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
            match rollout.is_back() {
                true => self.back(rolling, rollout.to).await,
                false => self.forward(rolling, rollout.to).await,
            }
        }
        .boxed_local()
    }

    fn undone(&self, of: &Setting<'_>, place: usize, reached: usize, at: &Point) -> Vec<Effect> {
        let Some(old) = of.old() else { return Vec::new() };
        // One change undoes all shifts.
        if of.comes_again(place, reached, is_shift) {
            return Vec::new();
        }
        let mut effects = Vec::new();
        // On the way back, the colour that was left was pinned after it had lost its weight, and may have
        // been scaled in before.
        if of.rollout.is_back() || at.fleets[old as usize].least < of.need() {
            effects.extend([Effect::Unscheduled(old), Effect::Ensured(old, of.need())]);
        }
        effects.push(weights(of.to(), 0));
        if self.stands_by_again(of, reached) {
            effects.extend([Effect::Settled(of.to()), Effect::Scheduled(of.to())]);
        }
        effects
    }

    /// Gives the old colour all traffic again, once it can carry it.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let (Some(old), Some((facts, rollout))) = (rolling.old(), rolling.rollout()) else {
                return Ok(());
            };
            let of = rolling.setting(&facts, &rollout);
            let place = rollout.stages.iter().position(|stage| *stage == Stage::Shift { new: self.new });
            if of.comes_again(place.unwrap_or(rollout.at), rollout.at, is_shift) {
                return Ok(());
            }
            rolling.raise_again(old).await?;
            let moved = facts.weight(rollout.to) > 0;
            rolling.change(|facts, _| facts.shift(rollout.to, 0)).await?;
            rolling.agree_back(&rolling.routers()).await?;
            rolling.change(|facts, _| facts.has_shifted(rolling.run.cloud.clock.now())).await?;
            if moved {
                rolling.tell(&format!("{old} has all traffic again"));
            }
            if self.stands_by_again(&of, rollout.at) && rolling.facts().retirement.is_none() {
                // It stood by for a time before somebody wanted it back.
                rolling.quiet(rollout.to).await?;
                rolling.schedule(rollout.to, rolling.declaration.strategy.retire_after()).await?;
            }
            Ok(())
        }
        .boxed_local()
    }
}

impl Shift {
    /// Tells whether the colour that was to come back stood by before, and does so again.
    fn stands_by_again(&self, of: &Setting<'_>, reached: usize) -> bool {
        let raised = of.rollout.stages.iter().take(reached + 1).any(|stage| *stage == Stage::Raise);
        of.rollout.is_back() && !raised
    }

    /// Shifts forward. The new colour gets more weight only once it is as large as the old one is now.
    async fn forward(&self, rolling: &Rolling<'_>, to: Colour) -> Result<(), Failure> {
        rolling.call_off(to).await?;
        self.as_it_was_left(rolling, to).await?;
        if let (Some(old), true) = (rolling.old(), self.new > rolling.facts().weight(to)) {
            let (there, here) = (rolling.fleet(old).await?, rolling.fleet(to).await?);
            let desired =
                |fleet: &Option<Standing>| fleet.as_ref().map_or(0, |fleet| fleet.desired.unsigned_abs());
            if desired(&there) > desired(&here) {
                let capacity = desired(&there);
                let members = rolling.seam().members();
                rolling.tell(&format!("{to} grows to {capacity} {members}, as many as {old} has by now"));
                rolling.change_facts(|facts| facts.raise(Some(capacity))).await?;
                rolling.agree(&rolling.groups()).await?;
                rolling.healthy(to).await?;
                rolling.pin(to).await?;
            } else {
                rolling.healthy(to).await?;
            }
        }
        rolling.change(|facts, _| facts.shift(to, self.new)).await?;
        rolling.agree(&rolling.routers()).await?;
        rolling.change(|facts, _| facts.has_shifted(rolling.run.cloud.clock.now())).await?;
        rolling.tell(&format!("{to} has {}% of the traffic", self.new));
        Ok(())
    }

    /// Checks that nobody has moved the weights since the last shift. A shift that was cut short may have
    /// moved them already.
    async fn as_it_was_left(&self, rolling: &Rolling<'_>, to: Colour) -> Result<(), Failure> {
        let Some((facts, rollout)) = rolling.rollout() else { return Ok(()) };
        let run = rolling.run;
        let weights = seen::weights(run.cloud, &run.journal.snapshot(), rolling.name).await?;
        let Some(found) = weights.and_then(|weights| weights.get(&to).copied()) else { return Ok(()) };
        let mut earlier = rollout.stages.iter().take(rollout.at).filter_map(|stage| match stage {
            Stage::Shift { new } => Some(*new),
            _ => None,
        });
        let before = earlier.next_back().unwrap_or_default();
        if facts.live.is_none() || [before, self.new].contains(&found) {
            return Ok(());
        }
        Err(Failure::Moved { address: rolling.first_router(), colour: to, found, planned: before })
    }

    /// Shifts back to the earlier release by one change of each rule, once nothing empties its colour and
    /// before its sizes are put right.
    async fn back(&self, rolling: &Rolling<'_>, to: Colour) -> Result<(), Failure> {
        let old = rolling.old();
        // Called off first, so that a run that is cut short after the shift leaves no retirement. If AWS
        // cannot be told now and the retirement is not due soon, the traffic does not wait for it.
        if let Err(failure) = rolling.call_off(to).await {
            let soon = rolling.run.cloud.clock.now().checked_add(SOON).ok();
            let due = rolling.facts().retirement.filter(|one| one.colour == to);
            if due.is_none_or(|one| soon.is_none_or(|soon| one.at <= soon)) {
                return Err(failure);
            }
            rolling.puts_off(Effect::Unscheduled(to));
        }
        let (name, other) = (rolling.group(to), old.map(|old| rolling.group(old)));
        let names: Vec<&str> = std::iter::once(name.as_str()).chain(other.as_deref()).collect();
        let fleets = rolling.seam().observe(rolling.run.cloud, &names).await?;
        let desired = |name: &str| fleets.get(name).map_or(0, |fleet| fleet.desired.unsigned_abs());
        let (mut here, there) = (desired(&name), other.as_deref().map_or(0, desired));
        // AWS, or a person, has emptied it before its time.
        if here == 0 || fleets.get(&name).is_none_or(|fleet| fleet.in_service() == 0) {
            here = here.max(there).max(1);
            rolling.raise_to(to, here).await?;
        } else {
            rolling.is_large_enough(to);
        }
        rolling.change(|facts, _| facts.shift(to, self.new)).await?;
        rolling.agree_back(&rolling.routers()).await?;
        rolling.change(|facts, _| facts.has_shifted(rolling.run.cloud.clock.now())).await?;
        rolling.tell(&format!("{to} has {}% of the traffic", self.new));
        rolling.call_off(to).await?;
        let sizing = if there > here { Sizing::Raised(there) } else { Sizing::AtLeast(here) };
        let stands = old.filter(|_| there > 0);
        rolling
            .change_facts(|facts| {
                facts.size(to, sizing);
                if let Some(old) = stands {
                    facts.size(old, Sizing::AtLeast(there));
                }
            })
            .await?;
        rolling.agree(&rolling.groups()).await
    }
}
