//! Live instances as inputs and outputs. Attributes that EC2 answers for one instance only (user data,
//! shutdown behaviour) are read only if declared.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::describe_instance_attribute::DescribeInstanceAttributeOutput;
use aws_sdk_ec2::types as t;

use super::state::Found;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::ec2::{FILTER_VALUES, Members, arn, declared_tags, filter, list, outputs, pages};
use crate::kind::launch_template::data::decode;
use crate::kind::{Live, Wanted};
use crate::value::{Object, Value};

/// The root volume's id, and whether it is deleted with its instance.
pub fn root(instance: &t::Instance) -> Option<(&str, bool)> {
    let devices = instance.block_device_mappings();
    let device = devices.iter().find(|one| one.device_name() == instance.root_device_name());
    let ebs = device.or(devices.first())?.ebs()?;
    Some((ebs.volume_id()?, ebs.delete_on_termination().unwrap_or_default()))
}

pub async fn volumes(cloud: &Cloud, ids: &[&str]) -> Result<BTreeMap<String, t::Volume>, Error> {
    let mut volumes = BTreeMap::new();
    for some in ids.chunks(FILTER_VALUES) {
        let page = pages(|token| async move {
            let send = || {
                let describe =
                    cloud.ec2.describe_volumes().filters(filter("volume-id", some.iter().copied()));
                describe.set_next_token(token.clone()).send()
            };
            let page = cloud.read(Service::Ec2, "DescribeVolumes", send).await?;
            Ok((page.volumes, page.next_token))
        });
        volumes.extend(page.await?.into_iter().map(|one| (one.volume_id.clone().unwrap_or_default(), one)));
    }
    Ok(volumes)
}

pub async fn live(
    cloud: &Cloud,
    found: &Found,
    one: &Wanted<'_>,
    volumes: &BTreeMap<String, t::Volume>,
) -> Result<Live, Error> {
    let instance = &found.instance;
    let mut inputs = inputs(found, one);
    if let Some((id, goes)) = root(instance)
        && let Some(volume) = volumes.get(id)
    {
        inputs.insert("root_volume".to_owned(), Value::Object(root_volume(volume, goes)));
    }
    if one.declared.contains("user_data") {
        let answer = attribute(cloud, found.id(), t::InstanceAttributeName::UserData).await?;
        let data = answer.user_data().and_then(|data| data.value()).filter(|data| !data.is_empty());
        inputs.insert("user_data".to_owned(), data.map(decode).into());
    }
    if one.declared.contains("instance_initiated_shutdown_behavior") {
        let name = t::InstanceAttributeName::InstanceInitiatedShutdownBehavior;
        let answer = attribute(cloud, found.id(), name).await?;
        let value = answer.instance_initiated_shutdown_behavior().and_then(|value| value.value());
        inputs.insert("instance_initiated_shutdown_behavior".to_owned(), value.into());
    }
    Ok(Live { inputs, outputs: instance_outputs(cloud, found) })
}

async fn attribute(
    cloud: &Cloud,
    id: &str,
    name: t::InstanceAttributeName,
) -> Result<DescribeInstanceAttributeOutput, Error> {
    let send = || cloud.ec2.describe_instance_attribute().instance_id(id).attribute(name.clone()).send();
    cloud.read(Service::Ec2, "DescribeInstanceAttribute", send).await
}

fn inputs(found: &Found, one: &Wanted<'_>) -> Object {
    let instance = &found.instance;
    let profile = instance.iam_instance_profile().and_then(|profile| profile.arn());
    let groups = instance.security_groups().iter().filter_map(|group| group.group_id());
    let monitored = instance.monitoring().and_then(|monitoring| monitoring.state());
    let state = match found.state() {
        Some(t::InstanceStateName::Pending | t::InstanceStateName::Running) => "running",
        _ => "stopped",
    };
    let mut members = Members::new();
    members
        .set("image", instance.image_id())
        .set("instance_type", instance.instance_type().map(|word| word.as_str()))
        .set("subnet", instance.subnet_id())
        .set("security_groups", list(groups))
        .set("key_name", instance.key_name())
        .set("iam_instance_profile", profile.and_then(|arn| arn.rsplit('/').next()))
        .set("metadata_options", instance.metadata_options().map(metadata_options))
        .set("monitoring", monitored.map(|state| matches!(state.as_str(), "enabled" | "pending")))
        .set("ebs_optimized", instance.ebs_optimized())
        .set("private_ip_address", instance.private_ip_address())
        .set("associate_public_ip_address", public(found, one))
        .set("state", state)
        .set("tags", declared_tags(instance.tags.as_deref()));
    members.take()
}

/// The attribute as it was at launch. A public address that was removed or added later is no reason to
/// replace the instance, and a stopped instance has none: the state's value stands.
fn public(found: &Found, one: &Wanted<'_>) -> Value {
    const NAME: &str = "associate_public_ip_address";
    match one.last.and_then(|last| last.inputs.get(NAME)) {
        Some(known) => known.clone(),
        None => found.instance.public_ip_address().is_some().into(),
    }
}

fn metadata_options(options: &t::InstanceMetadataOptionsResponse) -> Object {
    let mut members = Members::new();
    members
        .set("http_tokens", options.http_tokens().map(|word| word.as_str()))
        .set("http_put_response_hop_limit", options.http_put_response_hop_limit())
        .set("http_endpoint", options.http_endpoint().map(|word| word.as_str()))
        .set("http_protocol_ipv6", options.http_protocol_ipv6().map(|word| word.as_str()))
        .set("instance_metadata_tags", options.instance_metadata_tags().map(|word| word.as_str()));
    members.take()
}

fn root_volume(volume: &t::Volume, goes: bool) -> Object {
    let mut members = Members::new();
    members
        .set("size", volume.size())
        .set("type", volume.volume_type().map(|word| word.as_str()))
        .set("iops", volume.iops())
        .set("throughput", volume.throughput())
        .set("encrypted", volume.encrypted())
        .set("kms_key", volume.kms_key_id())
        .set("delete_on_termination", goes);
    members.take()
}

pub fn instance_outputs(cloud: &Cloud, found: &Found) -> Object {
    let instance = &found.instance;
    // The names of a stopped instance are empty strings.
    let name = |text: Option<&str>| Value::from(text.filter(|text| !text.is_empty()));
    outputs([
        ("id", found.id().into()),
        ("arn", arn(cloud, &found.owner, &format!("instance/{}", found.id())).into()),
        ("vpc_id", instance.vpc_id().into()),
        ("subnet_id", instance.subnet_id().into()),
        ("availability_zone", instance.placement().and_then(|place| place.availability_zone()).into()),
        ("private_ip", instance.private_ip_address().into()),
        ("private_dns_name", name(instance.private_dns_name())),
        ("public_ip", instance.public_ip_address().into()),
        ("public_dns_name", name(instance.public_dns_name())),
        ("architecture", instance.architecture().map(|word| word.as_str()).into()),
        ("root_device_name", instance.root_device_name().into()),
        ("root_volume_id", root(instance).map(|(id, _)| id).into()),
    ])
}
