//! Proves that a rollout's traffic has a home at every point, whatever move is done, under way or cut short,
//! before the rollout begins. Moves and their order come in; the proof goes out, or the move at which it
//! breaks. Pure.
//!
//! The moves of each fleet, and those of the weights, must be in one order (a chain); a rollout has three
//! chains. A reachable point is a prefix of each chain that contains every move that must come before. A move
//! under way counts both as done and as not done. So all points can be checked: they are at most the product
//! of the chains' lengths, while the sets of finished moves would be exponential.

mod rollout;

use std::fmt;

use crate::facts::{Colour, Deployment, Sizing};

pub use rollout::prove_rollout;

/// The effect of a move on the traffic or a fleet, or the condition that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The fleet's wanted and minimum size. Healthy instances stay so, up to that size; new ones are not
    /// healthy yet.
    Size(Colour, u32),
    /// No scaling policy takes the fleet below this size.
    Pinned(Colour, u32),
    /// The fleet's sizes are left to the file and its scaling policies again.
    Freed(Colour),
    /// Waits until all instances of the fleet are healthy.
    Healthy(Colour),
    /// Checks that this many instances are healthy; otherwise raises the fleet and waits.
    Ensured(Colour, u32),
    /// AWS may empty the fleet at any moment from now on.
    Scheduled(Colour),
    Unscheduled(Colour),
    /// The weights of blue and green.
    Weights(u8, u8),
    /// Waits until a colour without weight gets no more requests.
    Settled(Colour),
    /// Instances of the fleet are given another release, at most the strategy's number at a time. AWS and the
    /// guards keep the rest in service; the proof does not cover that.
    Replaced(Colour),
    /// Whether requests with the preview's header reach the new colour.
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

/// One move, and the places of the moves that are done before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub name: String,
    pub effect: Effect,
    pub after: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fleet {
    pub size: u32,
    pub healthy: u32,
    /// No scaling policy takes the fleet below this size.
    pub least: u32,
    pub scheduled: bool,
    /// The fleet may get requests: it has weight, or the loss of its weight has not settled.
    pub used: bool,
}

/// Both fleets, and the weights of blue and green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Point {
    pub fleets: [Fleet; 2],
    pub weights: [u8; 2],
}

/// The result of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Number of reachable points.
    pub points: usize,
    pub moves: usize,
}

/// The move at which a proof breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Broken {
    /// The move after which, or during which, it breaks.
    pub name: String,
    pub why: String,
}

impl Point {
    /// Returns the point after a finished move.
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
            // The schedule may have acted before: the instances left are unknown until they are observed.
            Effect::Unscheduled(colour) => {
                let fleet = &mut self.fleets[colour as usize];
                if fleet.scheduled {
                    *fleet = Fleet { used: fleet.used, ..Fleet::default() };
                }
            }
        }
        self
    }

    /// The point that the facts imply; the number of running instances is unknown.
    pub fn of(facts: &Deployment) -> Self {
        let fleet = |colour: Colour| {
            let least = least(facts.sizing(colour)).unwrap_or_default();
            Fleet { size: least, healthy: least, least, ..Fleet::default() }
        };
        Self { fleets: Colour::BOTH.map(fleet), weights: Colour::BOTH.map(|colour| facts.weight(colour)) }
    }

    /// Returns why traffic has no home here. Every colour that may get requests must have healthy instances
    /// that no schedule removes. Each colour with weight must be able to carry all that `need` instances
    /// carry, so that the other can be left at once. A scaling policy scales in a colour with a part of the
    /// traffic unless it is pinned.
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

/// The minimum of a pinned fleet; `None` if its size is the file's or unmanaged.
pub fn least(sizing: Sizing) -> Option<u32> {
    match sizing {
        Sizing::AtLeast(least) | Sizing::Raised(least) => Some(least),
        Sizing::File | Sizing::Standby(_) | Sizing::Left | Sizing::Empty => None,
    }
}

impl Effect {
    /// The chain of the effect: blue's, green's, or that of the weights.
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
            // Whether a colour may get requests follows from the weights and how long they have stood.
            Self::Weights(..) | Self::Settled(_) | Self::Preview(_) => 2,
        }
    }
}

/// Proves that traffic has a home at every point that moves from `start` can reach.
///
/// # Errors
/// The move at which it breaks; also if two moves of one fleet have no order.
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

/// All moves that are done before each move.
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
