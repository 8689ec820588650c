//! Empties the standby colour to make place for another release.

use futures_util::FutureExt;

use super::{Act, Doing, Setting};
use crate::facts::Colour;
use crate::rollout::run::Rolling;
use crate::rollout::verify::{Effect, Point};

pub struct Empty;

/// The effects of emptying a colour: no request comes, no instance is left. Its schedule is removed last, so
/// that AWS still empties the colour if the run is cut short.
pub fn emptied(colour: Colour) -> Vec<Effect> {
    vec![Effect::Settled(colour), Effect::Size(colour, 0), Effect::Unscheduled(colour)]
}

impl Act for Empty {
    fn words(&self, of: &Setting<'_>) -> String {
        let idle = of.idle();
        let there = of.facts.releases.get(&idle).map_or("what stands by", |release| &release.label);
        format!("empty  {idle} of {there}, which is no way back from then on")
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        emptied(of.idle())
    }

    /// Its release stops being a way back before the first instance goes.
    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((facts, rollout)) = rolling.rollout() else { return Ok(()) };
            let idle = if facts.live == Some(rollout.to) { rollout.to.other() } else { rollout.to };
            rolling.change(|facts, _| drop(facts.releases.remove(&idle))).await?;
            rolling.empty(idle).await
        }
        .boxed_local()
    }
}
