//! Raises the new colour to the current size of the old one, with every target healthy.

use futures_util::FutureExt;

use super::{Act, Doing, Setting, given_up};
use crate::facts::Sizing;
use crate::rollout::run::Rolling;
use crate::rollout::verify::{Effect, Point};

pub struct Raise;

impl Act for Raise {
    fn words(&self, of: &Setting<'_>) -> String {
        let (to, label) = (of.to(), &of.rollout.release.label);
        match (of.old(), of.capacity) {
            (Some(old), Some(n)) => {
                let members = of.declaration.members;
                format!("raise  {to} to {n} {members} of {label}, as many as {old} has; all healthy")
            }
            _ => format!("raise  {to} with {label}; all healthy"),
        }
    }

    /// The old colour gets no smaller from now on, since it is the way back.
    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        let (to, need) = (of.to(), of.need());
        let Some(old) = of.old() else {
            return vec![Effect::Unscheduled(to), Effect::Freed(to), Effect::Healthy(to)];
        };
        let (pinned, sized) = (Effect::Pinned(old, need), Effect::Size(to, need));
        vec![Effect::Unscheduled(to), pinned, sized, Effect::Healthy(to)]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
            let (to, old) = (rollout.to, rolling.old());
            rolling.call_off(to).await?;
            let capacity = match old {
                Some(old) => rolling.fleet(old).await?.map(|fleet| fleet.desired.unsigned_abs()),
                None => None,
            };
            let bounds = old
                .filter(|old| rolling.facts().sizing(*old) == Sizing::File)
                .and_then(|old| rolling.bounds(old));
            rolling
                .change(|facts, rollout| {
                    // A gate of this rollout may have closed the way back already.
                    facts.no_way_back = facts.no_way_back.take().filter(|gate| rollout.has_reached(gate));
                    facts.bounds = bounds.or(facts.bounds);
                })
                .await?;
            rolling.change_facts(|facts| facts.raise(capacity)).await?;
            rolling.agree(&rolling.addresses()).await?;
            rolling.healthy(to).await?;
            rolling.pin(to).await
        }
        .boxed_local()
    }

    fn undone(&self, of: &Setting<'_>, _: usize, _: usize, _: &Point) -> Vec<Effect> {
        let Some(old) = of.old() else { return Vec::new() };
        given_up(old, of.to())
    }

    /// Gives the old colour the sizes of the file again, and empties the new one.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            match (rolling.old(), rolling.rollout()) {
                (Some(old), Some((_, rollout))) => rolling.give_up(old, rollout.to).await,
                _ => Ok(()),
            }
        }
        .boxed_local()
    }
}
