//! The target of a rehearsal's requests, always in its sandbox. A URL and a region come in; a target goes
//! out.

use super::super::CliError;
use super::super::sandbox::home::refused;
use crate::rehearse::Target;
use crate::sandbox::control::{BalancerStatus, load_balancers};
use crate::sandbox::region::Region;
use crate::state::Snapshot;
use crate::value::Value;

const CODE: &str = "bgform::rehearse::url";

/// `given`, otherwise the stack's output `url`, otherwise the only load balancer. A host outside the sandbox
/// stands for its only load balancer, like a DNS record.
pub async fn aim(
    given: Option<&str>,
    region: &Region,
    snapshot: &Snapshot,
) -> Result<(String, Target), CliError> {
    let elbv2 = &region.look().elbv2;
    if given.is_none() && elbv2.listeners.is_empty() && !elbv2.load_balancers.is_empty() {
        let message = "no request can be sent: no load balancer of the stack has a listener";
        let help = "add a `listener`, or name what answers with --url";
        return Err(refused(CODE, message, help));
    }
    let balancers = load_balancers(region);
    let output = match snapshot.outputs.get("url") {
        Some(Value::String(url)) => Some(url.as_str()),
        _ => None,
    };
    let url = match given.or(output) {
        Some(url) => url.to_owned(),
        None => format!("http://{}/", only(&balancers)?.dns_name),
    };
    let cannot = |error: String| {
        refused(CODE, format!("no request can be sent: {error}"), "name another URL with --url")
    };
    let target = match foreign(&url, &balancers) {
        true => {
            let there = only(&balancers)?.dns_name.clone();
            Target::parse_at(&url, &there).await
        }
        false => Target::parse(&url).await,
    };
    Ok((url, target.map_err(cannot)?))
}

/// Tells whether a URL's host is neither a load balancer of the sandbox nor this machine.
fn foreign(url: &str, balancers: &[BalancerStatus]) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if balancers.iter().any(|balancer| balancer.dns_name == authority) {
        return false;
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let here = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !here && host != "localhost"
}

fn only(balancers: &[BalancerStatus]) -> Result<&BalancerStatus, CliError> {
    match balancers {
        [only] => Ok(only),
        others => {
            let count = match others.len() {
                0 => "is no load balancer".to_owned(),
                count => format!("are {count} load balancers"),
            };
            let message = format!("where to send requests is not known: there {count}");
            let help = "give the stack an output `url`, or name one with --url";
            Err(refused(CODE, message, help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_world_is_served_by_the_sandbox() {
        let balancers = [BalancerStatus {
            name: "edge".to_owned(),
            dns_name: "127.1.255.1:10080".to_owned(),
            state: "active".to_owned(),
        }];
        let foreign = |url| foreign(url, &balancers);
        assert!(foreign("http://checkout.example.com/pay/") && foreign("http://10.0.0.1:80/"));
        assert!(!foreign("http://127.1.255.1:10080/") && !foreign("http://localhost:9000/"));
    }
}
