//! The whole life of a stack with every kind and a deployment, on a sandbox: create, cutover,
//! rollback and destroy, killed around every call, reads too.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::found::{Found, table};
use super::story::{BUCKET, Kill, Outcome, PHASES, Place, Undisturbed, story, undisturbed};
use super::{MOMENTS, Tried};
use crate::kit::moto::Moto;
use crate::kit::product::make_bucket;
use crate::kit::wire::{Counted, Wire};

/// How fast the sandbox's clock runs.
pub const SPEED: f64 = 10.0;
/// So many stories are told side by side: they wait much.
pub const SIDE_BY_SIDE: usize = 4;
/// How many points of each command the spread has.
const SPREAD: usize = 3;
/// A wait may end in fewer looks than it took in the undisturbed run. A point that is not reached is
/// tried again, each time on a slower sandbox, where it takes more of them.
const TRIES: u32 = 7;

/// What is still to be tried, and what was found, of each phase.
#[derive(Default)]
struct Work {
    left: [VecDeque<(Kill, u32)>; PHASES.len()],
    found: [Found; PHASES.len()],
}

/// Every call of an undisturbed run at each moment, known by its name and how many of that name came
/// before it: calls side by side come in any order.
fn boundaries(calls: &[String]) -> Vec<Kill> {
    let of = |at: usize| {
        let call = &calls[at];
        let before = calls[..at].iter().filter(|other| *other == call).count();
        MOMENTS.map(|moment| Kill {
            counted: Counted::Of(call.clone()),
            at: before,
            moment,
            faults: Vec::new(),
        })
    };
    (0..calls.len()).flat_map(of).collect()
}

fn points(calls: &[String], spread: usize, place: Place, phase: usize) -> VecDeque<(Kill, u32)> {
    let mut every = boundaries(calls);
    if matches!(place, Place::Bucket(_)) {
        // The others are those of a state in a folder.
        every.retain(Kill::is_of_a_write_to_s3);
    }
    // Spread evenly over the calls, at each moment in its turn.
    let some = |n: usize| {
        let call = (2 * n + 1) * (every.len() / MOMENTS.len()) / (2 * spread);
        every[call * MOMENTS.len() + (n + phase) % MOMENTS.len()].clone()
    };
    let tried = match Tried::asked() {
        // What changes something comes first, so that what is most likely to be wrong is seen soon.
        Tried::All => {
            let (reads, changes): (Vec<_>, Vec<_>) = every.into_iter().partition(Kill::is_of_a_read);
            [changes, reads].concat()
        }
        _ => (0..spread).map(some).collect(),
    };
    tried.into_iter().map(|kill| (kill, 0)).collect()
}

impl Work {
    fn points(&self) -> usize {
        self.found.iter().map(|found| found.points).sum()
    }

    /// A story's kills: one in each phase that still has points, or in the first of them.
    fn take(&mut self, one: bool) -> Option<[Option<(Kill, u32)>; PHASES.len()]> {
        let mut more = true;
        let next = self.left.each_mut().map(|left| {
            let kill = if more { left.pop_front() } else { None };
            more &= !(one && kill.is_some());
            kill
        });
        next.iter().any(Option::is_some).then_some(next)
    }

    fn put(&mut self, phase: usize, (kill, tries): (Kill, u32), outcome: Option<Outcome>) {
        let found = &mut self.found[phase];
        let Some(mut outcome) = outcome else {
            // The story ended in an earlier phase.
            if tries < TRIES {
                self.left[phase].push_back((kill, tries + 1));
            }
            return;
        };
        match outcome.killed > 0 {
            true => found.points += 1,
            false if outcome.wrong.is_empty() && tries < TRIES => {
                return self.left[phase].push_back((kill, tries + 1));
            }
            false => outcome.wrong.push("it had ended before".to_owned()),
        }
        found.take(&kill.to_string(), outcome);
    }
}

fn work(work: &Mutex<Work>, place: Place, wanted: &[Undisturbed]) {
    let wire = Wire::before("127.0.0.1:9");
    let lock = || work.lock().unwrap_or_else(PoisonError::into_inner);
    // Where a dead holder's lock is waited for, stories of one kill each end sooner.
    let one = matches!(place, Place::Bucket(_)) && Tried::asked() != Tried::All;
    loop {
        let Some(next) = lock().take(one) else { return };
        let tries = next.iter().flatten().map(|(_, tries)| *tries).max().unwrap_or_default();
        let kills = next.each_ref().map(|one| one.iter().map(|(kill, _)| kill.clone()).collect());
        let mut outcomes = story(&wire, SPEED / f64::from(1 + tries), place, wanted, &kills).into_iter();
        let mut work = lock();
        let before = work.points();
        for (phase, one) in next.into_iter().enumerate() {
            let outcome = outcomes.next();
            match one {
                Some(one) => work.put(phase, one, outcome),
                // What comes after all kills may fail all the same.
                None => outcome
                    .into_iter()
                    .filter(|outcome| !outcome.wrong.is_empty())
                    .for_each(|outcome| work.found[phase].take("after the others", outcome)),
            }
        }
        // All of them take long.
        if before / 100 < work.points() / 100 {
            let left: usize = work.left.iter().map(VecDeque::len).sum();
            let converged: usize = work.found.iter().map(|found| found.converged).sum();
            eprintln!("{} points so far, {converged} converged; {left} left", work.points());
        }
    }
}

fn loses_nothing(title: &str, place: Place, spread: usize) {
    let wanted = undisturbed(SPEED, place);
    let mut all = Work::default();
    for (phase, wanted) in wanted.iter().enumerate() {
        all.left[phase] = points(&wanted.calls, spread, place, phase);
    }
    let points = all.left.each_ref().map(VecDeque::len);
    if Tried::asked() == Tried::All {
        println!("{title}: {points:?} points");
    }
    let all = Mutex::new(all);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| work(&all, place, &wanted));
        }
    });
    let found = all.into_inner().expect("no panic").found;
    table(title, PHASES.iter().map(|phase| phase.name).zip(&found));
    for (phase, found) in found.iter().enumerate() {
        assert_eq!(found.points, points[phase], "{}", PHASES[phase].name);
        if Tried::asked() == Tried::All && !matches!(place, Place::Bucket(_)) {
            assert_eq!(found.points, wanted[phase].calls.len() * MOMENTS.len(), "{}", PHASES[phase].name);
        }
    }
}

#[test]
fn a_kill_around_any_call_of_a_life_loses_nothing() {
    loses_nothing("killed around calls, reads too, on the sandbox", Place::Folder, SPREAD);
}

#[test]
fn a_kill_around_any_call_of_a_life_of_containers_loses_nothing() {
    loses_nothing("the same of containers", Place::Containers, SPREAD);
}

/// Each write of the state is a call there: of the journal, the snapshot and the lock.
#[test]
fn a_kill_around_any_call_of_a_life_with_its_state_in_a_bucket_loses_nothing() {
    let moto = Moto::take();
    make_bucket(&moto.endpoint, BUCKET);
    loses_nothing("the same with the state in S3", Place::Bucket(&moto), 1);
}
