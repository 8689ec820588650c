//! Proves of a rollout, before it begins, that its traffic has a home at every point: whatever was
//! done, is under way or was cut short. Moves and their order come in; what was proved goes out, or
//! the move at which it breaks. Pure.
//!
//! What moves one fleet, and what moves the weights, has to be in one order (a chain); a rollout has
//! three such chains. A point that can be reached is then a prefix of each, with everything in it that
//! has to come before; a move that is under way counts as done and as not done. So all points are
//! looked at, and they are at most the product of the chains' lengths (every set of finished moves
//! would be exponential).

mod rollout;

use std::fmt;

use crate::facts::{Colour, Deployment, Sizing};

pub use rollout::prove_rollout;

/// What a move does to the traffic, to a fleet, or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The fleet is to have so many instances, and no fewer. Those that were healthy stay so, as far
    /// as there is room for them; new ones are not healthy yet.
    Size(Colour, u32),
    /// No scaling policy takes the fleet below so many.
    Pinned(Colour, u32),
    /// The sizes of the fleet are the file's again, and its scaling policies'.
    Freed(Colour),
    /// Waited until all of the fleet are healthy.
    Healthy(Colour),
    /// Looked at, and raised and waited for unless so many are healthy.
    Ensured(Colour, u32),
    /// AWS empties the fleet by itself, at any moment from now on.
    Scheduled(Colour),
    Unscheduled(Colour),
    /// The weights of blue and green.
    Weights(u8, u8),
    /// Waited until a colour without weight gets no request any more.
    Settled(Colour),
    /// Instances of the fleet are given another release, as many as the strategy says at a time. AWS
    /// and the guards hold the rest in service; the proof is not about that.
    Replaced(Colour),
    /// Requests with the preview's header reach the new colour, or do no more.
    Preview(bool),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(colour, 0) => write!(f, "empty {colour}"),
            Self::Size(colour, n) => write!(f, "size {colour} to {n}"),
            Self::Pinned(colour, n) => write!(f, "keep {colour} at {n} or more"),
            Self::Freed(colour) => write!(f, "give {colour} the sizes of the file again"),
            Self::Healthy(colour) => write!(f, "wait until all of {colour} are healthy"),
            Self::Ensured(colour, _) => write!(f, "look whether {colour} is large enough"),
            Self::Scheduled(colour) => write!(f, "schedule the end of {colour}"),
            Self::Unscheduled(colour) => write!(f, "call off the end of {colour}"),
            Self::Weights(_, green) => write!(f, "give green {green}% of the traffic"),
            Self::Settled(colour) => write!(f, "wait until {colour} gets no request any more"),
            Self::Replaced(colour) => write!(f, "give instances of {colour} another release"),
            Self::Preview(true) => f.write_str("show the preview"),
            Self::Preview(false) => f.write_str("hide the preview"),
        }
    }
}

/// One move, and those that are done before it begins, by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub name: String,
    pub effect: Effect,
    pub after: Vec<usize>,
}

/// One fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fleet {
    pub size: u32,
    pub healthy: u32,
    /// No scaling policy takes it below so many.
    pub least: u32,
    pub scheduled: bool,
    /// It may get requests: it has weight, or its loss of it has not settled.
    pub used: bool,
}

/// Both fleets, and the weights of blue and green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Point {
    pub fleets: [Fleet; 2],
    pub weights: [u8; 2],
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// How many points can be reached.
    pub points: usize,
    pub moves: usize,
}

/// Where it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Broken {
    /// The move after which, or around which, it breaks.
    pub name: String,
    pub why: String,
}

impl Point {
    /// What a finished move makes of it.
    pub fn after(mut self, effect: Effect) -> Self {
        match effect {
            Effect::Weights(blue, green) => {
                self.weights = [blue, green];
                for (fleet, weight) in self.fleets.iter_mut().zip(self.weights) {
                    fleet.used |= weight > 0;
                }
            }
            Effect::Size(colour, size) => {
                let fleet = &mut self.fleets[colour as usize];
                (fleet.size, fleet.least) = (size, size);
                fleet.healthy = fleet.healthy.min(size);
            }
            Effect::Pinned(colour, least) => self.fleets[colour as usize].least = least,
            Effect::Freed(colour) => self.fleets[colour as usize].least = 0,
            Effect::Settled(colour) => {
                self.fleets[colour as usize].used = self.weights[colour as usize] > 0;
            }
            Effect::Replaced(_) | Effect::Preview(_) => {}
            Effect::Healthy(colour) => {
                let fleet = &mut self.fleets[colour as usize];
                fleet.healthy = fleet.size;
            }
            Effect::Scheduled(colour) => self.fleets[colour as usize].scheduled = true,
            Effect::Ensured(colour, least) => {
                let fleet = &mut self.fleets[colour as usize];
                fleet.size = fleet.size.max(least);
                fleet.healthy = fleet.healthy.max(least);
                fleet.least = fleet.least.max(least);
            }
            // The schedule may have acted before: who is still there is not known until it is looked at.
            Effect::Unscheduled(colour) => {
                let fleet = &mut self.fleets[colour as usize];
                if fleet.scheduled {
                    *fleet = Fleet { used: fleet.used, ..Fleet::default() };
                }
            }
        }
        self
    }

