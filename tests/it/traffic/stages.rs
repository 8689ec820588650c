//! Stages that are wrong on purpose: for each stage one that does something else than it announced, which
//! the run refuses before the call goes out; and stages that announce what is not safe, which the plan
//! refuses. The release before has all traffic after each of them.

use std::path::Path;
use std::time::Duration;

use bgform::clock::Clock;
use bgform::facts::{Colour, Sizing, Stage};
use bgform::rollout::Error;
use bgform::rollout::run::{End, Rolling};
use bgform::rollout::stage::{self, Act, Doing, Setting};
use bgform::rollout::verify::{Effect, Point};
use futures_util::FutureExt;

use super::deployment::{DEPLOYMENT, GROUND};
use crate::kit::inside::{Inside, program};
use crate::kit::local::Local;

const SPEED: f64 = 30.0;

/// A stage that announces and does these instead of its own.
struct Wrong {
    right: Box<dyn Act>,
    announces: fn(Vec<Effect>) -> Vec<Effect>,
    does: Option<for<'a> fn(&'a Rolling<'_>) -> Doing<'a>>,
}

impl Act for Wrong {
    fn words(&self, of: &Setting<'_>) -> String {
        self.right.words(of)
    }

    fn effects(&self, of: &Setting<'_>, at: &Point) -> Vec<Effect> {
        (self.announces)(self.right.effects(of, at))
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        match self.does {
            Some(does) => does(rolling),
            None => self.right.perform(rolling),
        }
    }

    fn undone(&self, of: &Setting<'_>, place: usize, reached: usize, at: &Point) -> Vec<Effect> {
        self.right.undone(of, place, reached, at)
    }

    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        self.right.undo(rolling)
    }
}

/// One wrong stage, and the words of its refusal.
struct Case {
    /// The stages' words.
    stages: &'static [&'static str],
    strategy: &'static str,
    announces: fn(Vec<Effect>) -> Vec<Effect>,
    does: Option<for<'a> fn(&'a Rolling<'_>) -> Doing<'a>>,
    refused: &'static str,
}

const SAME: fn(Vec<Effect>) -> Vec<Effect> = |effects| effects;
const NOTHING: fn(Vec<Effect>) -> Vec<Effect> = |_| Vec::new();

