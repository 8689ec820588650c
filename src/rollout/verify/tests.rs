//! Checks the proof with random rollouts, real strategies among them, against a simulator that delays,
//! reorders and kills, and against an exhaustive search. Both use a world of their own.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::rollout::{chain, moves, start};
use super::*;
use crate::deployment::declaration::Declaration;
use crate::deployment::strategy;
use crate::facts::{BACK, Deployment, Release, Retirement, Rollout, Sizing, Stage};
use crate::rollout::stage::{self, Setting, given_up, way_back};

const NEED: u32 = 2;

/// A rollout that a strategy could have made, then disturbed: moves swapped, orders left out, sizes wrong.
fn random(random: &mut StdRng) -> Vec<Move> {
    let (to, old) = (Colour::Green, Colour::Blue);
    let mut effects =
        vec![Effect::Pinned(old, NEED), Effect::Size(to, random.random_range(1..=3)), Effect::Healthy(to)];
    let shares: Vec<u8> = (0..random.random_range(0..=2)).map(|step| 25 * (step + 1)).collect();
    effects.extend(shares.into_iter().map(|share| Effect::Weights(100 - share, share)));
    effects.push(Effect::Weights(0, 100));
    effects.push(Effect::Settled(old));
    effects.push(if random.random_bool(0.5) { Effect::Size(old, 0) } else { Effect::Scheduled(old) });
    if random.random_bool(0.3) {
        let (a, b) = (random.random_range(0..effects.len()), random.random_range(0..effects.len()));
        effects.swap(a, b);
    }
    if random.random_bool(0.1) {
        effects.remove(random.random_range(0..effects.len()));
    }
    let mut moves: Vec<Move> = Vec::new();
    for (place, effect) in effects.iter().enumerate() {
        // Mostly after all earlier moves; sometimes only after those of the same chain.
        let after = (0..place)
            .filter(|earlier| match effects[*earlier].chain() == effect.chain() {
                true => random.random_bool(0.99),
                false => random.random_bool(0.8),
            })
            .collect();
        moves.push(Move { name: format!("{place}"), effect: *effect, after });
    }
    moves
}

fn from() -> Point {
    let blue = Fleet { size: NEED, healthy: NEED, used: true, ..Fleet::default() };
    Point { fleets: [blue, Fleet::default()], weights: [100, 0] }
}

/// The world that moves act on, as instances and events. It shares no code with the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    running: [u32; 2],
    ready: [u32; 2],
    /// Scaling policies scale an idle fleet in to this size.
    floor: [u32; 2],
    /// AWS empties the fleet at any moment.
    armed: [bool; 2],
    share: [u8; 2],
    /// Nodes of the balancer that have not learned of a change still send requests.
    late: [bool; 2],
}

impl World {
    fn of(point: Point) -> Self {
        let each = |of: fn(&Fleet) -> u32| point.fleets.each_ref().map(of);
        Self {
            running: each(|fleet| fleet.size),
            ready: each(|fleet| fleet.healthy),
            floor: each(|fleet| fleet.least),
            armed: point.fleets.each_ref().map(|fleet| fleet.scheduled),
            share: point.weights,
            late: [0, 1].map(|colour: usize| point.fleets[colour].used && point.weights[colour] == 0),
        }
    }

    /// The effect of a call; `None` while it still waits.
    fn does(mut self, effect: Effect) -> Option<Self> {
        match effect {
            Effect::Size(colour, size) => {
                (self.running[colour as usize], self.floor[colour as usize]) = (size, size);
                self.ready[colour as usize] = self.ready[colour as usize].min(size);
            }
            Effect::Pinned(colour, least) => self.floor[colour as usize] = least,
            Effect::Freed(colour) => self.floor[colour as usize] = 0,
            Effect::Settled(colour) if self.late[colour as usize] => return None,
            Effect::Settled(_) | Effect::Replaced(_) | Effect::Preview(_) => {}
            Effect::Healthy(colour) if self.ready[colour as usize] < self.running[colour as usize] => {
                return None;
            }
            Effect::Healthy(_) => {}
            Effect::Ensured(colour, least) if self.ready[colour as usize] < least => {
                if self.running[colour as usize] >= least {
                    return None;
                }
                self.running[colour as usize] = least;
                return Some(self).filter(|world| world.ready[colour as usize] >= least);
            }
            Effect::Ensured(colour, least) => {
                self.floor[colour as usize] = self.floor[colour as usize].max(least);
            }
            Effect::Scheduled(colour) => self.armed[colour as usize] = true,
            Effect::Unscheduled(colour) => self.armed[colour as usize] = false,
            Effect::Weights(blue, green) => {
                for (colour, share) in [blue, green].into_iter().enumerate() {
                    self.late[colour] = share == 0 && (self.late[colour] || self.share[colour] > 0);
                }
                self.share = [blue, green];
            }
        }
        Some(self)
    }