    /// The point that facts tell of, where it is not known how many instances are there.
    pub fn of(facts: &Deployment) -> Self {
        let fleet = |colour: Colour| {
            let least = least(facts.sizing(colour)).unwrap_or_default();
            Fleet { size: least, healthy: least, least, ..Fleet::default() }
        };
        Self { fleets: Colour::BOTH.map(fleet), weights: Colour::BOTH.map(|colour| facts.weight(colour)) }
    }

    /// Why traffic has no home here: every colour that may get requests has to have healthy instances
    /// that no schedule takes away, and each with weight as many as can carry all that `need` carries,
    /// so that either can be left at once. A scaling policy shrinks a colour that has a part of the
    /// traffic only, unless it is pinned.
    pub fn breaks(&self, need: u32) -> Option<String> {
        Colour::BOTH.into_iter().find_map(|colour| self.breaks_on(colour, need))
    }

    fn breaks_on(&self, colour: Colour, need: u32) -> Option<String> {
        let (fleet, weight) = (self.fleets[colour as usize], self.weights[colour as usize]);
        let traffic = match weight {
            0 if !fleet.used => return None,
            0 => "may still get requests".to_owned(),
            weight => format!("has {weight}% of the traffic"),
        };
        if fleet.healthy == 0 {
            return Some(format!("{colour} {traffic} and no healthy instance"));
        }
        if fleet.scheduled {
            return Some(format!("{colour} {traffic} and may be emptied by its schedule"));
        }
        let stays = if weight == 100 { fleet.healthy } else { fleet.healthy.min(fleet.least) };
        (weight > 0 && stays < need).then(|| {
            format!("{colour} {traffic} and keeps {stays} healthy instances; {need} carry all of it")
        })
    }
}

/// The minimum that pinned sizes hold a fleet at; none where the file or nothing does.
pub fn least(sizing: Sizing) -> Option<u32> {
    match sizing {
        Sizing::AtLeast(least) | Sizing::Raised(least) => Some(least),
        Sizing::File | Sizing::Standby(_) | Sizing::Left | Sizing::Empty => None,
    }
}

impl Effect {
    /// The chain that it belongs to: blue's, green's, or that of the weights.
    fn chain(self) -> usize {
        match self {
            Self::Size(colour, _)
            | Self::Pinned(colour, _)
            | Self::Freed(colour)
            | Self::Healthy(colour)
            | Self::Ensured(colour, _)
            | Self::Scheduled(colour)
            | Self::Unscheduled(colour)
            | Self::Replaced(colour) => colour as usize,
            // Who may get requests is told by the weights and by how long they have stood.
            Self::Weights(..) | Self::Settled(_) | Self::Preview(_) => 2,
        }
    }
}

/// Proves that traffic has a home at every point that moves from `start` can reach.
///
/// # Errors
/// The move at which it breaks; also where two moves of one fleet have no order.
pub fn prove(start: Point, moves: &[Move], need: u32) -> Result<Proof, Broken> {
    let before = ancestors(moves);
    let mut chains: [Vec<usize>; 3] = Default::default();
    for (place, one) in moves.iter().enumerate() {
        chains[one.effect.chain()].push(place);
    }
    for chain in &chains {
        for pair in chain.windows(2) {
            if !before[pair[1]].contains(&pair[0]) {
                return Err(Broken {
                    name: moves[pair[1]].name.clone(),
                    why: format!("it has no order with \"{}\", which moves the same", moves[pair[0]].name),
                });
            }
        }
    }
    let mut points = 0;
    for blue in 0..=chains[0].len() {
        for green in 0..=chains[1].len() {
            for weights in 0..=chains[2].len() {
                let cut = [&chains[0][..blue], &chains[1][..green], &chains[2][..weights]];
                let done = |place: &usize| cut.iter().any(|chain| chain.contains(place));
                if !cut.iter().flat_map(|chain| chain.iter()).all(|place| before[*place].iter().all(done)) {
                    continue;
                }
                points += 1;
                // Chains touch different facts, so their order among each other does not matter.
                let mut point = start;
                let mut last = None;
                for place in cut.iter().flat_map(|chain| chain.iter()) {
                    point = point.after(moves[*place].effect);
                    last = last.max(Some(*place));
                }
                if let Some(why) = point.breaks(need) {
                    let name =
                        last.map_or_else(|| "before it begins".to_owned(), |last| moves[last].name.clone());
                    return Err(Broken { name, why });
                }
            }
        }
    }
    Ok(Proof { points, moves: moves.len() })
}

/// All moves that are done before each.
fn ancestors(moves: &[Move]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::with_capacity(moves.len());
    for one in moves {
        let mut mine = one.after.clone();
        for earlier in &one.after {
            mine.extend(all.get(*earlier).into_iter().flatten().copied());
        }
        mine.sort_unstable();
        mine.dedup();
        all.push(mine);
    }
    all
}

#[cfg(test)]
mod tests;
