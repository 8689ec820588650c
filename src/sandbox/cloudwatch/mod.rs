//! CloudWatch: the balancer's counters and clients' data, read as metrics and by alarms.

mod alarm;
mod alarms;
mod data;
mod evaluation;
mod expression;
mod history;
pub mod metrics;
mod query;
mod statistic;
mod tags;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::api::{Actions, Service, Shapes, Wire};
pub use alarm::Alarm;
pub use history::Item;
pub use metrics::Metrics;

/// The state of CloudWatch: its alarms. The data points are in [`Metrics`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudWatch {
    /// By name.
    pub alarms: BTreeMap<String, Alarm>,
    /// The history of alarms, oldest first, including deleted ones.
    pub history: Vec<Item>,
}

/// CloudWatch.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "cloudwatch",
        signed: "monitoring",
        target: Some("GraniteServiceVersion20100801"),
        namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
        errors: &[
            ("InvalidParameterValue", "InvalidParameterValueException"),
            ("InvalidParameterCombination", "InvalidParameterCombinationException"),
            ("MissingParameter", "MissingRequiredParameterException"),
            ("InvalidFormat", "InvalidFormatFault"),
            ("LimitExceeded", "LimitExceededFault"),
            ("InternalServiceError", "InternalServiceFault"),
            ("ValidationError", "ValidationException"),
        ],
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, metrics, now| evaluation::tick(&mut state.cloudwatch, metrics, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[data::ACTIONS, alarms::ACTIONS, history::ACTIONS, tags::ACTIONS];
