//! A stack's whole life on a sandbox of its own, with kills in it.

use std::fmt;

use bgform::clock::Clock;
use bgform::cloud::Cloud;

use super::neighbours;
use super::region::{Region, difference, more, region, settled};
use crate::kit::local::Local;
use crate::kit::moto::Moto;
use crate::kit::product::{Product, Run};
use crate::kit::wire::{Counted, Moment, Wire, is_read};

const STACK: &str = "life.deploy";
/// So often a command may have to be given after faults: to take back, then to ship again.
const FAULTY_ENDS: usize = 3;

/// A command of the life, and the release that is in the file after it.
pub struct Phase {
    pub name: &'static str,
    arguments: &'static [&'static str],
    release: Option<&'static str>,
}

pub const PHASES: [Phase; 4] = [
    Phase { name: "create", arguments: &["apply", STACK, "--auto-approve"], release: Some("release=1.0") },
    Phase {
        name: "cutover",
        arguments: &["apply", STACK, "--auto-approve", "--var", "release=2.0"],
        release: Some("release=2.0"),
    },
    Phase {
        name: "rollback",
        arguments: &["rollback", STACK, "--auto-approve", "--to", "1.0"],
        release: Some("release=1.0"),
    },
    Phase { name: "destroy", arguments: &["destroy", STACK, "--auto-approve"], release: None },
];

/// A SIGKILL around a call.
#[derive(Debug, Clone)]
pub struct Kill {
    pub counted: Counted,
    pub at: usize,
    pub moment: Moment,
    /// What else goes wrong in the region until then.
    pub faults: Vec<String>,
}

impl Kill {
    pub fn is_of_a_read(&self) -> bool {
        matches!(&self.counted, Counted::Of(name) if is_read(name))
    }

    pub fn is_of_a_write_to_s3(&self) -> bool {
        let writes = ["PutObject", "DeleteObject"];
        matches!(&self.counted, Counted::Of(name) if writes.iter().any(|write| name.starts_with(write)))
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = if self.faults.is_empty() { "" } else { " with " };
        write!(f, "{:?} {:?} {}{with}{}", self.moment, self.counted, self.at, self.faults.join(" "))
    }
}

/// What a command leaves when nothing happens to it.
pub struct Undisturbed {
    pub calls: Vec<String>,
    region: Region,
    /// What the next plan says of it.
    plan: Option<String>,
}

/// What came of a command's kills.
#[derive(Debug, Default)]
pub struct Outcome {
    pub killed: usize,
    pub duplicates: bool,
    pub orphans: bool,
    pub unreadable: bool,
    pub wrong: Vec<String>,
}

/// Where the state of a life is, and whose life.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// Beside the stack.
    Folder,
    /// The same, of the stack of containers.
    Containers,
    /// In the bucket [`BUCKET`] of this server, whose calls are as many boundaries.
    Bucket(&'a Moto),
}

pub const BUCKET: &str = "states";

/// A life on a sandbox of its own.
struct Life {
    product: Product,
    cloud: Cloud,
    runtime: tokio::runtime::Runtime,
}

impl Life {
    fn on(wire: &Wire, speed: f64, place: Place) -> Self {
        let product = Product::behind(wire, Local::with(&[], Clock::scaled(speed)));
        let mut stack = match place {
            Place::Containers => include_str!("containers.deploy").to_owned(),
            Place::Folder | Place::Bucket(_) => include_str!("life.deploy").to_owned(),
        };
        if let Place::Bucket(moto) = place {
            wire.s3_at(&moto.endpoint);
            let own = hex::encode(rand::random::<[u8; 4]>());
            stack = stack.replace(
                "\"us-east-1\"\n",
                &format!("\"us-east-1\"\n  state = \"s3://{BUCKET}/{own}?lease=4s\"\n"),
            );
        }
        product.write(STACK, &stack);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let cloud = runtime.block_on(product.cloud());
        runtime.block_on(neighbours::move_in(&cloud));
        wire.take();
        Self { product, cloud, runtime }
    }

    fn run(&self, phase: &Phase) -> Run {
        self.product.run(phase.arguments)
    }

    /// Runs it to its end, which is the kill or its own; what it said, too.
    ///
    /// Errors: the code with which it ended before that.
    fn killed(&self, phase: &Phase, kill: &Kill) -> (Result<String, Option<i32>>, String) {
        let faults = &self.product.local.as_ref().expect("a sandbox").faults;
        kill.faults.iter().for_each(|fault| faults.add(fault.parse().expect("a fault")));
        let under = self.product.begin(phase.arguments);
        let wire = &self.product.wire;
        let killed = wire.kill_around(under.child, kill.counted.clone(), kill.at, kill.moment);
        faults.clear();
        (killed, std::fs::read_to_string(self.product.path("err")).unwrap_or_default())
    }

