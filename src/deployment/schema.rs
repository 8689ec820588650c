//! The schema of a `deployment` block, without the kinds that it nests. Makes no call.

use std::sync::LazyLock;

use crate::kind;
use crate::kind::router::slowest;
use crate::kind::schema::{Attribute, Type, attribute};
use crate::value::Value;

pub const MOMENTS: &[&str] =
    &["before_launch", "before_shift", "shift", "after_shift", "before_retire", "after_retire"];

const DAY: u64 = 86_400;

pub static ATTRIBUTES: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    vec![
        attribute(
            "release",
            Type::String { max: 128 },
            "The release's name in plans, `status` and `history`.",
        )
        .required(),
        attribute(
            "on_failure",
            Type::Choice(&["rollback", "hold"]),
            "The answer to a failed gate or an unhealthy fleet: the traffic goes back to the old colour, or everything stays as it is for a person to look at.",
        )
        .default("rollback"),
        attribute(
            "settle",
            Type::Duration { min: 0, max: 3600 },
            "The least time that a colour keeps its instances after it has lost its weight. It is watched all the while: the nodes of a load balancer learn of a rule change one after the other.",
        )
        .default_seconds(slowest().as_secs()),
        attribute("strategy", strategies(), "How a release takes over.").required(),
        attribute(
            "adopt",
            Type::Block(
                kind::fleets()
                    .map(|fleet| attribute(fleet.kind(), Type::string(), fleet.adopts()))
                    .collect(),
            ),
            "A running service that becomes the blue colour, live and untouched.",
        ),
        attribute(
            "preview",
            Type::Block(vec![
                attribute(
                    "header",
                    Type::String { max: 128 }.map(),
                    "The header and the value that send a request to the colour being raised.",
                )
                .required(),
            ]),
            "Lets requests with a header reach the new colour before the shift.",
        ),
        attribute(
            "gate",
            Type::Blocks { attributes: gate(), ordered: true, max: 50 },
            "A check that must pass before the rollout continues.",
        ),
    ]
});

fn retire_after() -> Attribute {
    attribute(
        "retire_after",
        Type::Duration { min: 0, max: 30 * DAY },
        "How long the old colour stands by after the shift, as the way back.",
    )
    .default_seconds(3600)
}

fn strategies() -> Type {
    let share = Type::Percent { min: 1.0, max: 99.0 };
    let time = || Type::Duration { min: 0, max: 7 * DAY };
    Type::Labelled {
        variants: vec![
            (
                "blue_green",
                vec![
                    attribute("overlap", time(), "How long both colours serve half of the requests each.")
                        .default_seconds(0),
                    carries(),
                    retire_after(),
                ],
            ),
            (
                "canary",
                vec![
                    attribute(
                        "steps",
                        share.list(),
                        "The new colour's shares, rising; 100% is always the last.",
                    )
                    .required(),
                    attribute("interval", time(), "How long each share is held.").required(),
                    carries(),
                    retire_after(),
                ],
            ),
            (
                "linear",
                vec![
                    attribute(
                        "step",
                        Type::Percent { min: 1.0, max: 99.0 },
                        "By how much the share rises each time.",
                    )
                    .required(),
                    attribute("interval", time(), "How long each share is held.").required(),
                    carries(),
                    retire_after(),
                ],
            ),
            (
                "rolling",
                vec![
                    attribute(
                        "min_healthy",
                        Type::Percent { min: 0.0, max: 100.0 },
                        "What stays healthy while the live colour's instances are replaced; instances launched \
                         meanwhile, by scaling too, have the new release.",
                    )
                    .default(Value::Percent(90.0)),
                    attribute(
                        "max_healthy",
                        Type::Percent { min: 100.0, max: 200.0 },
                        "How far the colour may grow meanwhile.",
                    )
                    .default(Value::Percent(110.0)),
                    attribute(
                        "checkpoints",
                        Type::Percent { min: 1.0, max: 100.0 }.list(),
                        "Shares of the instances after which it pauses, rising; 100% is always the last. AWS \
                         passes them by itself: `promote` cannot end one early.",
                    ),
                    attribute(
                        "checkpoint_delay",
                        Type::Duration { min: 0, max: 2 * DAY },
                        "How long it pauses at each.",
                    ),
                ],
            ),
            (
                "in_place",
                vec![
                    attribute(
                        "batch",
                        Type::Percent { min: 1.0, max: 100.0 },
                        "The share of the running instances that is out of service at a time: rounded down, and at \
                         least one.",
                    )
                    .default(Value::Percent(50.0)),
                    attribute(
                        "run",
                        Type::String { max: 65_536 }.list(),
                        "Shell commands that bring the release to an instance, by Systems Manager while it is out \
                         of service. Instances launched before all have the release are of the old one, and get a \
                         batch of their own; those launched later run the commands at the end of their user data. \
                         They have to bear being run twice.",
                    )
                    .required(),
                    attribute("timeout", Type::Duration { min: 1, max: DAY }, "How long the commands may run.")
                        .default_seconds(1800),
                ],
            ),
        ],
        many: false,
    }
}

