//! Releases that are killed, cancelled and taken back while somebody changes the region by hand, deletes what
//! they need, and their clock jumps. Then a person gives the same command until it has nothing to do, with the
//! flags that its messages name; what the region holds then is as the file says.

use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

pub(super) mod acts;
mod hands;
mod judge;
pub(super) mod operator;

use super::life::SPEED;
use super::seeded::{Told, stories};
use super::story::Outcome;
use crate::kit::wire::Wire;
use acts::{Act, STRATEGIES, Strategy};
use judge::Fault;
use operator::Operator;

/// What was done in all stories, and what was found wrong.
#[derive(Debug, Default)]
struct Sum {
    stories: usize,
    commands: usize,
    kills: usize,
    cancels: usize,
    by_hand: usize,
    jumps: usize,
    faults: usize,
    hangs: usize,
    wrong_weights: usize,
    wrong_bounds: usize,
}

fn story(wire: &Wire, strategy: &Strategy, acts: &[Act], ends: &[acts::Cut], sum: &Mutex<Sum>) -> Outcome {
    let mut operator = Operator::on(wire, SPEED, strategy);
    let mut complaints = operator.live(acts);
    if complaints.is_empty() {
        complaints = operator.end(ends);
    }
    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.stories += 1;
    sum.commands += operator.commands;
    sum.kills += operator.kills;
    sum.cancels += operator.cancels;
    sum.by_hand += operator.by_hand;
    sum.jumps += operator.jumps;
    sum.faults += operator.faults;
    let has = |fault: Fault| complaints.iter().any(|(kind, _)| *kind == fault);
    sum.hangs += usize::from(has(Fault::Hang));
    sum.wrong_weights += usize::from(has(Fault::Weights));
    sum.wrong_bounds += usize::from(has(Fault::Bounds));
    let mut outcome = Outcome {
        killed: operator.kills,
        duplicates: has(Fault::Duplicate),
        orphans: has(Fault::Orphan),
        ..Outcome::default()
    };
    if !complaints.is_empty() {
        let what = complaints.iter().map(|(fault, text)| format!("{fault:?}: {text}"));
        outcome.wrong = what.chain([operator.said()]).collect();
    }
    outcome
}

#[test]
fn releases_among_kills_hands_and_jumps_of_the_clock_end_as_the_file_says() {
    let sum = Mutex::default();
    let tell = |wire: &Wire, random: &mut StdRng| {
        let strategy = STRATEGIES.choose(random).expect("there are some");
        let (acts, ends) = (acts::acts(random), acts::ends(random));
        let outcome = story(wire, strategy, &acts, &ends, &sum);
        let row = STRATEGIES.iter().position(|one| one.name == strategy.name).expect("it is one of them");
        let told: Vec<String> = acts.iter().map(ToString::to_string).collect();
        let acts = format!("{}\n  {}\n  destroy, cut {ends:?}", strategy.name, told.join("\n  "));
        vec![Told { row, acts, outcome }]
    };
    let rows = STRATEGIES.each_ref().map(|strategy| strategy.name);
    let title = "kills, cancels, changes by hand, deletions, jumps of the clock, faults";
    let told =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stories(title, rows, (5, 14), &tell)));
    println!("{:#?}", sum.lock().expect("no panic"));
    told.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
