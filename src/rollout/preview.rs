//! Where preview rules stand: the nearest free priority above each of the deployment's rules, that is
//! the largest number below its own (a listener tries the lowest number first).

use std::collections::BTreeSet;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::state::Snapshot;

/// The priorities of the preview rules, in the order of the rules.
///
/// # Errors
/// When there is no free one, or the listener's rules cannot be read.
pub async fn priorities(cloud: &Cloud, snapshot: &Snapshot, rules: &[Address]) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    for address in rules {
        let Some(record) = snapshot.resources.get(address) else { continue };
        let text = |name: &str| record.inputs.get(name).and_then(|value| value.as_str().map(str::to_owned));
        let (Some(listener), Some(own)) =
            (text("listener"), record.inputs.get("priority").and_then(crate::value::Value::as_number))
        else {
            continue;
        };
        let taken = taken(cloud, &listener).await?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 50,000")]
        let own = own as u32;
        let free = (1..own).rev().find(|priority| !taken.contains(priority) && !found.contains(priority));
        let Some(free) = free else {
            return Err(Error::failed(
                format!(
                    "no priority above {own} is free on the listener, and the preview of `{address}` needs one"
                ),
                "give the deployment's rule a larger number, so that one is free before it",
            ));
        };
        found.push(free);
    }
    Ok(found)
}

async fn taken(cloud: &Cloud, listener: &str) -> Result<BTreeSet<u32>, Error> {
    let mut taken = BTreeSet::new();
    let mut marker = None;
    loop {
        let answer = cloud
            .read(Service::Elbv2, "DescribeRules", || {
                cloud.elbv2.describe_rules().listener_arn(listener).set_marker(marker.clone()).send()
            })
            .await?;
        taken.extend(answer.rules().iter().filter_map(|rule| rule.priority()?.parse::<u32>().ok()));
        marker = answer.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(taken);
        }
    }
}
