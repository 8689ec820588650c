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
use super::story::{Kill, Outcome, PHASES, Place, Undisturbed, story, undisturbed};
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

/// What a story adds to a row of the table.
pub struct Told {
    pub row: usize,
    /// What happened in it, so that it can be told again.
    pub acts: String,
    pub outcome: Outcome,
}

/// Tells stories, several side by side, until there were so many kills: those that `BGFORM_KILLS` asks for,
/// or else so few that they are not forgotten.
pub fn stories<const ROWS: usize>(
    title: &str,
    rows: [&str; ROWS],
    (unasked_seed, unasked_kills): (u64, usize),
    tell: &(dyn Fn(&Wire, &mut StdRng) -> Vec<Told> + Sync),
) {
    let (seed, enough, first) = match Tried::asked() {
        Tried::Seeded { seed, kills, first } => (seed, kills, first),
        _ => (unasked_seed, unasked_kills, 0),
    };
    let (all, next) = (Mutex::new([const { Found::NOTHING }; ROWS]), AtomicUsize::new(first));
    let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
    let tell_on = || {
        let wire = Wire::before("127.0.0.1:9");
        while lock().iter().map(|found| found.points).sum::<usize>() < enough {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
            for Told { row, acts, outcome } in tell(&wire, &mut random) {
                let mut all = lock();
                let kills: usize = all.iter().map(|found| found.points).sum();
                // All of them take long.
                if kills / 50 < (kills + outcome.killed) / 50 {
                    eprintln!("{} kills so far, the last in story {number}", kills + outcome.killed);
                }
                all[row].points += outcome.killed;
                all[row].take(&format!("story {number} of seed {seed}: {acts}"), outcome);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(tell_on);
        }
    });
    let found = all.into_inner().expect("no panic");
    table(&format!("seed {seed}: {title}"), rows.into_iter().zip(&found));
}

#[test]
fn stories_of_kills_and_faults_lose_nothing() {
    let wanted = undisturbed(SPEED, Place::Folder);
    let rows = PHASES.each_ref().map(|phase| phase.name);
    stories("several kills in a row, with faults on top", rows, (7, 15), &|wire, random| {
        let kills = std::array::from_fn(|phase| kills(random, &wanted[phase]));
        let outcomes = story(wire, SPEED, Place::Folder, &wanted, &kills).into_iter();
        let told = outcomes.zip(&kills).enumerate().map(|(row, (outcome, kills))| {
            let acts: Vec<String> = kills.iter().map(ToString::to_string).collect();
            Told { row, acts: acts.join("; "), outcome }
        });
        told.collect()
    });
}
