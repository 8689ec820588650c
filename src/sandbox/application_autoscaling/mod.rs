//! Application Auto Scaling: ECS services that are scaled by schedule.

mod expression;
mod schedule;
mod targets;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::api::{Actions, Known, Paging, Params, Refusal, Service, Shapes, Wire};
use super::state::State;
pub use schedule::{Scheduled, tick};
pub use targets::Scalable;

/// The state of Application Auto Scaling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationAutoScaling {
    pub targets: Vec<Scalable>,
    pub scheduled: Vec<Scheduled>,
}

/// Application Auto Scaling.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "application-autoscaling",
        signed: "application-autoscaling",
        target: Some("AnyScaleFrontendService"),
        query: None,
        invalid: "ValidationException",
        throttled: Known("ThrottlingException", "Rate exceeded", 400),
        broken: Known("InternalServiceException", "The service encountered an internal error.", 500),
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, _, now| tick(state, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[schedule::ACTIONS, targets::ACTIONS];

/// A scalable dimension of a service's resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    pub namespace: String,
    /// `service/CLUSTER/NAME`
    pub id: String,
    pub dimension: String,
}

impl Resource {
    fn read(params: &Params) -> Self {
        Self {
            namespace: params.needed("ServiceNamespace"),
            id: params.needed("ResourceId"),
            dimension: params.needed("ScalableDimension"),
        }
    }

    /// The form in messages.
    fn told(&self) -> String {
        format!(
            "service namespace: {}, resource ID: {}, scalable dimension: {}",
            self.namespace, self.id, self.dimension
        )
    }

    /// The ARN of its ECS service.
    fn service(&self, state: &State) -> Option<String> {
        (self.namespace == "ecs" && self.dimension == "ecs:service:DesiredCount")
            .then(|| state.arn("ecs", &self.id))
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// The items of a list that a call selects, by namespace, resource and dimension.
fn asked(params: &Params, resource: &Resource) -> bool {
    let fits = |name: &str, own: &str| params.given(name).is_none_or(|given| given == own);
    fits("ServiceNamespace", &resource.namespace)
        && fits("ResourceId", &resource.id)
        && fits("ScalableDimension", &resource.dimension)
}

fn paged(params: &Params, list: &str, items: Vec<serde_json::Value>) -> Result<serde_json::Value, Refusal> {
    Paging {
        most: "MaxResults",
        size: 50,
        token: "NextToken",
        next: "NextToken",
        bad: "InvalidNextTokenException",
    }
    .answer(params, list, items)
}
