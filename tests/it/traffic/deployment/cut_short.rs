//! Interrupts and kills at every stage of a canary: the next apply, told nothing of it, goes on in
//! that stage, no request fails, and what was passed is not done again.
//!
//! `BGFORM_KILLS=all` tries every stage with every signal, and every mutating call at each moment
//! around it; without it a few of them.

use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;

use super::{Scene, none_failed, side_by_side};
use crate::kit::load::Tally;
use crate::kit::product::Run;
use crate::kit::wire::{Moment, is_read};

/// Where an apply is cut short.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// By a signal, this long after it has said this.
    After(&'static str, Duration, Signal),
    /// By a signal, this long after so many calls of this action.
    Called(&'static str, usize, Duration, Signal),
    /// By SIGKILL around its mutating call of this number.
    Around(usize, Moment),
}

/// A canary with a gate at every moment that one can be passed at, each of which leaves a line.
fn gated() -> String {
    let gate = |name: &str, at: &str| {
        format!(
            "  gate \"{name}\" {{\n    at      = \"{at}\"\n    command = [\"sh\", \"-c\", \"echo $BGFORM_RELEASE {name} \
             >> passed; sleep 0.3\"]\n  }}\n"
        )
    };
    let strategy = "  strategy \"canary\" {\n    steps        = [25%, 50%]\n    interval     = 2s\n    retire_after = 10m\n  }\n";
    let gates =
        [gate("expand", "before_launch"), gate("smoke", "before_shift"), gate("after", "after_shift")];
    format!("{strategy}  preview {{\n    header = {{ \"X-Preview\" = \"next\" }}\n  }}\n{}", gates.concat())
}

/// Cuts the apply of `release` short and applies again; both runs.
pub fn cut(scene: &Scene, release: &str, cut: Cut) -> (Run, Run) {
    let first = match cut {
        Cut::After(text, wait, signal) => {
            let mut under = scene.begin(release);
            under.until(text);
            std::thread::sleep(wait);
            under.signal(signal);
            under.end()
        }
        Cut::Called(action, times, wait, signal) => {
            let before = scene.calls(action);
            let mut under = scene.begin(release);
            under.until_so(action, || scene.calls(action) >= before + times);
            std::thread::sleep(wait);
            under.signal(signal);
            under.end()
        }
        Cut::Around(call, moment) => {
            let mut command =
                scene.product.command(&Scene::arguments(release).each_ref().map(String::as_str));
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
            let killed = scene.product.wire.kill(child, call, moment);
            assert!(killed, "{cut:?}: it had ended before");
            Run { code: -1, out: String::new(), err: String::new() }
        }
    };
    if let Cut::After(_, _, signal) | Cut::Called(_, _, _, signal) = cut {
        let code = if signal == Signal::KILL { -1 } else { 4 };
        // The last of its stages may have been over.
        assert!([code, 0].contains(&first.code), "{cut:?}\n{}\n{}", first.out, first.err);
    }
    (first, scene.apply(release))
}

/// Cuts the apply of `release` short under load: the next apply ends it, and no request fails.
pub fn goes_on(scene: &Scene, release: &str, point: Cut) -> Tally {
    let load = scene.load();
    let (first, again) = cut(scene, release, point);
    load.mark();
    std::thread::sleep(Duration::from_millis(300));
    let tally = load.end();
    assert_eq!(again.code, 0, "{point:?}\n{}\n{}\n--- before\n{}", again.out, again.err, first.err);
    assert!(tally.failed.is_empty(), "{point:?}: {:?}\n{}\n{}", tally.failed, first.err, again.err);
    none_failed(&tally);
    assert!(tally.late.keys().eq([release]), "{point:?}: {tally:?}\n{}", again.err);
    tally
}

/// What was tried, and what came of it; every other outcome has ended the test.
#[derive(Debug, Default)]
struct Table {
    signals: usize,
    calls: usize,
    requests: usize,
}

/// Ships a release after the other, each cut short at another point.
fn converges(points: &[Cut], table: &Mutex<Table>) {
    let scene = Scene::of(&gated());
    // A colour that has to be emptied first takes more calls than one that never was.
    scene.apply("2.0").exits(0);
    for (number, point) in points.iter().enumerate() {
        let release = format!("{}.0", number + 3);
        let tally = goes_on(&scene, &release, *point);
        // A kill while the command runs is the one that it may be run again after.
        let passed = std::fs::read_to_string(scene.product.path("passed")).expect("gates were passed");
        let passed: Vec<&str> = passed.lines().filter(|line| line.starts_with(&release)).collect();
        let wanted = ["expand", "smoke", "after"].map(|gate| format!("{release} {gate}"));
        assert_eq!(passed, wanted, "{point:?}");
        scene.stands(&release);
        let mut table = table.lock().expect("no panic");
        match point {
            Cut::After(..) | Cut::Called(..) => table.signals += 1,
            Cut::Around(..) => table.calls += 1,
        }
        table.requests += tally.sent;
    }
}

/// What an apply says as its stages begin or end.
const STAGES: [&str; 8] = [
    "gate \"expand\" passed",
    "updated autoscaling_group.web[",
    "gate \"smoke\" passed",
    "has 25% of the traffic",
    "has 50% of the traffic",
    "has 100% of the traffic",
    "gate \"after\" passed",
    "updated launch_template.web",
];
pub const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::KILL];

