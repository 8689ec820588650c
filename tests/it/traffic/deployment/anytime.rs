//! Signals at any moment of a canary: it ends with the code that the README has for that, never with a panic,
//! and the next apply brings the release to its end.
//!
//! `BGFORM_SIGNALS=SEED:COUNT` tries so many moments; without it a few.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;

use super::{Scene, side_by_side};

/// So many stacks stand side by side: they wait much.
const SIDE_BY_SIDE: usize = 4;

const CANARY: &str = "  strategy \"canary\" {\n    steps        = [25%, 50%]\n    interval     = 1s\n    retire_after = 10m\n  }\n";

fn asked() -> (u64, usize) {
    let Ok(text) = std::env::var("BGFORM_SIGNALS") else { return (11, 12) };
    let read = text.split_once(':').and_then(|(seed, count)| Some((seed.parse().ok()?, count.parse().ok()?)));
    read.unwrap_or_else(|| panic!("BGFORM_SIGNALS is `SEED:COUNT`, and not `{text}`"))
}

/// Calls of an undisturbed release, and how many runs ended with each code.
#[derive(Debug, Default)]
struct Table {
    interrupted: usize,
    done: usize,
    before_anything: usize,
}

fn runs(seed: u64, next: &AtomicUsize, count: usize, table: &Mutex<Table>) {
    let scene = Scene::of(CANARY);
    scene.apply("2.0").exits(0);
    scene.product.wire.take();
    scene.apply("3.0").exits(0);
    let calls = scene.product.wire.take().len();
    for release in 4.. {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return;
        }
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let signal = [Signal::HUP, Signal::INT, Signal::TERM][random.random_range(0..3)];
        // The moment is so many calls in, and a little after.
        let (after, wait) = (random.random_range(0..calls), random.random_range(0..150));
        let release = format!("{release}.0");
        let point =
            format!("run {number} of seed {seed}: {signal:?} {wait} ms after call {after} of {calls}");
        scene.product.wire.take();
        let mut under = scene.begin(&release);
        let mut made = 0;
        while made < after && under.child.try_wait().expect("a child").is_none() {
            made += scene.product.wire.take().len();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::thread::sleep(std::time::Duration::from_millis(wait));
        under.signal(signal);
        let run = under.end();
        let (code, text) = (run.code, format!("{}\n{}", run.out, run.err));
        assert!(!text.contains("panicked") && !text.contains("a bug in bgform"), "{point}\n{text}");
        {
            let mut table = table.lock().expect("no panic");
            match (code, signal) {
                // A rollout goes on without its terminal; the others may have come after its end.
                (0, _) => table.done += 1,
                (4, Signal::INT | Signal::TERM) => table.interrupted += 1,
                // It had not begun to listen for signals, and so nothing had begun.
                (-1, _) if after == 0 => table.before_anything += 1,
                _ => panic!("{point}: it ended with {code}\n{text}"),
            }
        }
        let again = scene.apply(&release);
        assert_eq!(again.code, 0, "{point}\n{text}\n--- again\n{}\n{}", again.out, again.err);
        scene.stands(&release);
    }
}

#[test]
fn a_signal_at_any_moment_of_a_canary_ends_as_documented() {
    let (seed, count) = asked();
    let (next, table) = (AtomicUsize::new(0), Mutex::new(Table::default()));
    let run = || runs(seed, &next, count, &table);
    let scenes = [("one", &run as &(dyn Fn() + Sync)); SIDE_BY_SIDE];
    side_by_side(&scenes);
    println!("seed {seed}, {count} runs: {:?}; all converged, no panic", table.lock().expect("no panic"));
}
