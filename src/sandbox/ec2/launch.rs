//! Launching: the one way by which RunInstances and an Auto Scaling group make an instance.

use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::super::api::Refusal;
use super::super::state::{State, Tags, new_id};
use super::instances::{self, Attributes, Device, Instance, InstanceState, MetadataOptions};
use super::placement::{self, Place};
use super::{images, launch_templates, profiles, tags, volumes};

pub mod address;
mod read;
#[cfg(test)]
mod tests;

pub use read::{profile, read, user_data};

/// The parameters of a launch, merged from launch template and request.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    pub image: String,
    pub instance_type: String,
    /// `None`: the default subnet of the first zone.
    pub subnet: Option<String>,
    /// The zone whose default subnet it is, if no subnet is named.
    pub zone: Option<String>,
    /// Ids; empty: the VPC's default group.
    pub security_groups: Vec<String>,
    /// Names of groups in the VPC, beside the ids.
    pub security_group_names: Vec<String>,
    pub user_data: Option<Vec<u8>>,
    pub profile: Option<String>,
    pub key_name: Option<String>,
    pub tags: Tags,
    pub volume_tags: Tags,
    pub interface_tags: Tags,
    /// The port for `PORT`; `None`: 8080.
    pub port: Option<u16>,
    pub group: Option<String>,
    pub client_token: Option<String>,
    pub private_address: Option<Ipv4Addr>,
    pub interface_description: Option<String>,
    /// `None`: the subnet's default.
    pub public: Option<bool>,
    pub devices: Vec<DeviceChange>,
    pub metadata: MetadataOptions,
    pub monitoring: Option<bool>,
    pub ebs_optimized: Option<bool>,
    pub disable_api_termination: Option<bool>,
    pub disable_api_stop: Option<bool>,
    /// `stop` or `terminate`.
    pub shutdown_behavior: Option<String>,
    /// `standard` or `unlimited`.
    pub credits: Option<String>,
    pub tenancy: Option<String>,
    /// The reservation and the instance's index in it; `None`: one of its own.
    pub reservation: Option<(String, u32)>,
}

/// A block device mapping of a launch: changes one of the image's, or adds one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceChange {
    pub device: String,
    /// Leaves out the image's.
    pub none: bool,
    pub snapshot: Option<String>,
    /// GiB.
    pub size: Option<u32>,
    pub kind: Option<String>,
    pub iops: Option<u32>,
    /// MiB/s.
    pub throughput: Option<u32>,
    pub encrypted: Option<bool>,
    pub kms_key: Option<String>,
    pub delete_on_termination: Option<bool>,
}

/// Launches one instance, `pending` from `now`; its id. `InvalidAMIID.NotFound`,
/// `InvalidSubnetID.NotFound`, `InvalidGroup.NotFound` and the like, as RunInstances has them.
pub fn launch(state: &mut State, launch: &Launch, now: Timestamp) -> Result<String, Refusal> {
    let image = images::usable(state, &launch.image)?.clone();
    let instance_type = match launch.instance_type.as_str() {
        "" => "m1.small",
        given => given,
    };
    check_type(instance_type, &image.architecture)?;
    let place = place(state, launch)?;
    let groups = groups(state, launch, &place)?;
    let profile = launch.profile.as_deref().map(profiles::check).transpose()?;
    let private_address = address::take(state, &place, launch.private_address)?;
    let own_port = address::take_port(state, private_address, &[])?;
    let id = new_id("i");
    let zone = place.zone.clone();
    let made = volumes::for_launch(state, &image, &launch.devices, (&id, &zone), now)?;
    let devices: Vec<Device> = made.into_iter().map(|(device, volume)| Device { device, volume }).collect();
    for device in &devices {
        tags::set(state, &device.volume, launch.volume_tags.clone());
    }
    let interface = id.replacen("i-", "eni-", 1);
    tags::set(state, &interface, launch.interface_tags.clone());
    tags::set(state, &id, launch.tags.clone());
    let (reservation, index) = launch.reservation.clone().unwrap_or_else(|| (new_id("r"), 0));
    let instance = Instance {
        id: id.clone(),
        reservation,
        index,
        image: launch.image.clone(),
        instance_type: instance_type.to_owned(),
        subnet: place.subnet,
        vpc: place.vpc,
        zone,
        private_address,
        public: launch.public.unwrap_or(place.public),
        port: launch.port.unwrap_or(8080),
        own_port,
        interface,
        interface_attachment: new_id("eni-attach"),
        interface_description: launch.interface_description.clone().unwrap_or_default(),
        security_groups: groups,
        user_data: launch.user_data.clone(),
        association: profile.is_some().then(|| profiles::Association { id: profiles::new_id(), since: now }),
        profile,
        key_name: launch.key_name.clone(),
        devices,
        attributes: Attributes::of(launch),
        state: InstanceState::Pending,
        since: now,
        launched_at: now,
        boots: 1,
        booted: 0,
        impaired: false,
        state_reason: Some(("pending".to_owned(), "pending".to_owned())),
        transition_reason: String::new(),
        group: launch.group.clone(),
        client_token: launch.client_token.clone(),
    };
    state.ec2.instances.insert(id.clone(), instance);
    Ok(id)
}

