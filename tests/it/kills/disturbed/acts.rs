//! What a story is made of: commands that are cut short, and what somebody does between them.

use std::fmt;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rustix::process::Signal;

use crate::kills::MOMENTS;
use crate::kit::wire::Moment;

/// A strategy, and when the gate of the deployment is passed.
pub struct Strategy {
    pub name: &'static str,
    pub gate: &'static str,
    pub text: &'static str,
}

pub const STRATEGIES: [Strategy; 4] = [
    Strategy {
        name: "canary",
        gate: "before_shift",
        text: "  strategy \"canary\" {\n    steps        = [25%]\n    interval     = 1s\n    retire_after = 3h\n  }\n",
    },
    Strategy {
        name: "linear",
        gate: "after_shift",
        text: "  strategy \"linear\" {\n    step         = 50%\n    interval     = 1s\n    retire_after = 3h\n  }\n",
    },
    Strategy {
        name: "blue_green",
        gate: "before_launch",
        text: "  strategy \"blue_green\" {\n    retire_after = 3h\n  }\n",
    },
    Strategy {
        name: "rolling",
        gate: "after_shift",
        text: "  strategy \"rolling\" {\n    min_healthy = 100%\n    max_healthy = 200%\n  }\n",
    },
];

/// A command, as somebody types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A new release.
    Ship,
    /// One that does not pass its gate.
    ShipShut,
    /// One that never gets healthy.
    ShipIll,
    /// A new one, whatever is under way.
    Supersede,
    /// The last one again.
    Again,
    Plan,
    Rollback,
    Abort,
    Promote,
    Retire,
}

/// How a command is cut short.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// By SIGKILL around its call of this number, reads too.
    Around(usize, Moment),
    /// By a signal, so many milliseconds after so many calls: between two calls, at a write of the state.
    After(usize, u64, Signal),
    Not,
}

/// What the wall clock of the command does: it jumps by so many seconds after so many calls.
#[derive(Debug, Clone, Copy)]
pub struct Jump {
    pub by: i64,
    pub after: usize,
}

/// What somebody does past bgform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    Weights,
    Sizes,
    Tag,
    Deregister,
    HealthCheck,
    NewVersion,
    Terminate,
    ScheduledAction,
    Rule,
    OldVersion,
    IdleGroup,
    Image,
}

const HANDS: [Hand; 12] = [
    Hand::Weights,
    Hand::Sizes,
    Hand::Tag,
    Hand::Deregister,
    Hand::HealthCheck,
    Hand::NewVersion,
    Hand::Terminate,
    Hand::ScheduledAction,
    Hand::Rule,
    Hand::OldVersion,
    Hand::IdleGroup,
    Hand::Image,
];

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Act {
    Command {
        verb: Verb,
        cut: Cut,
        jump: Option<Jump>,
        faults: Vec<String>,
    },
    /// The number picks what is changed, and to what.
    Hand(Hand, u32),
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hand(hand, pick) => write!(f, "by hand: {hand:?} {pick}"),
            Self::Command { verb, cut, jump, faults } => {
                write!(f, "{verb:?}, cut {cut:?}")?;
                if let Some(jump) = jump {
                    write!(f, ", its clock jumps {} s after call {}", jump.by, jump.after)?;
                }
                if !faults.is_empty() {
                    write!(f, ", with {}", faults.join(" "))?;
                }
                Ok(())
            }
        }
    }
}

/// How many calls a short command makes, and a long one. A moment beyond the end cuts nothing short.
const CALLS: [usize; 3] = [15, 40, 80];

fn call(random: &mut StdRng) -> usize {
    let calls = *CALLS.choose(random).expect("there are some");
    random.random_range(0..calls)
}

/// A day ahead, an hour back.
const JUMPS: [i64; 2] = [86_400, -3_600];
/// Calls that may fail.
const FALLIBLE: [&str; 10] = [
    "ModifyRule",
    "CreateRule",
    "UpdateAutoScalingGroup",
    "CreateAutoScalingGroup",
    "CreateLaunchTemplateVersion",
    "PutScheduledUpdateGroupAction",
    "DeleteScheduledAction",
    "ModifyTargetGroup",
    "DescribeTargetHealth",
    "DescribeAutoScalingGroups",
];

fn faults(random: &mut StdRng) -> Vec<String> {
    let one = |random: &mut StdRng| {
        let call = FALLIBLE.choose(random).expect("there are some");
        match random.random_range(0..6) {
            0 => format!("error={call}:1"),
            1 => format!("drop={call}:1"),
            2 | 3 => format!("lost={call}:1"),
            4 => format!("eventual={}s", random.random_range(1..=20)),
            _ => "throttle=all:25/10".to_owned(),
        }
    };
    let many = usize::from(random.random_bool(0.3));
    (0..many).map(|_| one(random)).collect()
}

fn cut(random: &mut StdRng) -> Cut {
    let at = call(random);
    match random.random_range(0..20) {
        0..=11 => Cut::Around(at, *MOMENTS.choose(random).expect("there are some")),
        12..=15 => Cut::After(at, random.random_range(0..120), Signal::KILL),
        16 => Cut::After(at, random.random_range(0..120), Signal::INT),
        17 => Cut::After(at, random.random_range(0..120), Signal::TERM),
        _ => Cut::Not,
    }
}

fn verb(random: &mut StdRng) -> Verb {
    match random.random_range(0..24) {
        0..=5 => Verb::Ship,
        6..=7 => Verb::ShipShut,
        8 => Verb::ShipIll,
        9..=10 => Verb::Supersede,
        11..=14 => Verb::Again,
        15 => Verb::Plan,
        16..=18 => Verb::Rollback,
        19..=20 => Verb::Abort,
        21 => Verb::Promote,
        _ => Verb::Retire,
    }
}

/// The disturbed part of a story.
pub fn acts(random: &mut StdRng) -> Vec<Act> {
    let many = random.random_range(8..=14);
    let one = |random: &mut StdRng| {
        if random.random_bool(0.3) {
            return Act::Hand(*HANDS.choose(random).expect("there are some"), random.random());
        }
        let jump = random
            .random_bool(0.2)
            .then(|| Jump { by: *JUMPS.choose(random).expect("there are some"), after: call(random) });
        Act::Command { verb: verb(random), cut: cut(random), jump, faults: faults(random) }
    };
    (0..many).map(|_| one(random)).collect()
}

/// How the destroy at the end is cut short.
pub fn ends(random: &mut StdRng) -> Vec<Cut> {
    (0..random.random_range(0..=3)).map(|_| cut(random)).collect()
}
