//! Every command, of clap's own list, in the middle of a canary, with an output that nobody reads or a signal at
//! any moment: none of them panics, each ends with a code of the handbook, and the next apply ends the release.
//!
//! `BGFORM_KILLS=seed:42:200 cargo test --test it kills::unheard -- --nocapture` makes 200 runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bgform::clock::monotonic;
use clap::CommandFactory;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};

use super::Tried;
use super::disturbed::acts::STRATEGIES;
use super::disturbed::operator::{Operator, STACK};
use super::life::{SIDE_BY_SIDE, SPEED};
use crate::kit::wire::Wire;
use crate::traffic::outlets::{Outlet, begun, leaves};

/// The canary has so many calls, about.
const CALLS: usize = 110;
/// A command that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(240);
/// One that waits for somebody is told to go on after this time.
const PATIENCE: Duration = Duration::from_secs(20);

const OUTLETS: [Outlet; 4] = [Outlet::Read, Outlet::Closed, Outlet::OneLine, Outlet::Full];

/// A signal, if one comes, so long after the command began.
type Hit = Option<(Signal, Duration)>;

fn hit(random: &mut StdRng, within: u64) -> Hit {
    let signal = [None, Some(Signal::HUP), Some(Signal::INT), Some(Signal::TERM)];
    let signal = *signal.choose(random).expect("there are some");
    Some((signal?, Duration::from_millis(random.random_range(0..within))))
}

/// The commands of the handbook with what they need; sandboxes have no canary, and the next apply would not
/// find a state that was taken elsewhere.
fn commands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    leaves(&bgform::cli::Args::command(), &[], &mut all);
    all.retain(|one| !["sandbox", "rehearse"].contains(&one[0].as_str()));
    all.retain(|one| one[..2.min(one.len())] != ["state", "migrate"]);
    all
}

/// Whether a process that got this signal, if any, has ended as the handbook says.
fn is_documented(status: ExitStatus, hit: Hit) -> bool {
    match (status.code(), status.signal(), hit) {
        (Some(code), ..) => (0..=6).contains(&code),
        // A command that changes nothing ends by it, as any program does.
        (None, Some(by), Some((signal, _))) => by == signal.as_raw(),
        _ => false,
    }
}

struct One {
    name: String,
    child: Child,
    hit: Hit,
    errors: std::path::PathBuf,
}

impl One {
    fn begin(operator: &Operator, name: &str, arguments: &[String], outlet: Outlet, hit: Hit) -> Self {
        let errors = operator.product.path(&format!("{name}.err"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let stderr = File::create(&errors).expect("a file");
        let child = begun(&operator.product, &arguments, outlet, stderr.into());
        Self { name: format!("{} {outlet:?} {hit:?}", arguments.join(" ")), child, hit, errors }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }

    /// Waits for its end and is heard by nobody; what is wrong with it.
    fn end(mut self, operator: &Operator, codes: &mut BTreeMap<String, usize>) -> Option<String> {
        let (began, mut hit, mut promoted) = (monotonic(), self.hit, false);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            let waited = monotonic().saturating_sub(began);
            if let Some((signal, _)) = hit.filter(|(_, at)| *at <= waited) {
                self.signal(signal);
                hit = None;
            }
            if waited > PATIENCE && !std::mem::replace(&mut promoted, true) {
                // Somebody may have paused it.
                let _ = operator.product.run(&["promote", STACK]);
            }
            if waited > LONGEST {
                self.signal(Signal::KILL);
                let _ = self.child.wait();
                return Some(format!("{}: it does not end", self.name));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let code = status.code().map_or_else(|| "by the signal".to_owned(), |code| code.to_string());
        *codes.entry(code).or_default() += 1;
        let said = std::fs::read_to_string(&self.errors).unwrap_or_default();
        let ill = ["panicked", "a fault of bgform"].iter().any(|text| said.contains(text));
        // What came too late has not come.
        let came = self.hit.filter(|_| hit.is_none());
        (ill || !is_documented(status, came)).then(|| format!("{}: {status:?}\n{said}", self.name))
    }
}

/// One canary with one more command in the middle; what is wrong.
fn run(
    operator: &mut Operator,
    commands: &[Vec<String>],
    random: &mut StdRng,
    codes: &mut BTreeMap<String, usize>,
) -> (String, Option<String>) {
    let apply = operator.next_release();
    let at = random.random_range(0..CALLS);
    let mut other = commands.choose(random).expect("there are some").clone();
    if other == ["apply"] {
        other.clone_from(&apply);
    }
    let [one, two] = [0; 2].map(|_| *OUTLETS.choose(random).expect("there are some"));
    let hits = [hit(random, 6000), hit(random, 400)];
    operator.product.wire.take();
    let canary = One::begin(operator, "canary", &apply, one, None);
    let began = monotonic();
    while operator.product.wire.made() < at && monotonic().saturating_sub(began) < PATIENCE {
        std::thread::sleep(Duration::from_millis(2));
    }
    let canary = One { hit: hits[0], name: format!("{} {:?}", canary.name, hits[0]), ..canary };
    let other = One::begin(operator, "other", &other, two, hits[1]);
    let told = format!("after {at} calls: {} | {}", canary.name, other.name);
    let wrong = [other.end(operator, codes), canary.end(operator, codes)];
    let wrong = wrong.into_iter().flatten().next().or_else(|| operator.ends_well());
    (told, wrong)
}

#[test]
fn no_command_in_a_canary_needs_to_be_heard() {
    let (seed, enough, first) = match Tried::asked() {
        Tried::Seeded { seed, kills, first } => (seed, kills, first),
        _ => (3, 6, 0),
    };
    let commands = commands();
    assert!(commands.len() > 25, "{commands:?}");
    let (next, codes, wrong) = (AtomicUsize::new(first), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let tell_on = || {
        let wire = Wire::before("127.0.0.1:9");
        let mut operator = Operator::on(&wire, SPEED, &STRATEGIES[0]);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= first + enough {
                return;
            }
            let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
            let mut ended = BTreeMap::new();
            let (told, ill) = run(&mut operator, &commands, &mut random, &mut ended);
            let mut codes = codes.lock().expect("no panic");
            ended.into_iter().for_each(|(code, many)| *codes.entry(code).or_insert(0) += many);
            if let Some(ill) = ill {
                wrong.lock().expect("no panic").push(format!("run {number} of seed {seed}: {told}\n{ill}"));
                // What it has left is not the next one's.
                operator = Operator::on(&wire, SPEED, &STRATEGIES[0]);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(enough) {
            scope.spawn(tell_on);
        }
    });
    println!("seed {seed}: {enough} canaries, {} commands to choose from", commands.len());
    println!("exit codes: {:?}", codes.into_inner().expect("no panic"));
    let wrong = wrong.into_inner().expect("no panic");
    println!("{} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
