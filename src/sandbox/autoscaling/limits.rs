//! Limits of the account, and lists of supported types.

use serde_json::{Value, json};

use super::settings::TERMINATION_POLICIES;
use crate::api::{Actions, Call, Refusal};

/// The calls about limits and types, by name.
pub const ACTIONS: Actions = &[
    ("DescribeAccountLimits", account),
    ("DescribeAdjustmentTypes", adjustment_types),
    ("DescribeLifecycleHookTypes", hook_types),
    ("DescribeTerminationPolicyTypes", termination_policy_types),
];

/// Groups of an account at most (user guide, ec2-auto-scaling-quotas).
pub const GROUPS: usize = 500;

fn account(call: &mut Call) -> Result<Value, Refusal> {
    Ok(json!({
        "MaxNumberOfAutoScalingGroups": GROUPS,
        "MaxNumberOfLaunchConfigurations": 200,
        "NumberOfAutoScalingGroups": call.state.autoscaling.groups.len(),
        "NumberOfLaunchConfigurations": 0,
    }))
}

fn adjustment_types(_call: &mut Call) -> Result<Value, Refusal> {
    let types = super::policies::ADJUSTMENTS.iter().map(|name| json!({ "AdjustmentType": name }));
    Ok(json!({ "AdjustmentTypes": types.collect::<Vec<_>>() }))
}

fn hook_types(_call: &mut Call) -> Result<Value, Refusal> {
    Ok(json!({ "LifecycleHookTypes": [super::hooks::LAUNCHING, super::hooks::TERMINATING] }))
}

fn termination_policy_types(_call: &mut Call) -> Result<Value, Refusal> {
    Ok(json!({ "TerminationPolicyTypes": TERMINATION_POLICIES }))
}
