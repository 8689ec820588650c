//! What kinds say of a rollout before it begins: things that would go wrong halfway, each with a fix and the AWS
//! page that it comes from. Says only the questions; the answers stand with the kinds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fleet::Standing;
use super::router::Router;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::state::Record;
use crate::value::{Object, Value};

/// Something that a person should know before the rollout begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub address: Address,
    /// Whether the rollout cannot go well.
    pub refuses: bool,
    pub message: String,
    pub help: String,
    pub page: &'static str,
}

/// A resource of a deployment, and the inputs that the file says.
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
    /// The target group of the colour that takes over.
    pub targets: Said,
    /// What the fleet's instances are launched from, and its record.
    pub source: Said,
    pub made: Option<&'a Record>,
    /// The fleet that is live, and how it stands.
    pub live: Option<(Address, &'a Standing)>,
    /// Whether a second fleet comes beside the live one.
    pub raises: bool,
    /// How many instances are launched then beside those that run.
    pub launches: u32,
    /// Rules that send a preview's requests come and go.
    pub previews: bool,
    /// After how long the old colour is emptied; none where it is not, or at once.
    pub retires_after: Option<Duration>,
    /// What divides the traffic, with the inputs that the file says.
    pub routers: Vec<(Said, &'static dyn Router)>,
}

/// What kinds are asked with.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    pub begins: Vec<Begins<'a>>,
    /// What the plan makes of each kind, less what it takes away first at the same place.
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

/// None where the server does not know the call: an emulator may not have it.
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

/// What is counted against a quota, and how much of it there is and comes.
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
    /// Refused where it is more than `most`; a quota that is not told is not reached.
    pub fn exceeds(&self, most: Option<usize>) -> Option<Finding> {
        let Self { address, what, there, added, page } = self;
        let most = most.filter(|most| there + added > *most)?;
        Some(Finding {
            address: address.clone(),
            refuses: true,
            message: match there {
                0 => format!("{added} {what} are more than the account's quota of {most}"),
                _ => format!(
                    "there are {there} {what}, {added} more are to be made, and the account's quota is {most}"
                ),
            },
            help: "take away what nobody uses, or ask AWS for a higher quota (Service Quotas console)"
                .to_owned(),
            page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "there are 2999 target groups in the region, 2 more are to be made, and the account's quota is 3000"
        );
        assert!(found.refuses);
    }
}
