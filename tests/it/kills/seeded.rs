//! Lives that a seed makes up: several kills in a row in each command, at any call, and faults of
//! the region on top. A story's kills and faults are the same each time; how its calls are
//! interleaved is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::found::{Found, table};
use super::life::{SIDE_BY_SIDE, SPEED};
use super::story::{Kill, PHASES, Place, Undisturbed, story, undisturbed};
use super::{MOMENTS, Tried};
use crate::kit::wire::{Counted, Wire};

/// At most so many kills before a command is left to end.
const IN_A_ROW: usize = 5;

/// What goes wrong beside a kill, while one of these calls is made.
fn faults(random: &mut StdRng, calls: &[String]) -> Vec<String> {
    let one = |random: &mut StdRng| {
        let call = calls.choose(random).expect("it makes calls");
        let at = random.random_range(1..=3);
        match random.random_range(0..7) {
            0 | 1 => format!("error={call}:{at}"),
            2 => format!("drop={call}:{at}"),
            3 | 4 => format!("lost={call}:{at}"),
            5 => format!("eventual={}s", random.random_range(1..=20)),
            _ => "throttle=all:25/10".to_owned(),
        }
    };
    (0..random.random_range(0..=2)).map(|_| one(random)).collect()
}

fn kills(random: &mut StdRng, wanted: &Undisturbed) -> Vec<Kill> {
    let many = (1..IN_A_ROW).take_while(|_| random.random_bool(0.6)).count() + 1;
    let one = |_| Kill {
        counted: Counted::All,
        at: random.random_range(0..wanted.calls.len()),
        moment: *MOMENTS.choose(random).expect("there are some"),
        faults: faults(random, &wanted.calls),
    };
    (0..many).map(one).collect()
}

/// Tells stories from this one on until there were so many kills.
fn tell(
    seed: u64,
    next: &AtomicUsize,
    enough: usize,
    wanted: &[Undisturbed],
    all: &Mutex<[Found; PHASES.len()]>,
) {
    let wire = Wire::before("127.0.0.1:9");
    let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
    while lock().iter().map(|found| found.points).sum::<usize>() < enough {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let kills = std::array::from_fn(|phase| kills(&mut random, &wanted[phase]));
        let outcomes = story(&wire, SPEED, Place::Folder, wanted, &kills);
        let mut found = lock();
        for ((found, outcome), kills) in found.iter_mut().zip(outcomes).zip(&kills) {
            let kills: Vec<String> = kills.iter().map(ToString::to_string).collect();
            found.points += outcome.killed;
            found.take(&format!("story {number} of seed {seed}: {}", kills.join("; ")), outcome);
        }
    }
}

#[test]
fn stories_of_kills_and_faults_lose_nothing() {
    let (seed, kills, first) = match Tried::asked() {
        Tried::Seeded { seed, kills, first } => (seed, kills, first),
        // A few, so that they are not forgotten.
        _ => (7, 15, 0),
    };
    let wanted = undisturbed(SPEED, Place::Folder);
    let (all, next) = (Mutex::default(), AtomicUsize::new(first));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| tell(seed, &next, kills, &wanted, &all));
        }
    });
    let found = all.into_inner().expect("no panic");
    let title = format!("seed {seed}: several kills in a row, with faults on top");
    table(&title, PHASES.iter().map(|phase| phase.name).zip(&found));
}