fn place(state: &State, launch: &Launch) -> Result<Place, Refusal> {
    if let Some(id) = &launch.subnet {
        let place = placement::subnet(state, id).ok_or_else(|| {
            Refusal::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"))
        })?;
        return match launch.zone.as_ref().filter(|zone| **zone != place.zone) {
            Some(_) => Err(Refusal::value(
                "The specified subnet does not belong to the specified availability zone".to_owned(),
            )),
            None => Ok(place),
        };
    }
    if let Some(zone) =
        launch.zone.as_ref().filter(|zone| !state.zones().iter().any(|(name, _)| name == *zone))
    {
        return Err(Refusal::value(format!("Invalid availability zone: [{zone}]")));
    }
    placement::default_subnet(state, launch.zone.as_deref()).ok_or_else(|| match &launch.zone {
        Some(zone) => {
            Refusal::new("MissingInput", format!("No default subnet for availability zone: '{zone}'."))
        }
        None => Refusal::new("VPCIdNotSpecified", "No default VPC for this user."),
    })
}

/// The groups, which must be of the subnet's VPC.
fn groups(state: &State, launch: &Launch, place: &Place) -> Result<Vec<String>, Refusal> {
    let missing = |what: &str| {
        let message = format!("The security group '{what}' does not exist in VPC '{}'", place.vpc);
        Refusal::new("InvalidGroup.NotFound", message)
    };
    let mut ids = launch.security_groups.clone();
    for name in &launch.security_group_names {
        ids.push(placement::group_named(state, &place.vpc, name).ok_or_else(|| missing(name))?);
    }
    if ids.is_empty() {
        ids.extend(placement::default_group(state, &place.vpc));
    }
    check_groups(state, &ids, &place.vpc)?;
    Ok(ids)
}

/// Refuses groups that do not exist, or belong to another VPC than the instance.
pub fn check_groups(state: &State, ids: &[String], vpc: &str) -> Result<(), Refusal> {
    for id in ids {
        let Some((_, of)) = placement::group(state, id) else {
            let message = format!("The security group '{id}' does not exist");
            return Err(Refusal::new("InvalidGroup.NotFound", message));
        };
        if of != vpc {
            let message = format!("Security group {id} and the subnet belong to different networks.");
            return Err(Refusal::new("InvalidParameter", message));
        }
    }
    Ok(())
}

/// Checks that the type is well formed and fits the image's architecture (EC2 user guide, instance-types).
pub fn check_type(instance_type: &str, architecture: &str) -> Result<(), Refusal> {
    let invalid = || Refusal::value(format!("Invalid value '{instance_type}' for InstanceType."));
    let (family, size) = instance_type.split_once('.').ok_or_else(invalid)?;
    let letters = family.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let large = size.strip_suffix("xlarge");
    let size_known = ["nano", "micro", "small", "medium", "large", "xlarge"].contains(&size)
        || size.starts_with("metal")
        || large.is_some_and(|times| times.chars().all(|c| c.is_ascii_digit()));
    if !letters || !family.chars().all(plain) || !family.contains(|c: char| c.is_ascii_digit()) || !size_known
    {
        return Err(invalid());
    }
    let suffix = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let arm = family == "a1" || suffix.trim_start_matches(|c: char| c.is_ascii_digit()).contains('g');
    let runs = if arm && !family.starts_with("u-") { "arm64" } else { "x86_64" };
    match runs == architecture {
        true => Ok(()),
        false => Err(Refusal::value(format!(
            "The architecture '{runs}' of the specified instance type does not match the architecture \
             '{architecture}' of the specified AMI. Specify an instance type and an AMI that have matching \
             architectures, and try again."
        ))),
    }
}

/// The launch of a template version: `version` is a number, `$Latest` or `$Default`, `template` an id or a
/// name. Also returns the number. `InvalidLaunchTemplateId.NotFound`,
/// `InvalidLaunchTemplateName.NotFoundException`, `InvalidLaunchTemplateId.VersionNotFound`.
pub fn from_template(state: &State, template: &str, version: &str) -> Result<(Launch, u64), Refusal> {
    launch_templates::from_template(state, template, version)
}

/// Begins the termination of an instance: `shutting-down` from `now`, with this state reason. A termination
/// under way continues.
pub fn terminate(state: &mut State, id: &str, reason: (&str, &str), now: Timestamp) {
    let Some(instance) = state.ec2.instances.get_mut(id) else { return };
    if matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
        return;
    }
    instance.enter(InstanceState::ShuttingDown, now);
    instance.state_reason = Some((reason.0.to_owned(), reason.1.to_owned()));
    instance.transition_reason = instances::transition_reason(reason.0, now);
}
