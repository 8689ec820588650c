//! Counts Elastic Load Balancing's resources, and reads their quotas (application and network guides,
//! load-balancer-limits).

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::{SERVICE, pages};
use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::listener_rule::rules_of;

/// API_DescribeAccountLimits: the limits by the quota's name.
///
/// # Errors
/// When they cannot be read.
pub async fn limits(cloud: &Cloud) -> Result<BTreeMap<String, usize>, Error> {
    let all = pages(|marker| async move {
        let describe = cloud.elbv2.describe_account_limits().set_marker(marker);
        // Asked without a repeat: an emulator may not have it.
        let send = || describe.clone().send();
        let page = cloud.send(SERVICE, "DescribeAccountLimits", Repeat::OnThrottle, send).await?;
        Ok((page.limits.unwrap_or_default(), page.next_marker))
    });
    let limits = all.await?;
    Ok(limits.into_iter().filter_map(|limit| Some((limit.name?, limit.max?.parse().ok()?))).collect())
}

/// The number of rules of a load balancer, without default ones. AWS lists the rules of one listener in a
/// call (API_DescribeRules).
///
/// # Errors
/// When they cannot be read.
pub async fn rules(cloud: &Cloud, balancer: &str) -> Result<usize, Error> {
    let listeners = pages(|marker| async move {
        let describe = cloud.elbv2.describe_listeners().load_balancer_arn(balancer).set_marker(marker);
        let page = cloud.read(SERVICE, "DescribeListeners", || describe.clone().send()).await?;
        Ok((page.listeners.unwrap_or_default(), page.next_marker))
    })
    .await?;
    let arns = listeners.iter().filter_map(|listener| listener.listener_arn());
    let rules = try_join_all(arns.map(|arn| rules_of(cloud, arn))).await?;
    Ok(rules.iter().flatten().filter(|rule| rule.is_default() != Some(true)).count())
}

/// The quota of targets behind this load balancer.
pub fn quota_of_targets(balancer: Option<&str>) -> &'static str {
    match balancer {
        Some(arn) if is_network(arn) => "targets-per-network-load-balancer",
        _ => "targets-per-application-load-balancer",
    }
}

/// Tells whether the ARN of a load balancer, or of one of its listeners, is a network load balancer's.
pub fn is_network(arn: &str) -> bool {
    arn.contains(":loadbalancer/net/") || arn.contains(":listener/net/")
}
