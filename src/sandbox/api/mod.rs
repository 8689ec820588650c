//! The wire: requests of AWS clients decoded, passed to the handler of their action, answered.
//!
//! A handler sees parameters as one tree whatever protocol they came in, and answers a tree that is
//! written as XML, JSON or CBOR after it.

mod answer;
mod calls;
mod cbor;
mod dispatch;
mod distrust;
mod filter;
mod page;
mod params;
mod refusal;
mod request;
mod xml;

use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use super::cloudwatch::Metrics;
use super::state::State;
pub use answer::{map, timestamp};
pub use calls::Calls;
pub(super) use dispatch::answer;
pub use dispatch::ask;
pub(super) use distrust::distrusted;
pub use filter::{Filters, tag_values, wildcard};
pub use page::{Page, page};
pub use params::Params;
pub use refusal::Refusal;

/// A service of the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Ec2,
    AutoScaling,
    Elbv2,
    Ssm,
    CloudWatch,
    Sts,
}

/// One call: what it asks, and the region's state, to be read or (unless the action only reads)
/// changed. A change is kept only when the handler answers, so it may change first and refuse later.
#[derive(Debug)]
pub struct Call<'a> {
    pub state: &'a mut State,
    pub params: &'a Params,
    pub now: Timestamp,
    pub metrics: &'a Metrics,
    /// The region's folder, for what is kept in files (console output).
    pub folder: &'a std::path::Path,
}

/// Answers one action. The answer is the content of the result element: an object whose keys are
/// element names; lists are written as AWS writes them (`item` or `member` elements); null is left
/// out; numbers and booleans become text in XML.
pub type Handler = fn(&mut Call) -> Result<Value, Refusal>;

/// Calls and who answers them.
pub type Actions = &'static [(&'static str, Handler)];

impl Service {
    pub const ALL: [Service; 6] =
        [Service::Ec2, Service::AutoScaling, Service::Elbv2, Service::Ssm, Service::CloudWatch, Service::Sts];

    /// The short name, as faults and logs have it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Ec2 => "ec2",
            Service::AutoScaling => "autoscaling",
            Service::Elbv2 => "elbv2",
            Service::Ssm => "ssm",
            Service::CloudWatch => "cloudwatch",
            Service::Sts => "sts",
        }
    }

    /// The service by the name that requests are signed for.
    fn signed(name: &str) -> Option<Self> {
        Some(match name {
            "ec2" => Service::Ec2,
            "autoscaling" => Service::AutoScaling,
            "elasticloadbalancing" => Service::Elbv2,
            "ssm" => Service::Ssm,
            "monitoring" => Service::CloudWatch,
            "sts" => Service::Sts,
            _ => return None,
        })
    }

    /// Its calls, by name, in the lists of the files that answer them.
    fn actions(self) -> &'static [Actions] {
        match self {
            Service::Ec2 => super::ec2::ACTIONS,
            Service::AutoScaling => super::autoscaling::ACTIONS,
            Service::Elbv2 => super::elbv2::ACTIONS,
            Service::Ssm => super::ssm::ACTIONS,
            Service::CloudWatch => super::cloudwatch::ACTIONS,
            Service::Sts => super::sts::ACTIONS,
        }
    }

    /// How it says that it was called too often (per service: its page of common errors).
    pub fn throttled(self) -> Refusal {
        match self {
            Service::Ec2 => Refusal::new("RequestLimitExceeded", "Request limit exceeded.").status(503),
            _ => Refusal::new("Throttling", "Rate exceeded"),
        }
    }

    /// How it says that it failed itself.
    pub fn broken(self) -> Refusal {
        match self {
            Service::Ec2 => Refusal::new("InternalError", "An internal error has occurred"),
            Service::Ssm => Refusal::new("InternalServerError", "An error occurred on the server side."),
            _ => Refusal::new(
                "InternalFailure",
                "The request processing has failed because of an unknown error.",
            ),
        }
        .status(500)
    }
}

impl FromStr for Service {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Service::ALL.into_iter().find(|service| service.name() == name).ok_or(())
    }
}

/// Whether an action only reads.
pub fn only_reads(action: &str) -> bool {
    ["Describe", "Get", "List", "Search"].iter().any(|verb| action.starts_with(verb))
}