fn after(stage: usize, wait: u64, signal: usize) -> Cut {
    Cut::After(STAGES[stage], Duration::from_millis(wait), SIGNALS[signal])
}

/// The points, in as many stacks as stand side by side.
fn points() -> Vec<Vec<Cut>> {
    if std::env::var("BGFORM_KILLS").as_deref() != Ok("all") {
        return vec![
            vec![after(1, 300, 0), after(5, 1000, 2)],
            vec![after(3, 1000, 2), after(0, 0, 1)],
            vec![Cut::Around(6, Moment::BeforeItsAnswer), after(4, 500, 0)],
        ];
    }
    let signals = (0..STAGES.len())
        .flat_map(|stage| (0..3).flat_map(move |signal| [0, 700].map(|wait| after(stage, wait, signal))));
    let moments = [Moment::BeforeIt, Moment::BeforeItsAnswer, Moment::AfterItsAnswer];
    let calls = (0..mutating_calls()).flat_map(|call| moments.map(|moment| Cut::Around(call, moment)));
    let all: Vec<Cut> = signals.chain(calls).collect();
    all.chunks(10).map(<[Cut]>::to_vec).collect()
}

/// How many an undisturbed release makes that empties the colour of the one before the last.
fn mutating_calls() -> usize {
    let scene = Scene::of(&gated());
    scene.apply("2.0").exits(0);
    scene.product.wire.take();
    scene.apply("3.0").exits(0);
    scene.product.wire.take().iter().filter(|action| !is_read(action)).count()
}

#[test]
fn a_canary_that_is_cut_short_anywhere_goes_on_there() {
    let table = Mutex::new(Table::default());
    let table = &table;
    for stacks in points().chunks(4) {
        let runs: Vec<_> = stacks.iter().map(|points| move || converges(points, table)).collect();
        let names: Vec<String> = stacks.iter().map(|points| format!("{points:?}")).collect();
        let scenes: Vec<(&str, &(dyn Fn() + Sync))> =
            names.iter().zip(&runs).map(|(name, run)| (name.as_str(), run as &(dyn Fn() + Sync))).collect();
        side_by_side(&scenes);
    }
    let Table { signals, calls, requests } = *table.lock().expect("no panic");
    eprintln!(
        "cut short by a signal {signals} times, by SIGKILL around a mutating call {calls} times: all converged, \
         no gate was passed twice, {requests} requests, 0 failed"
    );
}

/// The release is given up, and that is cut short too: the next apply ends it.
#[test]
fn a_way_back_that_is_cut_short_is_gone_to_its_end() {
    let ends = |text: &'static str, signal: Signal| {
        let scene = Scene::of(&super::canary(25, "1h"));
        let load = scene.load();
        let mut under = scene.begin("2.0");
        under.until("green has 25% of the traffic");
        scene.abort();
        if text.is_empty() {
            // The call that moves the weights is carried out, and nobody hears of it.
            assert!(scene.product.wire.kill(under.child, 0, Moment::BeforeItsAnswer), "it had ended before");
        } else {
            under.until(text);
            under.signal(signal);
            let code = under.end().code;
            assert!(code == 4 || code == -1, "{code}");
        }
        let run = scene.apply("2.0").exits(5);
        run.says("web: 2.0 was taken back; 1.0 on blue carries all traffic. Why: ada@desk asked for it");
        none_failed(&load.end());
        scene.stands("1.0");
    };
    side_by_side(&[
        ("the call", &|| ends("", Signal::KILL)),
        ("killed", &|| ends("blue has all traffic again", Signal::KILL)),
        ("interrupted", &|| ends("blue has all traffic again", Signal::INT)),
    ]);
}

#[test]
fn soak_time_served_counts() {
    let scene = Scene::of(&super::canary(25, "20s"));
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    std::thread::sleep(Duration::from_secs(15));
    under.signal(Signal::TERM);
    under
        .end()
        .exits(4)
        .says("web: 2.0 was interrupted; `bgform apply --var release=2.0` goes on from this step");
    let began = bgform::clock::monotonic();
    let mut under = scene.begin("2.0");
    under.until("green has 100% of the traffic");
    let took = bgform::clock::monotonic().saturating_sub(began);
    under.end().exits(0);
    none_failed(&load.end());
    // Of 20 s at most 5 are left.
    assert!(took < Duration::from_secs(19), "{took:?}");
}
