//! A person with a stack: gives commands that are cut short, and then the same one until it is done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bgform::clock::{Clock, monotonic};
use bgform::cloud::Cloud;
use rustix::process::{Pid, Signal, kill_process};

use super::acts::{Act, Cut, Jump, Strategy, Verb};

use super::hands;
use super::judge::{Fault, complaints};
use crate::kills::region::{Region, difference, region, settled};
use crate::kit::load::get;
use crate::kit::local::Local;
use crate::kit::product::{Product, Run};
use crate::kit::wall_clock::WallClock;
use crate::kit::wire::Wire;
use crate::moto::lifecycle::everything;

pub const STACK: &str = "ship.deploy";
/// A command that makes more calls than this hangs.
const MOST_CALLS: usize = 3000;
/// One that makes none hangs too: on a machine however busy, it would have ended by then.
const LONGEST: Duration = Duration::from_secs(300);
/// So many commands a person gives before they call somebody.
const PATIENCE: usize = 12;
/// Flags that a message may ask for.
const FLAGS: [&str; 4] = ["--supersede", "--accept-drift", "--allow-outage", "--upgrade"];

pub struct Operator {
    pub product: Product,
    cloud: Cloud,
    runtime: tokio::runtime::Runtime,
    clock: WallClock,
    /// What there was before the stack.
    before: Region,
    kinds_before: BTreeMap<&'static str, usize>,
    /// The last release that is to be, and how many there were.
    release: String,
    releases: usize,
    /// Commands and what they said.
    told: Vec<String>,
    pub commands: usize,
    pub kills: usize,
    pub cancels: usize,
    pub by_hand: usize,
    pub jumps: usize,
    pub faults: usize,
}

type Complaints = Vec<(Fault, String)>;

impl Operator {
    /// With 1.0 shipped.
    pub fn on(wire: &Wire, speed: f64, strategy: &Strategy) -> Self {
        let product = Product::behind(wire, Local::with(&[], Clock::scaled(speed)));
        let stack = include_str!("ship.deploy");
        product.write(STACK, &stack.replace("GATE", strategy.gate).replace("STRATEGY", strategy.text));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let cloud = runtime.block_on(product.cloud());
        runtime.block_on(hands::own_image(&cloud, "own-0"));
        let (before, kinds_before) = (runtime.block_on(region(&cloud)), runtime.block_on(everything(&cloud)));
        let clock = WallClock::in_folder(product.folder.path());
        let mut operator = Self {
            product,
            cloud,
            runtime,
            clock,
            before,
            kinds_before,
            release: "1.0".to_owned(),
            releases: 1,
            told: Vec::new(),
            commands: 0,
            kills: 0,
            cancels: 0,
            by_hand: 0,
            jumps: 0,
            faults: 0,
        };
        operator.give(&Self::apply("1.0", &[]), Cut::Not, None).0.exits(0);
        operator
    }

    fn apply(release: &str, flags: &[&str]) -> Vec<String> {
        let release = format!("release={release}");
        let command = ["apply", STACK, "--auto-approve", "--var", &release];
        command.iter().chain(flags).map(|word| (*word).to_owned()).collect()
    }

