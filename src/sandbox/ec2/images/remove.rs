//! Images that go.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::{snapshots, tags};
use super::{own, using};

/// API_DeregisterImage. `InvalidAMIID.Unavailable` for a deregistered image. Snapshots stay unless
/// `DeleteAssociatedSnapshots`; even then those of another image stay.
pub fn deregister(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("ImageId");
    if call.state.ec2.deregistered.contains(&id) {
        let message = format!("The image ID '{id}' is no longer available");
        return Err(Refusal::new("InvalidAMIID.Unavailable", message));
    }
    let image = own(call.state, &id)?;
    image.deregistered = true;
    let theirs: Vec<String> = image.devices.iter().map(|device| device.snapshot.clone()).collect();
    call.state.ec2.deregistered.insert(id.clone());
    tags::forget(call.state, &id);
    let delete = call.params.flag("DeleteAssociatedSnapshots").unwrap_or_default();
    let mut results = Vec::new();
    for snapshot in theirs.into_iter().filter(|_| delete) {
        let word = match (call.state.ec2.snapshots.contains_key(&snapshot), using(call.state, &snapshot)) {
            (false, _) => continue,
            (true, Some(_)) => "skipped",
            (true, None) => {
                snapshots::remove(call.state, &snapshot);
                "success"
            }
        };
        results.push(json!({ "snapshotId": snapshot, "returnCode": word }));
    }
    Ok(json!({ "return": true, "deleteSnapshotResultSet": delete.then_some(results) }))
}
