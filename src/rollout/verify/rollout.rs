//! The moves of a rollout and of the way back from it, as its stages announce them. The facts of a deployment
//! and the observed fleets come in.

use super::{Broken, Effect, Fleet, Move, Point, Proof, least, prove};
use crate::facts::{Colour, Course, Deployment, Rollout, Sizing, Stage};
use crate::rollout::stage::{self, Setting};

/// Proves that traffic always has a home during a rollout, and on the way back from each point that it can
/// reach. `before` are the facts in the state, and `of.facts` those that the rollout begins with.
/// `of.capacity` is the number of instances that carry the traffic now. `idle` is the observed number of
/// wanted and in-service instances of the colour that is not live.
///
/// `None` if there is nothing to prove: there is no old colour, or a rollout that was cut short has left
/// traffic without a home, which going on repairs.
///
/// # Errors
/// The move at which it breaks.
pub fn prove_rollout(
    before: Option<&Deployment>,
    of: &Setting<'_>,
    idle: Option<[u32; 2]>,
) -> Result<Option<Proof>, Broken> {
    let before = before.unwrap_or(of.facts);
    let Some(start) = start(before, of, idle) else { return Ok(None) };
    let need = of.need();
    if before.rollout.is_some() && start.breaks(need).is_some() {
        return Ok(None);
    }
    let forward = match of.rollout.course {
        Course::Back { .. } => Vec::new(),
        _ => moves(before, of, start),
    };
    let only: Vec<Move> = forward.iter().map(|(one, _)| one.clone()).collect();
    let Proof { mut points, moves } = prove(start, &only, need)?;
    if of.old().is_none() {
        return Ok(Some(Proof { points, moves }));
    }
    let (mut point, mut reached) = (start, of.rollout.at);
    points += turned(of, point, reached, "before it begins")?;
    for (one, place) in &forward {
        // A move that failed after it began may be done or not; its facts were recorded before.
        reached = reached.max(*place);
        points += turned(of, point, reached, &one.name)?;
        point = point.after(one.effect);
        points += turned(of, point, reached, &one.name)?;
    }
    Ok(Some(Proof { points, moves }))
}

/// The number of points on the way back from here.
fn turned(of: &Setting<'_>, point: Point, reached: usize, name: &str) -> Result<usize, Broken> {
    let back = chain(stage::way_back(of, reached, point));
    match prove(point, &back, of.need()) {
        Ok(proof) => Ok(proof.points),
        Err(broken) => {
            Err(Broken { name: format!("the way back from {name}, {}", broken.name), why: broken.why })
        }
    }
}

/// Moves that are made one after another.
pub(super) fn chain(effects: impl IntoIterator<Item = (String, Effect)>) -> Vec<Move> {
    let after = |place: usize| place.checked_sub(1).into_iter().collect();
    let effects = effects.into_iter().enumerate();
    effects.map(|(place, (name, effect))| Move { name, effect, after: after(place) }).collect()
}

/// The remaining moves of a rollout, each with the place of its stage; `start` is the point at which they
/// begin.
pub(super) fn moves(before: &Deployment, of: &Setting<'_>, start: Point) -> Vec<(Move, usize)> {
    let mut all: Vec<(String, Effect, usize)> = Vec::new();
    let mut point = start;
    if before.weights != of.facts.weights {
        // The plan of resources takes the weight from a release that is given up.
        let [blue, green] = Colour::BOTH.map(|colour| of.facts.weight(colour));
        let effect = Effect::Weights(blue, green);
        point = point.after(effect);
        all.push(("giving up the rollout under way".to_owned(), effect, of.rollout.at));
    }
    for (place, stage) in of.rollout.stages.iter().enumerate().skip(of.rollout.at) {
        for effect in (of.acts)(stage).effects(of, &point) {
            point = point.after(effect);
            all.push((format!("step {} ({})", place + 1, stage.word()), effect, place));
        }
    }
    let moves = chain(all.iter().map(|(name, effect, _)| (name.clone(), *effect)));
    moves.into_iter().zip(all).map(|(one, (.., place))| (one, place)).collect()
}

/// The starting point of a rollout, from the facts. The live fleet counts as healthy, and so does the other
/// once the rollout has waited for it; before that it counts as observed. The guards handle instances that
/// fail.
pub(super) fn start(before: &Deployment, of: &Setting<'_>, idle: Option<[u32; 2]>) -> Option<Point> {
    let (facts, need) = (of.facts, of.need());
    let live = facts.live?;
    let other = live.other();
    let scheduled = facts.retirement.as_ref().is_some_and(|retirement| retirement.colour == other);
    let past = |rollout: &Rollout, is: fn(&Stage) -> bool| rollout.stages.iter().take(rollout.at).any(is);
    let waited_for = |rollout: &Rollout| {
        rollout.to == other && past(rollout, |stage| matches!(stage, Stage::Raise | Stage::Shift { .. }))
    };
    let carries = before.weight(other) > 0 || facts.rollout.as_ref().is_some_and(waited_for);
    let [size, healthy] = match (carries, idle) {
        (true, _) => [need; 2],
        (false, Some([size, healthy])) => [size, healthy.min(size)],
        // A standby colour may have been emptied by now.
        (false, None) => [if facts.stands_by(other) { need } else { 0 }, 0],
    };
    let pinned = |colour: Colour, there: u32| match before.sizing(colour) {
        // The standby colour keeps the minimum that it was left with.
        Sizing::Left => there,
        sizing => least(sizing).unwrap_or_default(),
    };
    let settles = |rollout: &Rollout| {
        past(rollout, |stage| matches!(stage, Stage::Shift { new: 100 }))
            && !past(rollout, |stage| *stage == Stage::Settle)
    };
    let used = |colour: Colour| before.weight(colour) > 0 || before.rollout.as_ref().is_some_and(settles);
    let fleet = |colour: Colour, size: u32, healthy: u32, scheduled: bool| Fleet {
        size,
        healthy,
        least: pinned(colour, size),
        scheduled,
        used: used(colour),
    };
    let mut fleets = [fleet(live, need, need, false); 2];
    fleets[other as usize] = fleet(other, size, healthy, scheduled);
    Some(Point { fleets, weights: Colour::BOTH.map(|colour| before.weight(colour)) })
}
