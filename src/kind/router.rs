//! The seam between a rollout and a router: a kind that forwards to target groups by weight. A rollout uses
//! it only through this trait, and finds it through the registry. The router does not decide when traffic
//! moves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Boxed, elbv2};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::metrics::Series;
use crate::facts::SETTLE;
use crate::state::Record;
use crate::value::{Object, Value};

/// The settle time of the slowest of all routers.
pub fn slowest() -> Duration {
    let routers = super::managed().iter().filter_map(|kind| kind.router());
    routers.map(|router| router.settle()).max().unwrap_or_default()
}

/// The block of a forward with one target group (`group`) and its `weight`.
pub const MEMBER: &str = "target_group";

/// Weights by target group ARN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares(BTreeMap<String, u32>);

impl Shares {
    pub fn of(weights: impl IntoIterator<Item = (String, u32)>) -> Self {
        let mut shares = BTreeMap::new();
        for (group, weight) in weights {
            *shares.entry(group).or_default() += weight;
        }
        Self(shares)
    }

    /// The share of a target group, in whole percent of all weights.
    pub fn percent(&self, group: &str) -> u8 {
        let weight = u64::from(self.0.get(group).copied().unwrap_or_default());
        let total: u64 = self.0.values().map(|weight| u64::from(*weight)).sum();
        u8::try_from(weight * 100 / total.max(1)).unwrap_or(100)
    }

    /// Tells whether a target group is forwarded to, with weight or without.
    pub fn names(&self, group: &str) -> bool {
        self.0.contains_key(group)
    }

    /// Target groups with weight that are not in `ours`.
    pub fn foreign<'a>(&'a self, ours: &[&str]) -> Vec<&'a str> {
        let others = self.0.iter().filter(|(group, weight)| **weight > 0 && !ours.contains(&group.as_str()));
        others.map(|(group, _)| group.as_str()).collect()
    }
}

/// The address at which an HTTP request enters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `HOST:PORT`.
    pub authority: String,
    /// The host of the requests, if the router has one.
    pub host: Option<String>,
}

/// A kind that divides traffic among target groups. A change of weights is an ordinary update of the
/// resource: its one call writes the weights of all groups together.
pub trait Router: Send + Sync {
    /// The input with the forward.
    fn forward(&self) -> &'static str;