    /// The exit code and the last line of a plan that changes nothing.
    fn plan(&self, phase: &Phase) -> Option<(String, String)> {
        let run = self.product.run(&["plan", STACK, "--detailed-exitcode", "--var", phase.release?]);
        let summary = run.out.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
        Some((format!("{} {summary}", run.code), format!("{}\n{}", run.out, run.err)))
    }

    fn region(&self) -> Region {
        self.runtime.block_on(region(&self.cloud))
    }

    /// What is wrong after the command, compared with an undisturbed one.
    fn compare(&self, phase: &Phase, wanted: &Undisturbed, outcome: &mut Outcome) {
        let there = self.runtime.block_on(settled(&self.cloud, &wanted.region));
        if there != wanted.region {
            let more = more(&wanted.region, &there);
            outcome.orphans |= more && phase.release.is_none();
            outcome.duplicates |= more && phase.release.is_some();
            outcome.wrong.push(difference(&wanted.region, &there));
        }
        if let Some((plan, said)) = self.plan(phase)
            && wanted.plan.as_ref() != Some(&plan)
        {
            outcome.wrong.push(format!("the plan after it: {said}"));
        }
    }
}

/// The life when nothing happens to it.
pub fn undisturbed(speed: f64, place: Place) -> Vec<Undisturbed> {
    let life = Life::on(&Wire::before("127.0.0.1:9"), speed, place);
    let before = life.region();
    let all = PHASES.iter().map(|phase| {
        life.product.wire.take();
        life.run(phase).exits(0);
        let calls = life.product.wire.take();
        let wanted = match phase.release {
            Some(_) => life.steady(),
            None => before.clone(),
        };
        let plan = life.plan(phase).map(|(plan, _)| plan);
        assert!(plan.as_ref().is_none_or(|plan| !plan.starts_with("1 ")), "{}: {plan:?}", phase.name);
        let mut outcome = Outcome::default();
        let wanted = Undisturbed { calls, region: wanted, plan };
        life.compare(phase, &wanted, &mut outcome);
        assert!(outcome.wrong.is_empty(), "{}: {:?}", phase.name, outcome.wrong);
        wanted
    });
    all.collect()
}

impl Life {
    /// The region once nothing in it is on its way any more.
    fn steady(&self) -> Region {
        let mut last = self.region();
        loop {
            std::thread::sleep(std::time::Duration::from_millis(1500));
            let now = self.region();
            if now == last {
                return now;
            }
            last = now;
        }
    }
}

/// Tells the life with these kills in its phases; it ends with the first phase that goes wrong.
pub fn story(
    wire: &Wire,
    speed: f64,
    place: Place,
    wanted: &[Undisturbed],
    kills: &[Vec<Kill>; PHASES.len()],
) -> Vec<Outcome> {
    let life = Life::on(wire, speed, place);
    let mut outcomes = Vec::new();
    let [_, of_cutover, of_rollback, _] = kills;
    for ((phase, kills), wanted) in PHASES.iter().zip(kills).zip(wanted) {
        let mut outcome = Outcome::default();
        // What nothing happens to and nothing needs is passed over.
        let needed = match phase.name {
            "cutover" => !of_cutover.is_empty() || !of_rollback.is_empty(),
            "rollback" => !of_rollback.is_empty(),
            _ => true,
        };
        if !needed {
            outcomes.push(outcome);
            continue;
        }
        let mut said = Vec::new();
        for kill in kills {
            let (killed, err) = life.killed(phase, kill);
            outcome.killed += usize::from(killed.is_ok());
            // A fault may end it too, but not by a panic.
            if let Err(code) = killed
                && code != Some(0)
                && (kill.faults.is_empty() || code == Some(101))
            {
                outcome.wrong.push(format!("it ended with {code:?} before it was killed:\n{err}"));
            }
            said.push(err);
        }
        // A fault may have been the end of a release. What takes it back says so by its exit code, and
        // the next one ships it again.
        let ends = if kills.iter().any(|kill| !kill.faults.is_empty()) { FAULTY_ENDS } else { 1 };
        let mut again = life.run(phase);
        for _ in 1..ends {
            if again.code == 0 {
                break;
            }
            if again.code == 101 {
                break;
            }
            said.push(again.err);
            again = life.run(phase);
        }
        outcome.unreadable |= said.iter().chain([&again.err]).any(|err| err.contains("bgform::state::"));
        if again.code != 0 {
            outcome.wrong.push(format!("it exits {}:\n{}\n{}", again.code, again.out, again.err));
        }
        life.compare(phase, wanted, &mut outcome);
        let ended = !outcome.wrong.is_empty() || outcome.unreadable;
        if ended {
            outcome.wrong.push(format!(
                "what was killed said:\n{}\nand the last:\n{}",
                said.join("\n--\n"),
                again.err
            ));
        }
        outcomes.push(outcome);
        if ended {
            break;
        }
    }
    outcomes
}
