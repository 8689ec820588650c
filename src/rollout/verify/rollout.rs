//! The moves of a rollout and of the way back from it, as `run/` makes them. The facts of a deployment
//! and what was seen of its fleets come in.

use super::{Broken, Effect, Fleet, Move, Point, Proof, prove};
use crate::facts::{Colour, Course, Deployment, Rollout, Sizing, Stage};

/// Proves of a rollout, and of the way back from each point that it can reach, that traffic has a home
/// all the time. `before` are the facts in state, `facts` those that the rollout begins with; `need` is
/// how many instances carry the traffic now; `idle` is what was seen of the colour that is not live:
/// wanted, and in service.
///
/// None where nothing can be proved: there is no old colour, or a rollout that was cut short has left
/// traffic without a home, which going on is to mend.
///
/// # Errors
/// The move at which it breaks.
pub fn prove_rollout(
    before: Option<&Deployment>,
    facts: &Deployment,
    need: u32,
    idle: Option<[u32; 2]>,
) -> Result<Option<Proof>, Broken> {
    let before = before.unwrap_or(facts);
    let (Some(rollout), Some(start)) = (&facts.rollout, start(before, facts, need, idle)) else {
        return Ok(None);
    };
    if before.rollout.is_some() && start.breaks(need).is_some() {
        return Ok(None);
    }
    let forward = match rollout.course {
        Course::Back { .. } => Vec::new(),
        _ => moves(before, facts, start, need),
    };
    let only: Vec<Move> = forward.iter().map(|(one, _)| one.clone()).collect();
    let Proof { mut points, moves } = prove(start, &only, need)?;
    let (to, old) = (rollout.to, rollout.to.other());
    if facts.live != Some(old) {
        return Ok(Some(Proof { points, moves }));
    }
    let (mut point, mut left) = (start, Left::of(facts, old, to));
    points += turned(point, left, to, need, "before it begins")?;
    for (one, stage) in &forward {
        // A move that was begun and failed was done or not; its facts were written before.
        left.enters(stage);
        points += turned(point, left, to, need, &one.name)?;
        point = point.after(one.effect);
        points += turned(point, left, to, need, &one.name)?;
    }
    Ok(Some(Proof { points, moves }))
}

/// How many points the way back from here has.
fn turned(point: Point, left: Left, to: Colour, need: u32, name: &str) -> Result<usize, Broken> {
    let back = chain(way_back(left, to, need).into_iter().map(|(text, effect)| (text.to_owned(), effect)));
    match prove(point, &back, need) {
        Ok(proof) => Ok(proof.points),
        Err(broken) => {
            Err(Broken { name: format!("the way back from {name}, {}", broken.name), why: broken.why })
        }
    }
}

/// What the facts say that the way back goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// The old colour was emptied, or may be by its schedule.
    pub(super) retires: bool,
    /// The new one was raised for this rollout, or is nobody's way back.
    pub(super) raised: bool,
}

impl Left {
    pub(super) fn of(facts: &Deployment, old: Colour, to: Colour) -> Self {
        let raised = facts.rollout.as_ref().is_some_and(Rollout::has_raised);
        Self {
            retires: matches!(facts.sizing(old), Sizing::Empty | Sizing::Left),
            raised: raised || !facts.releases.contains_key(&to),
        }
    }

    pub(super) fn enters(&mut self, stage: &Stage) {
        match stage {
            Stage::Retire { .. } => self.retires = true,
            Stage::Raise | Stage::Empty => self.raised = true,
            _ => {}
        }
    }
}

/// The weights first, once the old colour can carry them; then the rest.
pub(super) fn way_back(left: Left, to: Colour, need: u32) -> Vec<(&'static str, Effect)> {
    let old = to.other();
    let mut effects = Vec::new();
    if left.retires {
        effects.extend([("call off", Effect::Unscheduled(old)), ("raise again", Effect::Ensured(old, need))]);
    }
    effects.push(("shift back", weights(to, 0)));
    effects.push(match left.raised {
        true => ("empty", Effect::Size(to, 0)),
        false => ("retire", Effect::Scheduled(to)),
    });
    effects
}

fn weights(to: Colour, new: u8) -> Effect {
    let mut weights = [100_u8.saturating_sub(new); 2];
    weights[to as usize] = new;
    Effect::Weights(weights[0], weights[1])
}

