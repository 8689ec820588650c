//! Random rollouts, a simulator that delays, reorders and kills, and an exhaustive search, held
//! against the proof.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const NEED: u32 = 2;

/// One that a strategy could have made, then disturbed: moves swapped, orders left out, sizes wrong.
fn random(random: &mut StdRng) -> Vec<Move> {
    let (to, old) = (Colour::Green, Colour::Blue);
    let mut effects = vec![Effect::Size(to, random.random_range(1..=3)), Effect::Healthy(to)];
    let shares: Vec<u8> = (0..random.random_range(0..=2)).map(|step| 25 * (step + 1)).collect();
    effects.extend(shares.into_iter().map(|share| Effect::Weights(100 - share, share)));
    effects.push(Effect::Weights(0, 100));
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
        // Mostly after all before; sometimes only after what moves the same.
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
    let blue = Fleet { size: NEED, healthy: NEED, scheduled: false };
    Point { fleets: [blue, Fleet::default()], weights: [100, 0] }
}

/// Every order in which moves can end, whatever is cut short: whether some point breaks.
fn exhaustive(moves: &[Move]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(0_u32, from())];
    while let Some((done, point)) = open.pop() {
        if !seen.insert((done, point)) {
            continue;
        }
        if point.breaks(NEED).is_some() {
            return true;
        }
        for (place, one) in moves.iter().enumerate() {
            let ready = one.after.iter().all(|earlier| done & (1 << earlier) != 0);
            if done & (1 << place) == 0 && ready {
                open.push((done | 1 << place, point.after(one.effect)));
            }
        }
    }
    false
}

/// One run: moves begin when they may and end in any order; a kill loses those under way, done or
/// not, and the next run begins again with those whose end was not written down.
fn simulate(moves: &[Move], random: &mut StdRng) -> bool {
    let mut point = from();
    let (mut written, mut under_way): (HashSet<usize>, Vec<usize>) = Default::default();
    for _ in 0..moves.len() * 6 {
        if point.breaks(NEED).is_some() {
            return true;
        }
        let may = |place: &usize| {
            !written.contains(place)
                && !under_way.contains(place)
                && moves[*place].after.iter().all(|earlier| written.contains(earlier))
        };
        let ready: Vec<usize> = (0..moves.len()).filter(may).collect();
        match random.random_range(0..10) {
            0 => {
                // Killed: each of those under way was carried out or not.
                for place in std::mem::take(&mut under_way) {
                    if random.random_bool(0.5) {
                        point = point.after(moves[place].effect);
                    }
                }
            }
            1..=5 if !ready.is_empty() => under_way.push(ready[random.random_range(0..ready.len())]),
            _ if !under_way.is_empty() => {
                let place = under_way.swap_remove(random.random_range(0..under_way.len()));
                point = point.after(moves[place].effect);
                written.insert(place);
            }
            _ => {}
        }
    }
    point.breaks(NEED).is_some()
}

#[test]
fn the_proof_accepts_nothing_that_breaks_and_refuses_little_that_is_safe() {
    // BGFORM_ROLLOUTS=20000 for a longer run.
    let given = std::env::var("BGFORM_ROLLOUTS").ok().and_then(|text| text.parse().ok());
    let rollouts: u32 = given.unwrap_or(2000);
    let mut source = StdRng::seed_from_u64(7);
    let (mut accepted, mut wrongly, mut safe, mut refused) = (0, 0, 0, 0);
    for _ in 0..rollouts {
        let moves = random(&mut source);
        let proved = prove(from(), &moves, NEED).is_ok();
        let breaks = exhaustive(&moves);
        let broken = (0..20).any(|_| simulate(&moves, &mut source));
        assert!(breaks || !broken, "the simulator finds what the search does not: {moves:?}");
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
        step("shift", Effect::Weights(50, 50), &[1]),
        step("retire", Effect::Scheduled(Colour::Blue), &[2]),
    ];
    let broken = prove(from(), &retired, NEED).unwrap_err();
    assert_eq!(broken.name, "retire");
}
