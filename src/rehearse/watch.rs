//! The state of a region's load balancing at a moment.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::api::ask;
use crate::sandbox::control::pages;
use crate::sandbox::elbv2;
use crate::sandbox::region::Region;

/// The tag that names a resource in its stack, such as `target_group.web:blue`.
const ADDRESS_TAG: &str = "bgform:address";

/// Groups by their short names.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Look {
    /// The weights by target group of each rule that forwards.
    pub weights: Vec<BTreeMap<String, u64>>,
    /// The number of healthy targets, and of all targets without draining ones.
    pub health: BTreeMap<String, (usize, usize)>,
}

/// Observes one region repeatedly.
#[derive(Debug, Default)]
pub struct Watch {
    /// The short names of target groups, by ARN.
    names: BTreeMap<String, String>,
}

impl Watch {
    pub fn look(&mut self, region: &Region) -> Look {
        let groups = list(region, "DescribeTargetGroups", "TargetGroups", json!({}));
        self.name(region, &groups);
        let mut look = Look::default();
        for balancer in list(region, "DescribeLoadBalancers", "LoadBalancers", json!({})) {
            let of = json!({ "LoadBalancerArn": balancer["LoadBalancerArn"] });
            for listener in list(region, "DescribeListeners", "Listeners", of) {
                let of = json!({ "ListenerArn": listener["ListenerArn"] });
                let rules = list(region, "DescribeRules", "Rules", of);
                look.weights.extend(rules.iter().filter_map(|rule| self.weights(rule)));
            }
        }
        for group in &groups {
            let Some(arn) = group["TargetGroupArn"].as_str() else { continue };
            let of = json!({ "TargetGroupArn": arn });
            let targets = list(region, "DescribeTargetHealth", "TargetHealthDescriptions", of);
            let states: Vec<_> =
                targets.iter().filter_map(|target| target["TargetHealth"]["State"].as_str()).collect();
            let healthy = states.iter().filter(|state| **state == "healthy").count();
            let all = states.iter().filter(|state| **state != "draining").count();
            look.health.insert(self.called(arn), (healthy, all));
        }
        look
    }

    /// Requests so far, by target group.
    pub fn requests(&self, region: &Region) -> BTreeMap<String, u64> {
        let mut requests = BTreeMap::new();
        for (arn, count) in region.requests() {
            *requests.entry(self.called(&arn)).or_default() += count;
        }
        requests
    }

    fn weights(&self, rule: &Value) -> Option<BTreeMap<String, u64>> {
        let actions = rule["Actions"].as_array()?;
        let groups = actions.iter().find_map(|action| action["ForwardConfig"]["TargetGroups"].as_array())?;
        let one =
            |group: &Value| Some((self.called(group["TargetGroupArn"].as_str()?), number(&group["Weight"])));
        Some(groups.iter().filter_map(one).collect())
    }

    fn called(&self, arn: &str) -> String {
        self.names.get(arn).cloned().unwrap_or_else(|| arn.to_owned())
    }

    /// Names the groups that have no name yet: by the key of the address (`blue`), or by its name if it has
    /// no key or two have the same. A group that bgform did not make keeps its own name.
    fn name(&mut self, region: &Region, groups: &[Value]) {
        for group in groups {
            let Some(arn) = group["TargetGroupArn"].as_str() else { continue };
            if self.names.contains_key(arn) {
                continue;
            }
            let own = group["TargetGroupName"].as_str().unwrap_or(arn);
            let address = address(region, arn).unwrap_or_else(|| own.to_owned());
            let short = short(&address);
            let name = match self.names.values().any(|name| name == short) {
                true => address,
                false => short.to_owned(),
            };
            self.names.insert(arn.to_owned(), name);
        }
    }
}

fn list(region: &Region, action: &str, list: &str, params: Value) -> Vec<Value> {
    match params.as_object().is_some_and(serde_json::Map::is_empty) {
        true => pages(region, &elbv2::SERVICE, action, list, "Marker"),
        false => {
            let answer = ask(region, &elbv2::SERVICE, action, params).unwrap_or_default();
            answer.get(list).and_then(Value::as_array).cloned().unwrap_or_default()
        }
    }
}

fn address(region: &Region, arn: &str) -> Option<String> {
    let answer = ask(region, &elbv2::SERVICE, "DescribeTags", json!({ "ResourceArns": [arn] })).ok()?;
    let tags = answer.pointer("/TagDescriptions/0/Tags")?.as_array()?;
    let tag = tags.iter().find(|tag| tag["Key"] == ADDRESS_TAG)?;
    tag["Value"].as_str().map(str::to_owned)
}

/// `blue` of `target_group.web:blue`, `web` of `target_group.web`.
fn short(address: &str) -> &str {
    let key = address.split_once(':').map(|(_, key)| key);
    key.unwrap_or_else(|| address.rsplit_once('.').map_or(address, |(_, name)| name))
}

/// A number, in the form of a number or a text.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_called_by_its_key() {
        assert_eq!(short("target_group.web:blue"), "blue");
        assert_eq!(short("target_group.web"), "web");
        assert_eq!(short("somebody-elses"), "somebody-elses");
    }
}