    /// The events without a call: an instance comes up, a policy ends one, a schedule acts, the last node
    /// learns of a change.
    fn happens(self) -> Vec<Self> {
        let mut all = Vec::new();
        for colour in 0..2 {
            if self.ready[colour] < self.running[colour] {
                let mut next = self;
                next.ready[colour] += 1;
                all.push(next);
            }
            // A fleet that carries everything is busy; another is scaled in with its load. A policy takes
            // longer to empty it than a change of weights takes to reach all nodes (target tracking scales in
            // after 15 minutes).
            let least = self.floor[colour].max(u32::from(self.late[colour]));
            if self.share[colour] < 100 && self.running[colour] > least && self.ready[colour] > 0 {
                let mut next = self;
                next.running[colour] -= 1;
                next.ready[colour] = next.ready[colour].min(next.running[colour]);
                all.push(next);
            }
            if self.late[colour] {
                let mut next = self;
                next.late[colour] = false;
                all.push(next);
            }
            if self.armed[colour] {
                let mut next = self;
                (next.running[colour], next.ready[colour], next.armed[colour]) = (0, 0, false);
                all.push(next);
            }
        }
        all
    }

    /// Raises a fleet that is too small, which takes time; other effects are immediate.
    fn begins(mut self, effect: Effect) -> Self {
        if let Effect::Ensured(colour, least) = effect {
            self.running[colour as usize] = self.running[colour as usize].max(least);
            self.floor[colour as usize] = self.floor[colour as usize].max(least);
        }
        self
    }

    /// Tells whether a request finds no instance, or too few.
    fn fails(&self) -> bool {
        let sends = |colour: &usize| self.share[*colour] > 0;
        let any = |colour: &usize| sends(colour) || self.late[*colour];
        (0..2).filter(any).any(|colour| self.ready[colour] == 0)
            || (0..2).filter(sends).any(|colour| self.ready[colour] < NEED)
    }
}

/// Tells whether a request fails in any order of moves and events, whatever is cut short.
fn exhaustive(from: World, moves: &[Move]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(0_u32, from)];
    while let Some((done, world)) = open.pop() {
        if !seen.insert((done, world)) {
            continue;
        }
        if world.fails() {
            return true;
        }
        open.extend(world.happens().into_iter().map(|next| (done, next)));
        for (place, one) in moves.iter().enumerate() {
            let ready = one.after.iter().all(|earlier| done & (1 << earlier) != 0);
            if done & (1 << place) == 0 && ready {
                open.push((done, world.begins(one.effect)));
                if let Some(next) = world.does(one.effect) {
                    // The move is done and recorded, or done and cut short before its record.
                    open.extend([(done | 1 << place, next), (done, next)]);
                }
            }
        }
    }
    false
}