/// Moves that are made one after the other.
fn chain(effects: impl Iterator<Item = (String, Effect)>) -> Vec<Move> {
    let after = |place: usize| place.checked_sub(1).into_iter().collect();
    effects.enumerate().map(|(place, (name, effect))| Move { name, effect, after: after(place) }).collect()
}

/// The moves of a rollout that are left, each with its stage; `start` is what they begin at.
pub(super) fn moves(before: &Deployment, facts: &Deployment, start: Point, need: u32) -> Vec<(Move, Stage)> {
    let Some(rollout) = &facts.rollout else { return Vec::new() };
    let mut all: Vec<(String, Effect, Stage)> = Vec::new();
    if before.weights != facts.weights {
        // A release under way is given up: the plan of resources gives its weight back.
        let [blue, green] = Colour::BOTH.map(|colour| facts.weight(colour));
        let name = "giving up what is under way".to_owned();
        all.push((name, Effect::Weights(blue, green), Stage::Settle));
    }
    for (number, stage) in rollout.stages.iter().enumerate().skip(rollout.at) {
        for (name, effect) in effects(facts, rollout, stage, start, need) {
            all.push((format!("step {} ({name})", number + 1), effect, stage.clone()));
        }
    }
    let moves = chain(all.iter().map(|(name, effect, _)| (name.clone(), *effect)));
    moves.into_iter().zip(all).map(|(one, (.., stage))| (one, stage)).collect()
}

fn effects(
    facts: &Deployment,
    rollout: &Rollout,
    stage: &Stage,
    start: Point,
    need: u32,
) -> Vec<(&'static str, Effect)> {
    let (to, old) = (rollout.to, rollout.to.other());
    match stage {
        Stage::Empty => {
            let idle = if facts.live == Some(to) { old } else { to };
            vec![("empty", Effect::Unscheduled(idle)), ("empty", Effect::Size(idle, 0))]
        }
        Stage::Raise => vec![
            ("raise", Effect::Unscheduled(to)),
            ("raise", Effect::Size(to, need)),
            ("raise", Effect::Healthy(to)),
        ],
        // What stands by is kept from its retirement and looked at; it gets the traffic before its
        // sizes are put right.
        Stage::Shift { new } if rollout.is_back() => {
            let Fleet { size, healthy, .. } = start.fleets[to as usize];
            let least = if healthy == 0 { need } else { healthy };
            vec![
                ("call off", Effect::Unscheduled(to)),
                ("look", Effect::Ensured(to, least)),
                ("shift", weights(to, *new)),
                ("size", Effect::Size(to, size.max(need).max(least))),
            ]
        }
        // As large as the old one has become meanwhile, and all of them healthy.
        Stage::Shift { new } => vec![
            ("shift", Effect::Unscheduled(to)),
            ("shift", Effect::Size(to, need)),
            ("shift", Effect::Healthy(to)),
            ("shift", weights(to, *new)),
        ],
        Stage::Retire { after } if after.is_zero() => {
            vec![("retire", Effect::Unscheduled(old)), ("retire", Effect::Size(old, 0))]
        }
        Stage::Retire { .. } => vec![("retire", Effect::Scheduled(old))],
        _ => Vec::new(),
    }
}

/// Where a rollout starts from, as far as is known: the live fleet healthy, and so the other, once it
/// was waited for; before, as it was seen. Instances that fail are the business of the guards.
pub(super) fn start(
    before: &Deployment,
    facts: &Deployment,
    need: u32,
    idle: Option<[u32; 2]>,
) -> Option<Point> {
    let live = facts.live?;
    let other = live.other();
    let scheduled = facts.retirement.as_ref().is_some_and(|retirement| retirement.colour == other);
    let waited_for = |rollout: &Rollout| {
        let past = rollout.stages.iter().take(rollout.at);
        rollout.to == other
            && past.into_iter().any(|stage| matches!(stage, Stage::Raise | Stage::Shift { .. }))
    };
    let carries = before.weight(other) > 0 || facts.rollout.as_ref().is_some_and(waited_for);
    let [size, healthy] = match (carries, idle) {
        (true, _) => [need; 2],
        (false, Some([size, healthy])) => [size, healthy.min(size)],
        // What stands by may have been emptied by now.
        (false, None) => [if facts.stands_by(other) { need } else { 0 }, 0],
    };
    let mut fleets = [Fleet { size: need, healthy: need, scheduled: false }; 2];
    fleets[other as usize] = Fleet { size, healthy, scheduled };
    Some(Point { fleets, weights: Colour::BOTH.map(|colour| before.weight(colour)) })
}
