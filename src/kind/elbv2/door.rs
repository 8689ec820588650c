//! The address at which requests enter a load balancer.

use super::SERVICE;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::router::Door;

/// The IAM actions that finding a door needs.
pub const ACTIONS: [&str; 2] =
    ["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers"];

/// Returns the door of a listener, or why an HTTP request cannot be sent there.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn door(
    cloud: &Cloud,
    listener: &str,
    host: Option<String>,
) -> Result<Result<Door, String>, Error> {
    let describe = || cloud.elbv2.describe_listeners().listener_arns(listener).send();
    let answer = cloud.read(SERVICE, "DescribeListeners", describe).await?;
    let Some(found) = answer.listeners().first() else {
        return Ok(Err(format!("the listener {listener} is gone")));
    };
    let protocol = found.protocol().map(|protocol| protocol.as_str()).unwrap_or_default();
    let (scheme, usual) = match protocol {
        "UDP" | "TCP_UDP" | "QUIC" | "TCP_QUIC" => {
            return Ok(Err(format!("its listener speaks {protocol}, which takes no request of HTTP")));
        }
        "HTTPS" | "TLS" => ("https", 443),
        _ => ("http", 80),
    };
    let port = found.port().unwrap_or(usual);
    let balancer = found.load_balancer_arn().unwrap_or_default().to_owned();
    let describe = || cloud.elbv2.describe_load_balancers().load_balancer_arns(&balancer).send();
    let answer = cloud.read(SERVICE, "DescribeLoadBalancers", describe).await?;
    let name = answer.load_balancers().first().and_then(|one| one.dns_name()).unwrap_or_default();
    // The sandbox's names carry their port, over plain HTTP.
    if name.contains(':') {
        return Ok(Ok(Door { scheme: "http", authority: name.to_owned(), host }));
    }
    Ok(Ok(Door { scheme, authority: format!("{name}:{port}"), host }))
}
