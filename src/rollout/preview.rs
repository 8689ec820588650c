//! The place of previews: above each of the deployment's routers, at the priority that the router finds.

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind;
use crate::state::Snapshot;

/// The priorities of the previews' rules, in the order of the routers.
///
/// # Errors
/// When no priority is free, or the listener's rules cannot be read.
pub async fn priorities(cloud: &Cloud, snapshot: &Snapshot, routers: &[Address]) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    for address in routers {
        let (Some(record), Some(router)) = (snapshot.resources.get(address), kind::router(&address.kind))
        else {
            continue;
        };
        found.push(router.preview(cloud, address, record, &found).await?);
    }
    Ok(found)
}
