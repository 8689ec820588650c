//! The default quotas (application and network guides, load-balancer-limits).

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::resource;

pub const LOAD_BALANCERS: usize = 50;
pub const TARGET_GROUPS: usize = 3000;
pub const LISTENERS: usize = 50;
/// Of a load balancer, default rules not counted.
pub const RULES: usize = 100;
/// Of a target group, and of a load balancer.
pub const TARGETS: usize = 1000;
/// Of a load balancer.
pub const GROUPS_OF_LOAD_BALANCER: usize = 100;
/// Of an action.
pub const GROUPS_OF_ACTION: usize = 5;
/// Of a rule.
pub const CONDITION_VALUES: usize = 5;
/// Of a listener, the default one not counted.
pub const CERTIFICATES: usize = 25;
pub const TAGS: usize = 50;

/// The calls about limits, by name.
pub const ACTIONS: Actions = &[("DescribeAccountLimits", describe)];

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let limits = [
        ("target-groups", TARGET_GROUPS),
        ("targets-per-application-load-balancer", TARGETS),
        ("listeners-per-application-load-balancer", LISTENERS),
        ("rules-per-application-load-balancer", RULES),
        ("network-load-balancers", LOAD_BALANCERS),
        ("targets-per-network-load-balancer", TARGETS),
        ("targets-per-target-group", TARGETS),
        ("listeners-per-network-load-balancer", LISTENERS),
        ("condition-values-per-alb-rule", CONDITION_VALUES),
        ("certificates-per-application-load-balancer", CERTIFICATES),
        ("target-groups-per-action-on-application-load-balancer", GROUPS_OF_ACTION),
        ("target-groups-per-action-on-network-load-balancer", GROUPS_OF_ACTION),
        ("target-groups-per-application-load-balancer", GROUPS_OF_LOAD_BALANCER),
        ("application-load-balancers", LOAD_BALANCERS),
    ];
    let limits =
        limits.into_iter().map(|(name, most)| json!({ "Name": name, "Max": most.to_string() })).collect();
    resource::PAGES.answer(call.params, "Limits", limits)
}