/// One run: moves begin when they may and end in any order. A kill interrupts those under way, done or not,
/// and the next run repeats those without a record. Returns the end and the recorded moves; `None` if a
/// request failed.
fn simulate(
    mut world: World,
    moves: &[Move],
    random: &mut StdRng,
    turns: usize,
) -> Option<(World, HashSet<usize>)> {
    let (mut written, mut under_way): (HashSet<usize>, Vec<usize>) = Default::default();
    for _ in 0..turns {
        if world.fails() {
            return None;
        }
        let may = |place: &usize| {
            !written.contains(place)
                && !under_way.contains(place)
                && moves[*place].after.iter().all(|earlier| written.contains(earlier))
        };
        let ready: Vec<usize> = (0..moves.len()).filter(may).collect();
        let happens = world.happens();
        match random.random_range(0..12) {
            0 => {
                // After a kill, each move under way was carried out or not.
                for place in std::mem::take(&mut under_way) {
                    if random.random_bool(0.5) {
                        world = world.does(moves[place].effect).unwrap_or(world);
                    }
                }
            }
            1..=3 if !happens.is_empty() => world = happens[random.random_range(0..happens.len())],
            4..=7 if !ready.is_empty() => {
                let place = ready[random.random_range(0..ready.len())];
                world = world.begins(moves[place].effect);
                under_way.push(place);
            }
            _ if !under_way.is_empty() => {
                let at = random.random_range(0..under_way.len());
                if let Some(next) = world.does(moves[under_way[at]].effect) {
                    world = next;
                    written.insert(under_way.swap_remove(at));
                }
            }
            _ => {}
        }
    }
    (!world.fails()).then_some((world, written))
}

#[test]
fn the_proof_accepts_nothing_that_breaks_and_refuses_little_that_is_safe() {
    // Set BGFORM_ROLLOUTS=20000 for a longer run.
    let given = std::env::var("BGFORM_ROLLOUTS").ok().and_then(|text| text.parse().ok());
    let rollouts: u32 = given.unwrap_or(2000);
    let mut source = StdRng::seed_from_u64(7);
    let (mut accepted, mut wrongly, mut safe, mut refused) = (0, 0, 0, 0);
    for number in 0..rollouts {
        // Half of them come from real strategies, disturbed or not.
        let (start, moves) = match number % 2 {
            0 => (from(), random(&mut source)),
            _ => disturbed(&mut source),
        };
        let proved = prove(start, &moves, NEED).is_ok();
        let breaks = exhaustive(World::of(start), &moves);
        let broken =
            (0..20).any(|_| simulate(World::of(start), &moves, &mut source, moves.len() * 8).is_none());
        assert!(breaks || !broken, "the simulator finds what the search does not: {moves:?}");
        if proved && (breaks || broken) {
            println!(
                "proved, and breaks: {start:?} {:?}",
                moves.iter().map(|one| one.effect).collect::<Vec<_>>()
            );
        }
        accepted += u32::from(proved);
        wrongly += u32::from(proved && (breaks || broken));
        safe += u32::from(!breaks);
        refused += u32::from(!breaks && !proved);
    }
    println!(
        "{rollouts} rollouts: {accepted} proved, {wrongly} of them break; {safe} are safe, {refused} of them refused"
    );
    assert!(accepted > rollouts / 20 && wrongly == 0);
    assert!(f64::from(refused) <= 0.05 * f64::from(safe), "{refused} of {safe}");
}

/// A rollout, the facts before it, and the observed idle colour.
struct Made {
    before: Deployment,
    facts: Deployment,
    declaration: Declaration,
    idle: Option<[u32; 2]>,
}

impl Made {
    fn of(&self) -> Setting<'_> {
        let rollout = self.facts.rollout.as_ref().unwrap();
        Setting {
            declaration: &self.declaration,
            facts: &self.facts,
            rollout,
            capacity: Some(NEED),
            acts: &stage::of,
        }
    }

    fn start(&self) -> Point {
        start(&self.before, &self.of(), self.idle).unwrap()
    }
}

