//! All routes that forward to a target group: rules of listeners, and their default actions.

use aws_sdk_elasticloadbalancingv2::types::Rule;

use super::{SERVICE, pages};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::elbv2::actions;
use crate::kind::listener_rule::rules_of;
use crate::kind::router::Shares;

/// One rule of a listener, or its default action.
#[derive(Debug, Clone)]
pub struct Route {
    pub arn: String,
    /// The listener's ARN.
    pub listener: String,
    /// `None` for the default action.
    pub priority: Option<u32>,
    shares: Shares,
}

impl Route {
    fn of(listener: &str, rule: &Rule) -> Self {
        Self {
            arn: rule.rule_arn().unwrap_or_default().to_owned(),
            listener: listener.to_owned(),
            priority: rule.priority().and_then(|text| text.parse().ok()),
            shares: actions::shares(rule.actions()),
        }
    }

    pub fn is_default(&self) -> bool {
        self.priority.is_none()
    }

    /// Tells whether it forwards to a target group, with weight or without.
    pub fn names(&self, group: &str) -> bool {
        self.shares.names(group)
    }
}

/// All rules of all listeners of the load balancers that use a target group.
///
/// # Errors
/// When they cannot be read.
pub async fn routes(cloud: &Cloud, group: &str) -> Result<Vec<Route>, Error> {
    let elbv2 = &cloud.elbv2;
    let send = || elbv2.describe_target_groups().target_group_arns(group).send();
    let described = cloud.read(SERVICE, "DescribeTargetGroups", send).await?;
    let balancers = described.target_groups().iter().flat_map(|group| group.load_balancer_arns());
    let mut routes = Vec::new();
    for balancer in balancers {
        let listeners = pages(|marker| async move {
            let describe = elbv2.describe_listeners().load_balancer_arn(balancer).set_marker(marker);
            let answer = cloud.read(SERVICE, "DescribeListeners", || describe.clone().send()).await?;
            Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
        })
        .await?;
        for listener in listeners.iter().filter_map(|listener| listener.listener_arn()) {
            let rules = rules_of(cloud, listener).await?;
            routes.extend(rules.iter().map(|rule| Route::of(listener, rule)));
        }
    }
    Ok(routes)
}
