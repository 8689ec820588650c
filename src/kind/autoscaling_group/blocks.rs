//! The blocks of an `autoscaling_group` that have many attributes of their own. Makes no call.

use super::schema::{LAUNCHING, REQUESTS_PER_TARGET, SIZE, TERMINATING, YEAR};
use crate::kind::rules::{form, price};
use crate::kind::schema::{Attribute, NOT_AT_CREATE, Type, Wrong, attribute, characters};
use crate::value::{Object, Value};

const TWO_DAYS: u64 = 172_800;

/// CloudWatch, API_MetricDatum.
const UNITS: &[&str] = &[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

pub fn distribution() -> Vec<Attribute> {
    vec![
        attribute(
            "on_demand_allocation_strategy",
            Type::Choice(&["prioritized", "lowest-price"]),
            "How On-Demand types are chosen.",
        ),
        attribute("on_demand_base_capacity", SIZE, "Units that are On-Demand before any is Spot."),
        attribute(
            "on_demand_percentage_above_base_capacity",
            Type::Percent { min: 0.0, max: 100.0 },
            "The share of the rest that is On-Demand.",
        ),
        attribute(
            "spot_allocation_strategy",
            Type::Choice(&[
                "price-capacity-optimized",
                "capacity-optimized",
                "capacity-optimized-prioritized",
                "lowest-price",
            ]),
            "How Spot pools are chosen.",
        ),
        attribute("spot_instance_pools", Type::Integer { min: 1, max: 20 }, "Pools, for lowest-price."),
        attribute("spot_max_price", Type::String { max: 255 }, "The most to pay for an hour of a unit.")
            .rule(price),
    ]
}

pub fn hooks() -> Type {
    let attributes = vec![
        attribute("name", Type::String { max: 255 }, "Unique in the group.").required().rule(|name| {
            let sign = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
            let fits = |name: &str| name.chars().all(sign);
            form("name of a lifecycle hook", name, fits, "use letters, digits, `-`, `_` and `/`")
        }),
        attribute("transition", Type::Choice(&[LAUNCHING, TERMINATING]), "When it pauses.").required(),
        attribute("default_result", Type::Choice(&["ABANDON", "CONTINUE"]), "What a timeout means.")
            .default("ABANDON"),
        attribute("heartbeat_timeout", Type::Duration { min: 30, max: 7200 }, "How long it waits.")
            .default_seconds(3600),
        attribute("notification_metadata", Type::String { max: 4000 }, "Text that goes with the message.")
            .rule(|text| {
                let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~');
                characters("a hook's metadata", text, fits, "printable ASCII")
            }),
        attribute("notification_target", Type::String { max: 255 }, "The ARN of an SNS topic or SQS queue."),
        attribute("role", Type::String { max: 255 }, "The ARN of the role that may publish there."),
    ];
    Type::Blocks { attributes, ordered: false, max: 50 }
}

pub fn policies() -> Type {
    let predefined = &[
        "ASGAverageCPUUtilization",
        "ASGAverageCPUUtilizationHighResolution",
        "ASGAverageNetworkIn",
        "ASGAverageNetworkOut",
        REQUESTS_PER_TARGET,
    ];
    let statistic = &["Average", "Minimum", "Maximum", "SampleCount", "Sum"];
    let customized = vec![
        attribute("metric_name", Type::String { max: 255 }, "The metric's name.").required(),
        attribute("namespace", Type::String { max: 255 }, "Its namespace.").required(),
        attribute("statistic", Type::Choice(statistic), "Its statistic.").required(),
        attribute("dimensions", Type::string().map(), "Its dimensions.")
            .default(Value::Object(Object::new())),
        attribute("unit", Type::Choice(UNITS), "Its unit."),
        attribute("period", Type::Duration { min: 10, max: 60 }, "10s, 30s or 60s."),
    ];
    let attributes = vec![
        attribute("name", Type::String { max: 255 }, "Unique in the group.").required(),
        attribute("predefined_metric", Type::Choice(predefined), "A metric that AWS knows."),
        attribute(
            "resource_label",
            Type::String { max: 1023 },
            "For ALBRequestCountPerTarget: the load balancer's and the target group's arn_suffix with a \
             slash between them; in a deployment the latter is `self.target_group.arn_suffix`.",
        )
        .rule(label),
        attribute("customized_metric", Type::Block(customized), "Any other CloudWatch metric."),
        attribute("target_value", Type::Number { min: 0.0, max: 1e15 }, "What it is kept at.").required(),
        attribute("disable_scale_in", Type::Bool, "Only ever scale out.").default(false),
        attribute(
            "estimated_instance_warmup",
            Type::Duration { min: 0, max: YEAR },
            "Overrides default_instance_warmup.",
        ),
        attribute("enabled", Type::Bool, "Whether it acts.").default(true),
    ];
    Type::Blocks { attributes, ordered: false, max: 50 }
}

/// The parts of two ARNs ([model] PredefinedMetricSpecification).
fn label(label: &Value) -> Vec<Wrong> {
    let fits = |label: &str| {
        let parts: Vec<&str> = label.split('/').collect();
        matches!(parts.as_slice(), ["app", _, _, "targetgroup", _, _]) && !parts.contains(&"")
    };
    form("load balancer and target group", label, fits, "write \"app/NAME/ID/targetgroup/NAME/ID\"")
}

/// [model] AlarmSpecification.
fn alarms(alarms: &Value) -> Vec<Wrong> {
    let many = alarms.as_list().map(<[_]>::len).filter(|count| *count > 10);
    let told =
        |count| ("", format!("a refresh has at most 10 alarms, and here are {count}"), TAKE.to_owned());
    many.map(told).into_iter().collect()
}

const TAKE: &str = "take some away, or combine them in a composite alarm";

/// bgform's own settings for the group; the API does not have them.
pub fn own() -> Vec<Attribute> {
    let percent = |min, max| Type::Percent { min, max };
    let refresh = vec![
        attribute("min_healthy", percent(0.0, 100.0), "What stays healthy throughout.")
            .default(Value::Percent(90.0)),
        attribute("max_healthy", percent(100.0, 200.0), "How far the group may grow meanwhile."),
        attribute(
            "checkpoints",
            percent(1.0, 100.0).list(),
            "Shares after which it pauses; 100% is always the last.",
        ),
        attribute("checkpoint_delay", Type::Duration { min: 0, max: TWO_DAYS }, "How long it pauses."),
        attribute("instance_warmup", Type::Duration { min: 0, max: YEAR }, "Overrides the group's."),
        attribute("bake_time", Type::Duration { min: 0, max: TWO_DAYS }, "A pause at the end."),
        attribute("skip_matching", Type::Bool, "Leave instances alone that are up to date.").default(true),
        attribute("auto_rollback", Type::Bool, "Go back to the old version when it fails.").default(true),
        attribute("alarms", Type::String { max: 255 }.set(), "Names of CloudWatch alarms that fail it.")
            .rule(alarms),
        attribute(
            "scale_in_protected_instances",
            Type::Choice(&["Refresh", "Wait"]),
            "What becomes of instances that are protected from scale-in.",
        )
        .default("Refresh"),
        attribute("standby_instances", Type::Choice(&["Terminate", "Wait"]), "And of those on standby.")
            .default("Wait"),
        attribute("timeout", Type::Duration { min: 60, max: 7 * 86_400 }, "How long it may take in all.")
            .default_seconds(12 * 3600),
    ];
    vec![
        attribute(
            "instance_refresh",
            Type::Block(refresh),
            "Replace running instances by an instance refresh. Without it, one instance after the other is \
             ended and waited for.",
        )
        .api(NOT_AT_CREATE),
        attribute(
            "outdated_instances",
            Type::Choice(&["replace", "keep"]),
            "What becomes of running instances when what they are launched from changes: they are replaced, or \
             kept, and only later ones are launched from it.",
        )
        .default("replace")
        .api(NOT_AT_CREATE),
        attribute(
            "ready_timeout",
            Type::Duration { min: 1, max: 86_400 },
            "How long to wait for instances to come into service.",
        )
        .default_seconds(600)
        .api(NOT_AT_CREATE),
    ]
}