const BLUE_GREEN: &str = "strategy \"blue_green\" {\n overlap = 1s\n retire_after = 0s\n }";
const GATES: &str = "strategy \"blue_green\" {\n overlap = 1s\n retire_after = 1h\n }
  preview {\n header = { \"X-Preview\" = \"next\" }\n }
  gate \"smoke\" {\n at = \"before_shift\"\n http {\n path = \"/\"\n }\n }";
const ROLLING: &str = "strategy \"rolling\" {\n min_healthy = 50%\n }";
const IN_PLACE: &str = "strategy \"in_place\" {\n batch = 50%\n run = [\"true\"]\n }";

/// Gives the new colour all traffic, without a look at anything.
fn shifts<'a>(rolling: &'a Rolling<'_>) -> Doing<'a> {
    async {
        let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
        rolling.change_facts(|facts| facts.shift(rollout.to, 100)).await?;
        rolling.agree(&rolling.routers()).await
    }
    .boxed_local()
}

/// Empties the old colour, whoever still sends it requests.
fn empties<'a>(rolling: &'a Rolling<'_>) -> Doing<'a> {
    async {
        rolling.change_facts(|facts| facts.size(Colour::Blue, Sizing::Empty)).await?;
        rolling.agree(&rolling.groups()).await
    }
    .boxed_local()
}

/// Raises the new colour, and leaves the old one to its scaling policies.
fn raises_without_a_pin<'a>(rolling: &'a Rolling<'_>) -> Doing<'a> {
    async {
        rolling.change_facts(|facts| facts.size(Colour::Green, Sizing::Raised(2))).await?;
        rolling.agree(&rolling.addresses()).await
    }
    .boxed_local()
}

/// Has AWS empty the colour that carries the traffic.
fn schedules<'a>(rolling: &'a Rolling<'_>) -> Doing<'a> {
    rolling.schedule(Colour::Blue, Duration::from_secs(60)).boxed_local()
}

const CASES: [Case; 13] = [
    Case {
        stages: &["raise"],
        strategy: BLUE_GREEN,
        announces: SAME,
        does: Some(raises_without_a_pin),
        refused: "size green to 2 comes after \"keep blue at 1 or more\"",
    },
    Case {
        stages: &["shift"],
        strategy: BLUE_GREEN,
        announces: SAME,
        does: Some(shifts),
        refused: "give green 100% of the traffic",
    },
    Case {
        stages: &["hold"],
        strategy: BLUE_GREEN,
        announces: SAME,
        does: Some(empties),
        refused: "stage `hold` was about to make a change that it has not announced: empty blue",
    },
    Case {
        stages: &["settle"],
        strategy: BLUE_GREEN,
        announces: SAME,
        does: Some(empties),
        refused: "stage `settle` was about to make a change that it has not announced: empty blue",
    },
    Case {
        stages: &["gate"],
        strategy: GATES,
        announces: SAME,
        does: Some(shifts),
        refused: "stage `gate` was about to make a change that it has not announced: give green 100% of the traffic",
    },
    Case {
        stages: &["preview"],
        strategy: GATES,
        announces: NOTHING,
        does: None,
        refused: "stage `preview` was about to make a change that it has not announced: show the preview",
    },
    Case {
        stages: &["raise"],
        strategy: GATES,
        announces: SAME,
        does: Some(schedules),
        refused: "stage `raise` was about to make a change that it has not announced: schedule the end of blue",
    },
    Case {
        stages: &["refresh"],
        strategy: ROLLING,
        announces: NOTHING,
        does: None,
        refused: "stage `refresh` was about to make a change that it has not announced: give instances of blue another \
                  release",
    },
    Case {
        stages: &["in_place"],
        strategy: IN_PLACE,
        announces: NOTHING,
        does: None,
        refused: "stage `in_place` was about to make a change that it has not announced: give instances of blue another \
                  release",
    },
    Case {
        stages: &["pin"],
        strategy: IN_PLACE,
        announces: NOTHING,
        does: None,
        refused: "stage `pin` was about to make a change that it has not announced: give instances of blue another \
                  release",
    },
    // What announces what is not safe is refused by the plan.
    Case {
        stages: &["raise", "shift"],
        strategy: BLUE_GREEN,
        announces: |all| all.into_iter().filter(|one| !matches!(one, Effect::Pinned(..))).collect(),
        does: None,
        refused: "step 2 (shift): blue has 50% of the traffic and keeps 0 healthy instances",
    },
    Case {
        stages: &["raise", "shift"],
        strategy: BLUE_GREEN,
        announces: |all| {
            let waits = |one: &Effect| matches!(one, Effect::Healthy(_) | Effect::Ensured(..));
            all.into_iter().filter(|one| !waits(one)).collect()
        },
        does: None,
        refused: "step 2 (shift): green has 50% of the traffic and no healthy instance",
    },
    Case {
        stages: &["settle", "retire"],
        strategy: BLUE_GREEN,
        announces: |all| all.into_iter().filter(|one| !matches!(one, Effect::Settled(_))).collect(),
        does: None,
        refused: "step 6 (retire): blue may still get requests and no healthy instance",
    },
];

/// How many of them the plan refuses, at the end.
const UNPROVED: usize = 3;

fn text(strategy: &str) -> String {
    let deployment = DEPLOYMENT.replace("NAME", "web").replace("RELEASE", "var.release");
    GROUND.to_owned() + &deployment.replace("PATH", "/*").replace("PRIORITY", "10").replace("MORE", strategy)
}

#[test]
fn a_stage_that_does_what_it_has_not_announced_is_refused_and_gone_back_from() {
    // As much as the binary's own thread has.
    let roomy = std::thread::Builder::new().stack_size(8 << 20);
    roomy.spawn(every_wrong_stage).expect("a thread").join().expect("it did not panic");
}

fn every_wrong_stage() {
    let local = Local::with(&[], Clock::scaled(SPEED));
    let inside = Inside::of(&local, SPEED);
    let path = Path::new("web.deploy");
    inside.runtime.block_on(async {
        let program =
            |strategy: &str, release: &str| program(path, text(strategy), &[&format!("release={release}")]);
        let first = inside.ship(&program(BLUE_GREEN, "1.0"), &stage::of).await;
        assert!(first.is_ok_and(|shipped| shipped.rollouts.iter().all(|one| !one.end.has_failed())));
        for (number, case) in CASES.iter().take(CASES.len() - UNPROVED).enumerate() {
            let release = format!("2.{number}");
            let shipped = inside.ship(&program(case.strategy, &release), &wrong(case)).await;
            let shipped = shipped.unwrap_or_else(|error| panic!("{:?}: {error}", case.stages));
            let [ended] = &shipped.rollouts[..] else { panic!("{:?}: {:?}", case.stages, shipped.rollouts) };
            let End::WentBack { reason, .. } = &ended.end else { panic!("{:?}: {ended:?}", case.stages) };
            assert!(reason.contains(case.refused), "{:?}: {reason}", case.stages);
            assert_eq!(ended.traffic, "1.0 on blue 100%", "{:?}", case.stages);
            let facts = &shipped.snapshot.deployments["web"];
            assert_eq!(
                (facts.live, facts.weight(Colour::Blue)),
                (Some(Colour::Blue), 100),
                "{:?}",
                case.stages
            );
            assert!(facts.rollout.is_none(), "{:?}", case.stages);
        }
        for case in CASES.iter().skip(CASES.len() - UNPROVED) {
            let refused = inside.ship(&program(case.strategy, "3.0"), &wrong(case)).await;
            let Err(Error::Refused { code: "bgform::plan::unproved", message, .. }) = refused else {
                panic!("{:?}: {refused:?}", case.stages);
            };
            assert!(message.contains(case.refused), "{message}");
        }
        // The same release with the right stages.
        let right = inside.ship(&program(BLUE_GREEN, "3.0"), &stage::of).await;
        assert!(right.is_ok_and(|shipped| shipped.rollouts.iter().all(|one| !one.end.has_failed())));
    });
}

fn wrong(case: &Case) -> impl Fn(&Stage) -> Box<dyn Act> {
    let (words, announces, does) = (case.stages, case.announces, case.does);
    move |stage| {
        let right = stage::of(stage);
        match words.contains(&stage.word()) {
            true => Box::new(Wrong { right, announces, does }),
            false => right,
        }
    }
}
