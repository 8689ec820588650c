//! Empties the old colour. AWS does so after a time, so that no process has to wait for it; if a gate must
//! pass first, the stage does it at once. From here on the new colour has the sizes of the file.

use std::time::Duration;

use futures_util::FutureExt;

use super::{Act, Doing, Setting, by_weight, emptied};
use crate::facts::Colour;
use crate::rollout::run::Rolling;
use crate::rollout::verify::{Effect, Point};
use crate::value::format_duration;

pub struct Retire {
    pub after: Duration,
}

impl Act for Retire {
    fn words(&self, of: &Setting<'_>) -> String {
        let old = of.old().map_or("the old colour", Colour::name);
        match self.after.is_zero() {
            true => format!("retire {old} now"),
            false => format!("retire {old} in {}, by a scheduled action", format_duration(self.after)),
        }
    }

    fn way_back(&self, of: &Setting<'_>, place: usize, weight: u8) -> String {
        match of.old() {
            Some(old) if self.after.is_zero() => format!("{old} is raised again"),
            _ => by_weight(of, place, weight),
        }
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        match of.old() {
            Some(old) if self.after.is_zero() => [emptied(old), vec![Effect::Freed(of.to())]].concat(),
            Some(old) => vec![Effect::Scheduled(old), Effect::Freed(of.to())],
            None => Vec::new(),
        }
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let (Some(old), Some((_, rollout))) = (rolling.old(), rolling.rollout()) else { return Ok(()) };
            match self.after.is_zero() {
                true => rolling.empty(old).await?,
                false => rolling.schedule(old, self.after).await?,
            }
            rolling.free(rollout.to).await
        }
        .boxed_local()
    }

    fn undone(&self, of: &Setting<'_>, _: usize, _: usize, _: &Point) -> Vec<Effect> {
        let Some(old) = of.old() else { return Vec::new() };
        vec![Effect::Unscheduled(old), Effect::Ensured(old, of.need())]
    }

    /// Makes the old colour as large as the new one again, and calls off its retirement.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            match rolling.old() {
                Some(old) => rolling.raise_again(old).await,
                None => Ok(()),
            }
        }
        .boxed_local()
    }
}
