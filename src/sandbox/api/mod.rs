//! Calls of AWS clients: decoded by [`crate::wire`], passed to the handler of their action, answered.
//!
//! A service is a folder with a `SERVICE`, and a line in [`SERVICES`].

mod calls;
mod dispatch;
mod distrust;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;

use super::cloudwatch::Metrics;
use super::state::State;
pub use super::wire::{
    Filters, Known, Page, Paging, Params, Protocol, Refusal, Shapes, Wire, map, tag_values, timestamp,
    wildcard,
};
use super::{
    acm, application_autoscaling, autoscaling, cloudwatch, ec2, ecr, ecs, elbv2, iam, logs, route53,
    secretsmanager, ssm, sts,
};
pub use calls::Calls;
pub(super) use dispatch::answer;
pub use dispatch::ask;
pub(super) use distrust::distrusted;
#[cfg(test)]
pub use tests::direct;

/// All services of a region, in the order in which time passes in them.
pub static SERVICES: [&Service; 14] = [
    &ec2::SERVICE,
    &ssm::SERVICE,
    &autoscaling::SERVICE,
    &application_autoscaling::SERVICE,
    &ecs::SERVICE,
    &elbv2::SERVICE,
    &cloudwatch::SERVICE,
    &route53::SERVICE,
    &iam::SERVICE,
    &acm::SERVICE,
    &ecr::SERVICE,
    &logs::SERVICE,
    &secretsmanager::SERVICE,
    &sts::SERVICE,
];

/// A service of the region.
#[derive(Debug)]
pub struct Service {
    pub wire: Wire,
    /// Its calls, by name, in the lists of the files that answer them.
    pub actions: &'static [Actions],
    /// The shapes of their parameters.
    pub shapes: LazyLock<Shapes>,
    /// `None`: time has no effect on it.
    pub tick: Option<Tick>,
}

/// One call: its request, and the region's state, to be read or (unless the action only reads) changed. A
/// change is kept only if the handler succeeds, so a handler may change first and refuse later.
#[derive(Debug)]
pub struct Call<'a> {
    pub state: &'a mut State,
    pub params: &'a Params,
    pub now: Timestamp,
    pub metrics: &'a Metrics,
    /// The region's folder, for data in files (console output).
    pub folder: &'a std::path::Path,
}

/// Answers one action, whose parameters follow its shape. The answer is the content of the result element: an
/// object whose keys are element names. Lists are in AWS's form (`item` or `member` elements), null is left
/// out, numbers and booleans become text in XML.
pub type Handler = fn(&mut Call) -> Result<Value, Refusal>;

/// Lets time pass in a service: does what is due now, and returns when to call it again.
pub type Tick = fn(&mut State, &Metrics, Timestamp) -> Option<Timestamp>;

/// Actions and their handlers.
pub type Actions = &'static [(&'static str, Handler)];

impl Service {
    /// The service by its short name.
    pub fn named(name: &str) -> Option<&'static Service> {
        SERVICES.into_iter().find(|service| service.name() == name)
    }

    /// The short name, as faults and logs have it.
    pub fn name(&self) -> &'static str {
        self.wire.name
    }

    fn handler(&self, action: &str) -> Result<Handler, Refusal> {
        let mut all = self.actions.iter().copied().flatten();
        let found = all.find(|(name, _)| *name == action);
        found.map(|(_, handler)| *handler).ok_or_else(|| self.wire.unknown(action))
    }

    /// The protocol of parameters that came without one.
    fn protocol(&self) -> Protocol {
        self.wire.query.unwrap_or(Protocol::Json(""))
    }

    /// Refuses parameters that are not as the action's shape has them.
    fn check(&self, action: &str, params: &Params, protocol: Protocol) -> Result<(), Refusal> {
        self.shapes.check(action, params, protocol, self.wire.invalid)
    }
}

/// Service names are unique.
impl PartialEq for Service {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

pub fn only_reads(action: &str) -> bool {
    ["Describe", "Get", "List", "Search"].iter().any(|verb| action.starts_with(verb))
}
