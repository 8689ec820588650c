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

use crate::facts::Colour;

pub use rollout::prove_rollout;

/// What a move does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The fleet is to have so many instances. Those that were healthy stay so, as far as there is
    /// room for them; new ones are not healthy yet.
    Size(Colour, u32),
    /// Waited until all of the fleet are healthy.
    Healthy(Colour),
    /// Looked at, and raised and waited for unless so many are healthy.
    Ensured(Colour, u32),
    /// AWS empties the fleet by itself, at any moment from now on.
    Scheduled(Colour),
    Unscheduled(Colour),
    /// The weights of blue and green.
    Weights(u8, u8),
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
    pub scheduled: bool,
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
            Effect::Weights(blue, green) => self.weights = [blue, green],
            Effect::Size(colour, size) => {
                let fleet = &mut self.fleets[colour as usize];
                fleet.size = size;
                fleet.healthy = fleet.healthy.min(size);
            }
            Effect::Healthy(colour) => {
                let fleet = &mut self.fleets[colour as usize];
                fleet.healthy = fleet.size;
            }
            Effect::Scheduled(colour) => self.fleets[colour as usize].scheduled = true,
            Effect::Ensured(colour, least) => {
                let fleet = &mut self.fleets[colour as usize];
                fleet.size = fleet.size.max(least);
                fleet.healthy = fleet.healthy.max(least);
            }
            // The schedule may have acted before: who is still there is not known until it is looked at.
            Effect::Unscheduled(colour) => {
                let fleet = &mut self.fleets[colour as usize];
                if fleet.scheduled {
                    *fleet = Fleet::default();
                }
            }
        }
        self
    }

    /// Why traffic has no home here: every colour with weight has to have healthy instances that no
    /// schedule may take away, and one of them has to be able to carry all that `need` carries.
    pub fn breaks(&self, need: u32) -> Option<String> {
        let mut carries = false;
        for colour in Colour::BOTH {
            let (fleet, weight) = (self.fleets[colour as usize], self.weights[colour as usize]);
            if weight == 0 {
                continue;
            }
            if fleet.healthy == 0 {
                return Some(format!("{colour} has {weight}% of the traffic and no healthy instance"));
            }
            if fleet.scheduled {
                return Some(format!(
                    "{colour} has {weight}% of the traffic and may be emptied by its schedule"
                ));
            }
            carries |= fleet.healthy >= need;
        }
        (!carries)
            .then(|| format!("no colour with traffic has {need} healthy instances, as many as it takes"))
    }
}

impl Effect {
    /// The chain that it belongs to: blue's, green's, or that of the weights.
    fn chain(self) -> usize {
        match self {
            Self::Size(colour, _)
            | Self::Healthy(colour)
            | Self::Ensured(colour, _)
            | Self::Scheduled(colour)
            | Self::Unscheduled(colour) => colour as usize,
            Self::Weights(..) => 2,
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
#[path = "verify_tests.rs"]
mod tests;