/// A rollout of one of the strategies onto green, from a standby or an empty colour; the way back to a
/// standby colour; or a rollout in place of another that had weight.
fn rollout(random: &mut StdRng) -> Made {
    let retire_after = [0, 600][random.random_range(0..2)];
    let strategy = match random.random_range(0..3) {
        0 => {
            serde_json::json!({ "type": "blue_green", "min_healthy": 90, "overlap": random.random_range(0..2), "retire_after": retire_after })
        }
        1 => {
            serde_json::json!({ "type": "canary", "min_healthy": 90, "steps": [5, 50], "interval": 1, "retire_after": retire_after })
        }
        _ => {
            serde_json::json!({ "type": "linear", "min_healthy": 90, "step": 40, "interval": 1, "retire_after": retire_after })
        }
    };
    let declaration: Declaration = serde_json::from_value(serde_json::json!({
        "release": "2.0", "on_failure": "rollback", "settle": 5, "strategy": strategy, "gate": []
    }))
    .unwrap();
    let mut before = Deployment {
        live: Some(Colour::Blue),
        releases: [(Colour::Blue, Release::of("1.0"))].into(),
        ..Deployment::first()
    };
    let mut stages = strategy::stages(&declaration);
    let mut name = "canary";
    let kind = random.random_range(0..4);
    let mut idle = None;
    if kind > 0 {
        let at = Timestamp::from_second(1000).unwrap();
        before.releases.insert(Colour::Green, Release::of("0.9"));
        before.sizing.insert(Colour::Green, Sizing::Left);
        let after = Duration::from_secs(60);
        before.retirement =
            random.random_bool(0.7).then_some(Retirement { colour: Colour::Green, at, after });
        let healthy = random.random_range(0..=NEED);
        idle = Some([if healthy == 0 { 0 } else { NEED }, healthy]);
        stages.insert(0, Stage::Empty);
    }
    if kind == 2 {
        name = BACK;
        stages =
            vec![Stage::Shift { new: 100 }, Stage::Settle, Stage::Retire { after: Duration::from_secs(60) }];
        if idle.is_some_and(|[_, healthy]| healthy < NEED) {
            stages.insert(0, Stage::Raise);
        }
    }
    if kind == 3 {
        // It already has half of the traffic.
        before.shift(Colour::Green, 50);
        Colour::BOTH.into_iter().for_each(|colour| before.size(colour, Sizing::AtLeast(NEED)));
        (before.retirement, idle) = (None, Some([NEED; 2]));
    }
    let mut facts = before.clone();
    facts.shift(Colour::Green, 0);
    facts.rollout = Some(Rollout::new(Release::of("2.0"), Colour::Green, name, stages));
    Made { before, facts, declaration, idle }
}

/// The moves of such a rollout, mostly with one left out or two swapped.
fn disturbed(random: &mut StdRng) -> (Point, Vec<Move>) {
    let made = rollout(random);
    let start = made.start();
    let moves = moves(&made.before, &made.of(), start);
    let mut effects: Vec<Effect> = moves.into_iter().map(|(one, _)| one.effect).collect();
    match random.random_range(0..4) {
        0 => drop(effects.remove(random.random_range(0..effects.len()))),
        1 => {
            let at = random.random_range(1..effects.len());
            effects.swap(at - 1, at);
        }
        _ => {}
    }
    (start, chained(effects))
}

fn chained(effects: impl IntoIterator<Item = Effect>) -> Vec<Move> {
    chain(effects.into_iter().enumerate().map(|(place, effect)| (place.to_string(), effect)))
}

/// A strategy's rollout is proved. Neither it nor its way back loses a request, whenever the way back begins
/// and wherever either is cut short.
#[test]
fn no_rollout_and_no_way_back_from_it_breaks() {
    let mut random = StdRng::seed_from_u64(11);
    let mut turned = 0;
    for _ in 0..600 {
        let made = rollout(&mut random);
        let (of, start) = (made.of(), made.start());
        let proof = prove_rollout(Some(&made.before), &of, made.idle);
        assert!(matches!(proof, Ok(Some(_))), "{proof:?} {:#?}", made.facts);
        let forward = moves(&made.before, &of, start);
        let only: Vec<Move> = forward.iter().map(|(one, _)| one.clone()).collect();
        let turns = random.random_range(0..only.len() * 10);
        let (world, written) = simulate(World::of(start), &only, &mut random, turns)
            .unwrap_or_else(|| panic!("{:#?}", made.facts));
        // The stage under way had recorded its facts.
        let point = forward.iter().take(written.len()).fold(start, |at, (one, _)| at.after(one.effect));
        let reached = forward.get(written.len()).or(forward.last()).map_or(0, |(_, place)| *place);
        let back = chain(way_back(&of, reached, point));
        assert!(!exhaustive(world, &back), "{world:?} {back:?} {:#?}", made.facts);
        turned += usize::from(written.len() > 2);
    }
    assert!(turned > 150, "{turned}");
}