    /// What a command is as it is typed; a new release is the one that is to be from then on, if it is fit.
    fn typed(&mut self, verb: Verb) -> Vec<String> {
        let mut next = |end: &str| {
            self.releases += 1;
            format!("{}.0{end}", self.releases)
        };
        let words: &[&str] = match verb {
            Verb::Ship | Verb::Supersede => {
                self.release = next("");
                let flags: &[&str] = if verb == Verb::Supersede { &["--supersede"] } else { &[] };
                return Self::apply(&self.release, flags);
            }
            Verb::ShipShut | Verb::ShipIll => {
                let release = next(if verb == Verb::ShipShut { "-shut" } else { "-ill" });
                return Self::apply(&release, &[]);
            }
            Verb::Again => return Self::apply(&self.release, &[]),
            Verb::Plan => {
                let release = format!("release={}", self.release);
                return ["plan", STACK, "--var", &release].map(str::to_owned).to_vec();
            }
            Verb::Rollback => &["rollback", STACK, "--auto-approve"],
            Verb::Abort => &["abort", STACK],
            Verb::Promote => &["promote", STACK],
            Verb::Retire => &["retire", "--now", STACK],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Gives a command and lets it run to its end, which is the cut or its own. Whether it hung.
    fn give(&mut self, arguments: &[String], cut: Cut, jump: Option<Jump>) -> (Run, bool) {
        let mut command = self.product.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        self.clock.given_to(&mut command);
        self.clock.jump(0);
        let wire = self.product.wire.clone();
        wire.take();
        let under = self.product.begin_as(&mut command);
        let pid = i32::try_from(under.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        let (ended, hangs) = (AtomicBool::new(false), AtomicBool::new(false));
        let (clock, began) = (&self.clock, monotonic());
        // What happens while it runs.
        let attend = || {
            let (mut jump, mut signal) =
                (jump, if let Cut::After(at, wait, signal) = cut { Some((at, wait, signal)) } else { None });
            while !ended.load(Ordering::Relaxed) {
                let made = wire.made();
                if let Some(now) = jump.filter(|jump| jump.after <= made) {
                    clock.jump(now.by);
                    jump = None;
                }
                if let Some((_, wait, now)) = signal.filter(|(at, ..)| *at <= made) {
                    std::thread::sleep(Duration::from_millis(wait));
                    // It may have ended by itself.
                    let _ = kill_process(pid, now);
                    signal = None;
                }
                if made > MOST_CALLS || monotonic().saturating_sub(began) > LONGEST {
                    hangs.store(true, Ordering::Relaxed);
                    let _ = kill_process(pid, Signal::KILL);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        let run = std::thread::scope(|scope| {
            scope.spawn(attend);
            let run = match cut {
                Cut::Around(at, moment) => under.killed_around(&wire, at, moment),
                _ => under.end(),
            };
            ended.store(true, Ordering::Relaxed);
            run
        });
        let hangs = hangs.into_inner();
        self.commands += 1;
        self.told.push(format!(
            "$ bgform {}   [{cut:?}] exit {}, {} calls\n{}{}",
            arguments.join(" "),
            run.code,
            wire.made(),
            run.out,
            run.err
        ));
        (run, hangs)
    }

    /// The disturbed part, and a person who puts it right.
    pub fn live(&mut self, acts: &[Act]) -> Complaints {
        for act in acts {
            let wrong = match act {
                Act::Hand(hand, number) => {
                    let done = self.runtime.block_on(hands::change(&self.cloud, *hand, *number));
                    self.by_hand += usize::from(done.is_some());
                    self.told.push(format!("by hand: {hand:?}: {done:?}"));
                    None
                }
                Act::Command { verb, cut, jump, faults } => self.disturbed(*verb, *cut, *jump, faults),
            };
            if let Some(wrong) = wrong {
                return vec![wrong];
            }
        }
        if let Err(wrong) = self.converges() {
            return vec![wrong];
        }
        self.told.push("-- it has nothing to do".to_owned());
        self.judged()
    }

    fn disturbed(
        &mut self,
        verb: Verb,
        cut: Cut,
        jump: Option<Jump>,
        faults: &[String],
    ) -> Option<(Fault, String)> {
        let local = self.product.local.as_ref().expect("a sandbox").faults.clone();
        faults.iter().for_each(|fault| local.add(fault.parse().expect("a fault")));
        let arguments = self.typed(verb);
        let (run, hangs) = self.give(&arguments, cut, jump);
        local.clear();
        self.faults += faults.len();
        self.jumps += usize::from(jump.is_some_and(|jump| jump.after <= self.product.wire.made()));
        let killed = run.code == -1;
        self.kills += usize::from(killed && !hangs);
        self.cancels += usize::from(run.code == 4);
        broken(&run, hangs)
    }

    /// The command that ships another release, which is the one that is to be from then on.
    pub fn next_release(&mut self) -> Vec<String> {
        self.typed(Verb::Ship)
    }

    /// The same command again until the release is at its end; what is wrong then.
    pub fn ends_well(&mut self) -> Option<String> {
        self.told.clear();
        // Somebody may have paused it.
        let _ = self.product.run(&["promote", STACK]);
        let wrong = match self.converges() {
            Ok(()) => self.judged().into_iter().next(),
            Err(wrong) => Some(wrong),
        };
        wrong.map(|(fault, text)| format!("{fault:?}: {text}\n{}", self.said()))
    }

    /// Gives the command until there is nothing to do, with what its messages ask for.
    fn converges(&mut self) -> Result<(), (Fault, String)> {
        let mut release = self.release.clone();
        let mut flags: Vec<&str> = Vec::new();
        for _ in 0..PATIENCE {
            let (run, hangs) = self.give(&Self::apply(&release, &flags), Cut::Not, None);
            broken(&run, hangs).map_or(Ok(()), Err)?;
            // Messages are wrapped.
            let said = format!("{} {}", run.out, run.err);
            let said = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
            let registered = self.runtime.block_on(hands::register_as_told(&self.cloud, &said));
            if run.code == 0 && registered {
                continue;
            }
            // Another image, and where that is not it, another release.
            if run.code == 0 && said.contains("so that it launches none") {
                if flags.contains(&"--upgrade") {
                    self.next_release();
                    release.clone_from(&self.release);
                }
                flags = vec!["--upgrade"];
                continue;
            }
            if run.code == 0 {
                flags.clear();
                let plan = ["plan", STACK, "--detailed-exitcode", "--var", &format!("release={release}")];
                let (plan, hangs) = self.give(&plan.map(str::to_owned), Cut::Not, None);
                broken(&plan, hangs).map_or(Ok(()), Err)?;
                if plan.code == 0 {
                    return Ok(());
                }
                continue;
            }
            let asked: Vec<_> =
                FLAGS.into_iter().filter(|flag| said.contains(flag) && !flags.contains(flag)).collect();
            // Where no flag helps, the message names the command that does.
            let helps: Option<&[&str]> = match asked.is_empty() {
                true if said.contains("`bgform rollback` ends") => {
                    Some(&["rollback", STACK, "--auto-approve"])
                }
                true if said.contains("`bgform abort`") => Some(&["abort", STACK]),
                // What stands by can be launched no more.
                true if said.contains("does not exist") => Some(&["retire", "--now", STACK]),
                _ => None,
            };
            if let Some(words) = helps {
                let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
                let (run, hangs) = self.give(&words, Cut::Not, None);
                broken(&run, hangs).map_or(Ok(()), Err)?;
            }
            flags.extend(asked);
        }
        Err((Fault::Wrong, format!("{PATIENCE} commands did not bring {release} to its end")))
    }

    /// What is wrong once all is done; what is on its way is waited for.
    fn judged(&self) -> Complaints {
        let began = monotonic();
        loop {
            let mut wrong = self.runtime.block_on(complaints(&self.cloud, &self.kinds_before));
            let answers = self.answers();
            if answers != [self.release.clone()] {
                wrong.push((Fault::Wrong, format!("{answers:?} answer, and {} is to", self.release)));
            }
            if wrong.is_empty() || monotonic().saturating_sub(began) > Duration::from_secs(20) {
                return wrong;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The releases that answer requests.
    fn answers(&self) -> Vec<String> {
        let balancers = self.runtime.block_on(self.cloud.elbv2.describe_load_balancers().send());
        let balancers = balancers.expect("load balancers");
        let Some(name) = balancers.load_balancers().first().and_then(|one| one.dns_name()) else {
            return Vec::new();
        };
        let address = name.to_owned();
        let of = |_| match get(&address, "/", false, &mut None) {
            Ok(answer) => {
                format!("{}{}", answer.release, if answer.status == 200 { "" } else { " with an error" })
            }
            Err(error) => error.to_string(),
        };
        let all: std::collections::BTreeSet<String> = (0..20).map(of).collect();
        all.into_iter().collect()
    }

    /// Everything is deleted, whatever cuts that short.
    pub fn end(&mut self, cuts: &[Cut]) -> Complaints {
        let mut flags: Vec<&str> = Vec::new();
        let cuts = cuts.iter().copied().chain([Cut::Not; PATIENCE]);
        let mut done = false;
        for cut in cuts {
            let words = ["destroy", STACK, "--auto-approve"];
            let words: Vec<String> = words.iter().chain(&flags).map(|word| (*word).to_owned()).collect();
            let (run, hangs) = self.give(&words, cut, None);
            self.kills += usize::from(run.code == -1 && !hangs);
            self.cancels += usize::from(run.code == 4);
            if let Some(wrong) = broken(&run, hangs) {
                return vec![wrong];
            }
            flags = FLAGS.into_iter().filter(|flag| run.code > 0 && run.err.contains(flag)).collect();
            done = run.code == 0;
            if done {
                break;
            }
        }
        if !done {
            return vec![(Fault::Wrong, "it is not destroyed".to_owned())];
        }
        let mut wanted = self.before.clone();
        let there = self.runtime.block_on(settled(&self.cloud, &wanted));
        // Copies of the image are not the stack's.
        for kind in ["images", "snapshots"] {
            wanted.insert(kind.to_owned(), there.get(kind).copied().unwrap_or_default());
        }
        match there == wanted {
            true => Vec::new(),
            false => vec![(Fault::Orphan, format!("after destroy: {}", difference(&wanted, &there)))],
        }
    }

    pub fn said(&self) -> String {
        self.told.join("\n")
    }
}

/// What no command may do.
fn broken(run: &Run, hangs: bool) -> Option<(Fault, String)> {
    if hangs {
        return Some((Fault::Hang, "it makes calls and calls, or none".to_owned()));
    }
    let texts = ["panicked", "a bug in bgform", "bgform::state::"];
    let said = texts.iter().find(|text| run.err.contains(**text) || run.out.contains(**text));
    let code = run.code;
    match said {
        Some(text) => Some((Fault::Wrong, format!("`{text}` is said"))),
        None if code == 2 && run.err.contains("bgform::deployment::no_way_back") => None,
        None if ![-1, 0, 1, 3, 4, 5, 6].contains(&code) => {
            Some((Fault::Wrong, format!("it ends with {code}")))
        }
        None => None,
    }
}
