//! The stages of a rollout, a file each: the work of a stage, its undoing, the effects that the proof counts,
//! and its words in a plan. A stage from the state comes in ([`of`]); the proof, the plan and the run all ask
//! the same [`Act`]. The run refuses a change that the stage's effects do not announce
//! ([`super::run::announced`]).

mod empty;
mod gate;
mod hold;
mod in_place;
mod pin;
mod preview;
mod raise;
mod refresh;
mod restore;
mod retire;
mod settle;
mod shift;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};

use super::run::{Failure, Rolling};
use super::verify::{Effect, Point};
use crate::deployment::Declaration;
use crate::facts::{Colour, Deployment, Rollout, Stage};

pub use empty::emptied;
pub use gate::looks;
pub use refresh::cancel;

/// A stage, or its undoing, under way.
pub type Doing<'a> = LocalBoxFuture<'a, Result<(), Failure>>;

/// A rollout as its stages see it: its destination, the facts that it starts from, and its declaration.
pub struct Setting<'a> {
    pub declaration: &'a Declaration,
    pub facts: &'a Deployment,
    pub rollout: &'a Rollout,
    /// The number of instances that carry the traffic now, if it is known.
    pub capacity: Option<u32>,
    /// The acts of the stages.
    pub acts: Acts<'a>,
}

/// Maps a stage to its act: [`of`], except in tests of faulty stages.
pub type Acts<'a> = &'a dyn Fn(&Stage) -> Box<dyn Act>;

impl Setting<'_> {
    pub fn to(&self) -> Colour {
        self.rollout.to
    }

    /// The colour beside the new one that has the traffic before; `None` at a first release and if the
    /// release replaces the old one in its colour.
    pub fn old(&self) -> Option<Colour> {
        self.facts.live.filter(|live| *live != self.rollout.to)
    }

    /// The colour that does not carry the traffic.
    pub fn idle(&self) -> Colour {
        match self.facts.live == Some(self.rollout.to) {
            true => self.rollout.to.other(),
            false => self.rollout.to,
        }
    }

    /// The number of instances that the traffic needs.
    pub fn need(&self) -> u32 {
        self.capacity.unwrap_or(1)
    }

    /// Tells whether a stage up to `place` gives instances of the live colour another release.
    fn has_replaced(&self, place: usize) -> bool {
        let replaces = |stage: &Stage| {
            let effects = (self.acts)(stage).undone(self, place, place, &Point::of(self.facts));
            effects.iter().any(|effect| matches!(effect, Effect::Replaced(_)))
        };
        self.rollout.stages.iter().take(place + 1).any(replaces)
    }

    /// Tells whether a stage of the same type comes after `place` and was reached.
    fn comes_again(&self, place: usize, reached: usize, same: fn(&Stage) -> bool) -> bool {
        self.rollout.stages.iter().take(reached + 1).skip(place + 1).any(same)
    }
}

/// A stage of a rollout.
pub trait Act {
    /// The stage's line in a plan.
    fn words(&self, of: &Setting<'_>) -> String;

    /// The way back from the stage as a plan tells it, empty if there is none. `place` is the stage's own,
    /// `weight` the new colour's share of the traffic by then, in percent.
    fn way_back(&self, of: &Setting<'_>, place: usize, weight: u8) -> String {
        by_weight(of, place, weight)
    }

    /// The minimum time that the stage waits.
    fn wait(&self, _: &Setting<'_>) -> Duration {
        Duration::ZERO
    }

    /// The effects of the stage in order: its changes and waits. `at` is the point at which it begins.
    fn effects(&self, _: &Setting<'_>, _at: &Point) -> Vec<Effect> {
        Vec::new()
    }

    /// Performs the stage.
    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a>;

    /// The effects of undoing the stage, after the stages up to `reached` were begun. `place` is the stage's
    /// own, `at` the point at which the undoing begins.
    fn undone(&self, _: &Setting<'_>, _place: usize, _reached: usize, _at: &Point) -> Vec<Effect> {
        Vec::new()
    }

    /// Undoes the stage, however far it came. Idempotent.
    fn undo<'a>(&'a self, _: &'a Rolling<'_>) -> Doing<'a> {
        ready(Ok(())).boxed_local()
    }
}

/// The way back from most stages.
fn by_weight(of: &Setting<'_>, place: usize, weight: u8) -> String {
    let text = match (of.old(), of.facts.live) {
        (Some(_), _) if weight == 0 => "nothing to undo",
        (Some(_), _) => "one change of weights",
        (None, Some(_)) if of.has_replaced(place) => "instances are replaced from the old version",
        (None, Some(_)) => "nothing to undo",
        (None, None) => "",
    };
    text.to_owned()
}

pub fn of(stage: &Stage) -> Box<dyn Act> {
    match stage {
        Stage::Gate { name } => Box::new(gate::Gate { name: name.clone() }),
        Stage::Empty => Box::new(empty::Empty),
        Stage::Raise => Box::new(raise::Raise),
        Stage::Refresh => Box::new(refresh::Refresh),
        Stage::Restore => Box::new(restore::Restore),
        Stage::InPlace { batch } => Box::new(in_place::InPlace { batch: *batch }),
        Stage::Pin => Box::new(pin::Pin),
        Stage::Preview { on } => Box::new(preview::Preview { on: *on }),
        Stage::Shift { new } => Box::new(shift::Shift { new: *new }),
        Stage::Hold { time } => Box::new(hold::Hold { time: *time }),
        Stage::Settle => Box::new(settle::Settle),
        Stage::Retire { after } => Box::new(retire::Retire { after: *after }),
    }
}

/// The weights of blue and green that give `to` this share, in percent.
pub fn weights(to: Colour, new: u8) -> Effect {
    let mut weights = [100_u8.saturating_sub(new); 2];
    weights[to as usize] = new;
    Effect::Weights(weights[0], weights[1])
}

/// The effects of the way back from a rollout whose stages up to `reached` were begun, each with the words
/// that name it. The stages are undone from the last to the first, and a colour without a release is emptied.
pub fn way_back(of: &Setting<'_>, reached: usize, mut at: Point) -> Vec<(String, Effect)> {
    let mut all = Vec::new();
    let begun = of.rollout.stages.iter().enumerate().take(reached + 1);
    for (place, stage) in begun.rev() {
        for effect in (of.acts)(stage).undone(of, place, reached, &at) {
            at = at.after(effect);
            all.push((format!("undoing {}", stage.word()), effect));
        }
    }
    if let Some(old) = of.old().filter(|_| is_nobodys(of, reached)) {
        let name = || "emptying what has no release".to_owned();
        all.extend(given_up(old, of.to()).into_iter().map(|effect| (name(), effect)));
    }
    all
}

/// The effects of giving up the new colour: it has no weight, whatever the source of that weight; it is
/// emptied, and the old one gets the sizes of the file.
pub fn given_up(old: Colour, to: Colour) -> Vec<Effect> {
    vec![
        weights(to, 0),
        Effect::Settled(to),
        Effect::Freed(old),
        Effect::Size(to, 0),
        Effect::Unscheduled(to),
    ]
}

/// Tells whether the new colour is neither the way back to a release nor emptied by the undoing of a raise.
pub fn is_nobodys(of: &Setting<'_>, reached: usize) -> bool {
    let begun = || of.rollout.stages.iter().take(reached + 1);
    let emptied = begun().any(|stage| *stage == Stage::Empty);
    let raised = begun().any(|stage| *stage == Stage::Raise);
    of.old().is_some() && !raised && (emptied || !of.facts.releases.contains_key(&of.to()))
}