/// A faulty stage is not proved: each effect of a whole rollout is left out, and each pair is swapped. An
/// exhaustive search tells whether the result is safe.
#[test]
fn a_wrong_stage_is_not_proved() {
    let retire =
        serde_json::json!({ "type": "blue_green", "min_healthy": 90, "overlap": 1, "retire_after": 0 });
    let declaration: Declaration = serde_json::from_value(serde_json::json!({
        "release": "2.0", "on_failure": "rollback", "settle": 5, "strategy": retire, "gate": []
    }))
    .unwrap();
    let mut facts = Deployment {
        live: Some(Colour::Blue),
        releases: [(Colour::Blue, Release::of("1.0"))].into(),
        ..Deployment::first()
    };
    let before = facts.clone();
    let stages = strategy::stages(&declaration);
    facts.rollout = Some(Rollout::new(Release::of("2.0"), Colour::Green, "blue_green", stages));
    let made = Made { before, facts, declaration, idle: None };
    let start = made.start();
    let moves = moves(&made.before, &made.of(), start);
    let effects: Vec<Effect> = moves.iter().map(|(one, _)| one.effect).collect();
    let without = |effect: Effect| {
        let rest = effects.iter().copied().filter(|one| *one != effect);
        prove(start, &chained(rest), NEED)
    };
    let (blue, green) = (Colour::Blue, Colour::Green);
    // Weight before health, no pin, or emptied before the requests have settled.
    let unpinned = without(Effect::Pinned(blue, NEED)).unwrap_err();
    assert_eq!(unpinned.why, "blue has 50% of the traffic and keeps 0 healthy instances; 2 carry all of it");
    let unsettled = without(Effect::Settled(blue)).unwrap_err();
    assert_eq!(unsettled.why, "blue may still get requests and no healthy instance");
    let mut early = effects.clone();
    early.retain(|one| !matches!(one, Effect::Healthy(_) | Effect::Ensured(..)));
    let early = prove(start, &chained(early), NEED).unwrap_err();
    assert_eq!(early.why, "green has 50% of the traffic and no healthy instance");
    assert!(effects.contains(&Effect::Ensured(green, NEED)));
    for place in 1..effects.len() {
        let mut swapped = effects.clone();
        swapped.swap(place - 1, place);
        let moves = chained(swapped);
        assert!(
            prove(start, &moves, NEED).is_err() || !exhaustive(World::of(start), &moves),
            "{} before {}",
            effects[place],
            effects[place - 1]
        );
    }
}

#[test]
fn a_way_back_to_what_was_emptied_and_is_not_raised_is_refused() {
    let mut emptied = from();
    emptied.fleets =
        [Fleet::default(), Fleet { size: NEED, healthy: NEED, least: NEED, used: true, scheduled: false }];
    emptied.weights = [0, 100];
    let way = |first: &[Effect]| {
        let rest = given_up(Colour::Blue, Colour::Green);
        let effects = [first, &rest].concat();
        prove(emptied, &chained(effects), NEED)
    };
    assert_eq!(way(&[]).unwrap_err().to_string(), "0: blue has 100% of the traffic and no healthy instance");
    assert!(way(&[Effect::Ensured(Colour::Blue, NEED)]).is_ok());
}

#[test]
fn what_breaks_is_named() {
    let step =
        |name: &str, effect, after: &[usize]| Move { name: name.to_owned(), effect, after: after.to_vec() };
    let early = [
        step("raise", Effect::Size(Colour::Green, 2), &[]),
        step("shift", Effect::Weights(0, 100), &[0]),
        step("wait", Effect::Healthy(Colour::Green), &[1]),
    ];
    let broken = prove(from(), &early, NEED).unwrap_err();
    assert_eq!(broken.to_string(), "shift: green has 100% of the traffic and no healthy instance");
    let retired = [
        step("raise", Effect::Size(Colour::Green, 2), &[]),
        step("wait", Effect::Healthy(Colour::Green), &[0]),
        step("pin", Effect::Pinned(Colour::Blue, 2), &[]),
        step("shift", Effect::Weights(50, 50), &[1, 2]),
        step("retire", Effect::Scheduled(Colour::Blue), &[2, 3]),
    ];
    let broken = prove(from(), &retired, NEED).unwrap_err();
    assert_eq!(broken.name, "retire");
}