    /// The attribute of a deployment's block that names the router, a resource of the stack; `None` if the
    /// block is the router itself.
    fn named_by(&self) -> Option<&'static str> {
        None
    }

    /// Time for new weights to reach every node. AWS documents no such time for its load balancers: the
    /// rollout waits for it and then checks, and never relies on it.
    fn settle(&self) -> Duration {
        SETTLE
    }

    /// The current weights; `None` if the router is gone.
    fn read<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Shares>>;

    /// The kind of the preview's rule, which stands above the router while requests with a header may reach
    /// the new colour.
    fn preview_kind(&self) -> &'static str {
        "listener_rule"
    }

    /// Why the file's inputs allow no preview, and the remedy.
    fn no_preview(&self, _inputs: &Object) -> Option<(String, String)> {
        None
    }

    /// The priority of the preview's rule: free on the router's listener, not in `chosen`, and as near above
    /// the router as possible.
    fn preview<'a>(
        &'a self,
        cloud: &'a Cloud,
        address: &'a Address,
        record: &'a Record,
        chosen: &'a [u32],
    ) -> Boxed<'a, u32>;

    /// The metric of the requests that a target group gets; `None` if there is none.
    fn requests(&self, inputs: &Object, group: &str) -> Option<Series> {
        elbv2::requests(&self.balancer(inputs)?, group)
    }

    /// The address at which requests reach it, or why no request can be sent.
    fn door<'a>(&'a self, cloud: &'a Cloud, record: &'a Record) -> Boxed<'a, Result<Door, String>>;

    /// The IAM actions that finding its door needs.
    fn door_permissions(&self) -> &'static [&'static str];

    /// The ARN of its load balancer, whose quotas count.
    fn balancer(&self, inputs: &Object) -> Option<String>;

    /// The listener and the priority of a rule, from its inputs.
    fn place(&self, _inputs: &Object) -> Option<(String, u32)> {
        None
    }

    /// The weights in these inputs.
    fn written(&self, inputs: &Object) -> Shares {
        let forwards = elbv2::actions::forwards(inputs.get(self.forward()));
        Shares::of(
            forwards.into_iter().filter_map(|(group, weight)| Some((group.as_str()?.to_owned(), weight))),
        )
    }

    /// Returns the input with the forward, with the weights that `weight` gives; other groups keep theirs.
    fn weighed(&self, inputs: &Object, weight: &dyn Fn(&str) -> Option<u8>) -> Value {
        let mut actions = inputs.get(self.forward()).cloned().unwrap_or(Value::Null);
        let Value::List(list) = &mut actions else { return actions };
        for action in list {
            let Value::Object(members) = action else { continue };
            let Some(Value::List(groups)) = members.get_mut(MEMBER) else { continue };
            for group in groups {
                let Value::Object(group) = group else { continue };
                if let Some(named) = group.get("group").and_then(Value::as_str).and_then(weight) {
                    group.insert("weight".to_owned(), i32::from(named).into());
                }
            }
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{managed, router};
    use crate::object;

    const ALB: &str = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/edge/50dc";
    const NLB: &str = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/edge/50dc";
    const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/943f";

    fn members(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    /// Each router, with inputs at a listener of this load balancer.
    fn routers(balancer: &str) -> Vec<(&'static dyn Router, Object)> {
        let listener = format!("{}/f2f7", balancer.replacen(":loadbalancer/", ":listener/", 1));
        let inputs = [
            ("listener_rule", members(object! { "listener" => listener })),
            ("listener", members(object! { "load_balancer" => balancer })),
        ];
        inputs.map(|(kind, inputs)| (router(kind).unwrap(), inputs)).into()
    }

    #[test]
    fn every_router_writes_weights_into_an_input_of_its_kind() {
        let all: Vec<_> = managed().iter().filter_map(|kind| Some((kind, kind.router()?))).collect();
        assert_eq!(all.len(), 2);
        for (kind, router) in all {
            assert!(kind.schema().attribute(router.forward()).is_some(), "{}", kind.schema().kind);
            assert!(crate::kind::find_managed(router.preview_kind()).is_some());
        }
    }

    #[test]
    fn only_the_weights_of_its_own_groups_change() {
        let group = |arn: &str, weight: i32| object! { "group" => arn, "weight" => weight };
        let actions = |weights: [i32; 3]| {
            let groups = ["blue", "green", "else"].into_iter().zip(weights);
            let groups: Vec<Value> = groups.map(|(arn, weight)| group(arn, weight)).collect();
            Value::List(vec![object! { "type" => "forward", "target_group" => Value::List(groups) }])
        };
        let wanted = |group: &str| match group {
            "blue" => Some(75),
            "green" => Some(25),
            _ => None,
        };
        for (router, mut inputs) in routers(ALB) {
            inputs.insert(router.forward().to_owned(), actions([0, 100, 100]));
            assert_eq!(router.weighed(&inputs, &wanted), actions([75, 25, 100]));
            let shares = router.written(&inputs);
            assert_eq!((shares.percent("green"), shares.percent("blue"), shares.percent("none")), (50, 0, 0));
            assert_eq!(shares.foreign(&["blue", "green"]), ["else"]);
        }
    }

    #[test]
    fn requests_are_counted_behind_an_application_load_balancer_only() {
        for (router, inputs) in routers(ALB) {
            let counted = router.requests(&inputs, GROUP).unwrap();
            let [namespace, name] = [counted.namespace.as_str(), counted.name.as_str()];
            assert_eq!([namespace, name], ["AWS/ApplicationELB", "RequestCount"]);
            let dimensions = [("TargetGroup", "targetgroup/web/943f"), ("LoadBalancer", "app/edge/50dc")];
            assert_eq!(
                counted.dimensions,
                dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
            );
        }
        for (router, inputs) in routers(NLB) {
            assert_eq!(router.requests(&inputs, GROUP), None);
            assert_eq!(router.balancer(&inputs).as_deref(), Some(NLB));
        }
    }

    #[test]
    fn a_listener_that_reads_no_header_has_no_preview() {
        let listener = router("listener").unwrap();
        let of = |protocol: &str| listener.no_preview(&members(object! { "protocol" => protocol }));
        assert!(of("HTTP").is_none() && of("HTTPS").is_none());
        let (reason, _) = of("TCP").unwrap();
        assert_eq!(
            reason,
            "a listener that speaks TCP reads no headers, so that none can send a request to the new colour"
        );
    }
}
