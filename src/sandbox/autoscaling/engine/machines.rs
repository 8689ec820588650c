//! The launching and ending of instances, as the engine's tests have it: without images.

use std::net::Ipv4Addr;

use jiff::Timestamp;

use crate::sandbox::api::Refusal;
use crate::sandbox::ec2::launch::Launch;
use crate::sandbox::ec2::{Instance, InstanceState};
use crate::sandbox::state::{State, new_id};

/// Every image is there but `ami-gone`.
pub fn launch(state: &mut State, launch: &Launch, now: Timestamp) -> Result<String, Refusal> {
    if launch.image == "ami-gone" {
        return Err(Refusal::new("InvalidAMIID.NotFound", "The image id '[ami-gone]' does not exist"));
    }
    let subnet = launch.subnet.as_ref().and_then(|id| state.ec2.subnets.get(id)).unwrap();
    let id = new_id("i");
    let instance = Instance {
        id: id.clone(),
        image: launch.image.clone(),
        instance_type: launch.instance_type.clone(),
        subnet: subnet.id.clone(),
        vpc: subnet.vpc.clone(),
        zone: subnet.zone.clone(),
        private_address: Ipv4Addr::new(127, 31, 0, 10),
        port: launch.port.unwrap_or(8080),
        state: InstanceState::Pending,
        since: now,
        launched_at: now,
        group: launch.group.clone(),
        ..Instance::example()
    };
    state.ec2.instances.insert(id.clone(), instance);
    state.ec2.tags.insert(id.clone(), launch.tags.clone());
    Ok(id)
}

pub fn terminate(state: &mut State, id: &str, _reason: (&str, &str), now: Timestamp) {
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        (instance.state, instance.since) = (InstanceState::ShuttingDown, now);
    }
}