fn carries() -> Attribute {
    attribute(
        "min_healthy",
        Type::Percent { min: 1.0, max: 100.0 },
        "The share of the new colour that stays healthy while it has traffic: with less, the release is taken back. \
         Before it gets traffic, or more of it, all of it is healthy.",
    )
    .default(Value::Percent(90.0))
}

fn gate() -> Vec<Attribute> {
    vec![
        attribute("name", Type::String { max: 128 }, "Its label.").required(),
        attribute(
            "at",
            Type::Choice(MOMENTS),
            "When it has to pass; `shift`: all the time that weights move and hold, or that instances of the live \
             colour are given the release.",
        )
        .required(),
        attribute(
            "http",
            Type::Block(vec![
                attribute(
                    "host",
                    Type::String { max: 253 },
                    "The host that is asked for and that an HTTPS listener's certificate is for; that of the first \
                     rule where it has one.",
                ),
                attribute("path", Type::String { max: 2048 }, "The path.").default("/"),
                attribute("status", Type::Integer { min: 100, max: 599 }, "The status that passes.")
                    .default(200.0),
                attribute("body", Type::String { max: 4096 }, "A text that the body holds."),
                attribute(
                    "attempts",
                    Type::Integer { min: 1, max: 1000 },
                    "The number of failed checks after which it fails.",
                )
                .default(5.0),
                attribute(
                    "interval",
                    Type::Duration { min: 0, max: 3600 },
                    "The pause between two attempts.",
                )
                .default_seconds(5),
            ]),
            "A request to the new colour; before the shift through the preview rule.",
        ),
        attribute(
            "alarm",
            Type::Block(vec![
                attribute(
                    "names",
                    Type::String { max: 255 }.set(),
                    "CloudWatch alarms, all of which have to be OK.",
                )
                .required(),
            ]),
            "CloudWatch alarms. One that is missing is an error; INSUFFICIENT_DATA waits.",
        ),
        attribute(
            "metric",
            Type::Block(vec![
                attribute("namespace", Type::string(), "The metric's namespace.").required(),
                attribute("name", Type::string(), "The metric's name.").required(),
                attribute("dimensions", Type::string().map(), "Its dimensions.").required(),
                attribute(
                    "statistic",
                    Type::Choice(&["SampleCount", "Average", "Sum", "Minimum", "Maximum"]),
                    "The statistic over a period.",
                )
                .required(),
                attribute("period", Type::Duration { min: 60, max: DAY }, "Whole minutes.")
                    .default_seconds(60),
                attribute("max", Type::Number { min: -1e15, max: 1e15 }, "More than this fails."),
                attribute("min", Type::Number { min: -1e15, max: 1e15 }, "Less than this fails."),
            ]),
            "A CloudWatch metric within bounds.",
        ),
        attribute(
            "command",
            Type::String { max: 65_536 }.list(),
            "A program and its arguments, run where bgform runs; it passes with exit code 0.",
        ),
        attribute(
            "remote",
            Type::String { max: 65_536 }.list(),
            "Shell commands run on one instance of the new colour by Systems Manager; with strategy `rolling` or \
             `in_place` of the live one, once all have the release.",
        ),
        attribute(
            "task",
            Type::Block(vec![
                attribute("container", Type::String { max: 255 }, "The container whose command is another one.")
                    .required(),
                attribute(
                    "command",
                    Type::String { max: 65_536 }.list(),
                    "That command; it passes with exit code 0.",
                )
                .required(),
            ]),
            "One task of the new release, of an `ecs_service`: run to its end where the service's tasks run, with the \
             variables that a `command` has.",
        ),
        attribute(
            "approval",
            Type::Block(vec![attribute("message", Type::string(), "What is asked.").default("")]),
            "Waits for `bgform approve`.",
        ),
        attribute("irreversible", Type::Bool, "Once it has passed, there is no way back.").default(false),
        attribute("timeout", Type::Duration { min: 1, max: 7 * DAY }, "How long it may take.")
            .default_seconds(1800),
    ]
}
