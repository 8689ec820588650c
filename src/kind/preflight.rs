//! The preflight of a rollout: faults that would stop it halfway, each with a fix and its AWS page. Only the
//! questions are here; the answers are with the kinds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fleet::Standing;
use super::router::Router;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::state::Record;
use crate::value::{Object, Value, format_duration};

/// A finding for a person before the rollout begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub address: Address,
    /// Whether the rollout would fail.
    pub refuses: bool,
    pub message: String,
    pub help: String,
    pub page: &'static str,
}

/// A resource of a deployment, with its inputs in the file.
#[derive(Debug, Clone)]
pub struct Said {
    pub address: Address,
    pub inputs: Object,
    /// Attributes whose changes the author ignores.
    pub ignored: Vec<String>,
}

/// One rollout that is about to begin.
pub struct Begins<'a> {
    /// The fleet that is raised, or replaced in place.
    pub fleet: Said,
    /// The fleet of the other colour.
    pub other: Said,
    /// The target group of the colour that gets the traffic.
    pub targets: Said,
    /// The launch source of the fleet, and its record.
    pub source: Said,
    pub made: Option<&'a Record>,
    /// The live fleet, as observed.
    pub live: Option<(Address, &'a Standing)>,
    /// Whether a second fleet is added beside the live one.
    pub raises: bool,
    /// Number of instances launched beside the running ones.
    pub launches: u32,
    /// Whether rules for a preview's requests are added and removed.
    pub previews: bool,
    /// The time until the old colour is emptied; `None` if it is not, or at once.
    pub retires_after: Option<Duration>,
    /// The routers, with their inputs in the file.
    pub routers: Vec<(Said, &'static dyn Router)>,
}

/// The context in which kinds are asked.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    pub begins: Vec<Begins<'a>>,
    /// The resources of each kind that the plan creates, less those that it deletes first at the same
    /// address.
    pub made: BTreeMap<&'a str, Vec<&'a Address>>,
}

impl Ground<'_> {
    pub fn made(&self, kind: &str) -> &[&Address] {
        self.made.get(kind).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The whole seconds of a duration.
pub fn seconds(value: &Value) -> Option<u64> {
    match value.unmark().0 {
        Value::Duration(time) => Some(time.as_secs()),
        _ => None,
    }
}

/// Checks that a target can pass its health checks in time; it is healthy after a number of checks in a row.
pub fn never_healthy_in_time(address: &Address, fleet: &Object, targets: &Object) -> Option<Finding> {
    let check = targets.get("health_check")?;
    let interval = seconds(check.get("interval"))?;
    let threshold = check.get("healthy_threshold").as_number().unwrap_or(5.0);
    let least = Duration::from_secs_f64(interval as f64 * (threshold - 1.0).max(0.0));
    let limit = Duration::from_secs(fleet.get("ready_timeout").and_then(seconds).unwrap_or(600));
    (least >= limit).then(|| Finding {
        address: address.clone(),
        refuses: true,
        message: format!(
            "no target can be healthy within its `ready_timeout` of {}: the health check takes {} at least",
            format_duration(limit),
            format_duration(least)
        ),
        help: "shorten the health check's interval or threshold, or raise `ready_timeout`".to_owned(),
        page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
    })
}

/// Returns `None` if the server does not know the call: an emulator may not have it.
///
/// # Errors
/// All others.
pub fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Cloud(error)) if error.code.is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A count to compare with a quota: the existing and the added number.
#[derive(Clone)]
pub struct Count {
    pub address: Address,
    /// `rules of load balancer edge`
    pub what: String,
    pub there: usize,
    pub added: usize,
    pub page: &'static str,
}

impl Count {
    /// Returns a finding if the count exceeds `most`; an unknown quota is not exceeded.
    pub fn exceeds(&self, most: Option<usize>) -> Option<Finding> {
        let Self { address, what, there, added, page } = self;
        let most = most.filter(|most| there + added > *most)?;
        Some(Finding {
            address: address.clone(),
            refuses: true,
            message: match there {
                0 => format!("{added} {what} are more than the account's quota of {most}"),
                _ => format!("the account has {there} {what} and the plan adds {added}; the quota is {most}"),
            },
            help: "delete unused ones, or ask AWS for a higher quota (Service Quotas console)".to_owned(),
            page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn a_health_check_has_to_fit_into_the_time_to_be_ready() {
        let address = Address::new("autoscaling_group", "web").with_key("green");
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        let seconds = |seconds| Value::Duration(Duration::from_secs(seconds));
        let check = object! { "interval" => seconds(60), "healthy_threshold" => 10.0 };
        let targets = members(object! { "health_check" => check });
        let fleet = |limit| members(object! { "ready_timeout" => seconds(limit) });
        assert!(never_healthy_in_time(&address, &fleet(540), &targets).is_some());
        assert!(never_healthy_in_time(&address, &fleet(541), &targets).is_none());
    }

    #[test]
    fn what_exists_and_what_is_added_are_held_against_the_quota() {
        let count = |there, added| Count {
            address: Address::new("target_group", "web").with_key("green"),
            what: "target groups in the region".to_owned(),
            there,
            added,
            page: "",
        };
        assert!(count(2998, 2).exceeds(Some(3000)).is_none());
        assert!(count(1, 2).exceeds(None).is_none(), "a quota that is not told is not reached");
        let found = count(2999, 2).exceeds(Some(3000)).unwrap();
        assert_eq!(
            found.message,
            "the account has 2999 target groups in the region and the plan adds 2; the quota is 3000"
        );
        assert!(found.refuses);
    }
}
