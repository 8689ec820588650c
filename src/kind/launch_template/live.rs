//! A live template version as the block's inputs. Makes no call.

use aws_sdk_ec2::types as t;

use super::data::decode;
use crate::kind::ec2::{Members, all_tags, list, strings};
use crate::value::{Object, Value};

/// The inputs that a version sets.
pub fn inputs(data: &t::ResponseLaunchTemplateData) -> Object {
    let some = |items: &[String]| if items.is_empty() { Value::Null } else { list(items) };
    let tags = |of: t::ResourceType| {
        let specification = data.tag_specifications().iter().find(|one| one.resource_type() == Some(&of));
        specification.map(|one| strings(all_tags(one.tags.as_deref())))
    };
    let profile = data.iam_instance_profile().and_then(|profile| profile.name().or(profile.arn()));
    let licenses = data.license_specifications().iter();
    let licenses: Vec<_> =
        licenses.filter_map(|one| one.license_configuration_arn().map(str::to_owned)).collect();
    let mut inputs = Members::new();
    inputs
        .set("image", data.image_id())
        .set("instance_type", data.instance_type().map(|word| word.as_str()))
        .set("key_name", data.key_name())
        .set("security_groups", some(data.security_group_ids()))
        .set("user_data", data.user_data().filter(|text| !text.is_empty()).map(decode))
        .set("iam_instance_profile", profile)
        .set("ebs_optimized", data.ebs_optimized())
        .set("monitoring", data.monitoring().and_then(|monitoring| monitoring.enabled()))
        .set("block_device", blocks(data.block_device_mappings(), block_device))
        .set("network_interface", blocks(data.network_interfaces(), network_interface))
        .set("metadata_options", data.metadata_options().map(metadata_options))
        .set("placement", data.placement().map(placement))
        .set("spot", data.instance_market_options().and_then(spot))
        .set("cpu_credits", data.credit_specification().and_then(|credits| credits.cpu_credits()))
        .set("cpu_options", data.cpu_options().map(cpu_options))
        .set("capacity_reservation", data.capacity_reservation_specification().map(capacity_reservation))
        .set("licenses", some(&licenses))
        .set("hibernation", data.hibernation_options().and_then(|options| options.configured()))
        .set("enclave", data.enclave_options().and_then(|options| options.enabled()))
        .set("private_dns_name_options", data.private_dns_name_options().map(private_dns))
        .set(
            "auto_recovery",
            data.maintenance_options().and_then(|options| options.auto_recovery()).map(|word| word.as_str()),
        )
        .set(
            "bandwidth_weighting",
            data.network_performance_options()
                .and_then(|options| options.bandwidth_weighting())
                .map(|word| word.as_str()),
        )
        .set(
            "instance_initiated_shutdown_behavior",
            data.instance_initiated_shutdown_behavior().map(|word| word.as_str()),
        )
        .set("disable_api_stop", data.disable_api_stop())
        .set("disable_api_termination", data.disable_api_termination())
        .set("instance_tags", tags(t::ResourceType::Instance))
        .set("volume_tags", tags(t::ResourceType::Volume));
    inputs.take()
}

fn blocks<T>(items: &[T], block: fn(&T) -> Object) -> Value {
    match items.is_empty() {
        true => Value::Null,
        false => Value::List(items.iter().map(|item| Value::Object(block(item))).collect()),
    }
}

fn block_device(device: &t::LaunchTemplateBlockDeviceMapping) -> Object {
    let mut members = Members::new();
    members
        .set("device_name", device.device_name())
        .set("virtual_name", device.virtual_name())
        .set("no_device", device.no_device().is_some());
    if let Some(ebs) = device.ebs() {
        members
            .set("snapshot", ebs.snapshot_id())
            .set("volume_initialization_rate", ebs.volume_initialization_rate())
            .set("ebs_card_index", ebs.ebs_card_index())
            .set("size", ebs.volume_size())
            .set("type", ebs.volume_type().map(|word| word.as_str()))
            .set("iops", ebs.iops())
            .set("throughput", ebs.throughput())
            .set("encrypted", ebs.encrypted())
            .set("kms_key", ebs.kms_key_id())
            .set("delete_on_termination", ebs.delete_on_termination());
    }
    members.take()
}

fn network_interface(interface: &t::LaunchTemplateInstanceNetworkInterfaceSpecification) -> Object {
    let groups = interface.groups();
    let mut members = Members::new();
    members
        .set("device_index", interface.device_index())
        .set("network_card_index", interface.network_card_index())
        .set("subnet", interface.subnet_id())
        .set("security_groups", if groups.is_empty() { Value::Null } else { list(groups) })
        .set("associate_public_ip_address", interface.associate_public_ip_address())
        .set("delete_on_termination", interface.delete_on_termination())
        .set("description", interface.description())
        .set("interface_type", interface.interface_type())
        .set("private_ip_address", interface.private_ip_address())
        .set("secondary_private_ip_address_count", interface.secondary_private_ip_address_count())
        .set("ipv6_address_count", interface.ipv6_address_count())
        .set("primary_ipv6", interface.primary_ipv6());
    members.take()
}

fn metadata_options(options: &t::LaunchTemplateInstanceMetadataOptions) -> Object {
    let mut members = Members::new();
    members
        .set("http_tokens", options.http_tokens().map(|word| word.as_str()))
        .set("http_put_response_hop_limit", options.http_put_response_hop_limit())
        .set("http_endpoint", options.http_endpoint().map(|word| word.as_str()))
        .set("http_protocol_ipv6", options.http_protocol_ipv6().map(|word| word.as_str()))
        .set("instance_metadata_tags", options.instance_metadata_tags().map(|word| word.as_str()));
    members.take()
}

fn placement(placement: &t::LaunchTemplatePlacement) -> Object {
    let mut members = Members::new();
    members
        .set("availability_zone", placement.availability_zone())
        .set("tenancy", placement.tenancy().map(|word| word.as_str()))
        .set("group_name", placement.group_name())
        .set("partition_number", placement.partition_number())
        .set("host_id", placement.host_id())
        .set("host_resource_group_arn", placement.host_resource_group_arn())
        .set("affinity", placement.affinity());
    members.take()
}

fn spot(options: &t::LaunchTemplateInstanceMarketOptions) -> Option<Object> {
    options.market_type().filter(|market| **market == t::MarketType::Spot)?;
    let mut members = Members::new();
    if let Some(spot) = options.spot_options() {
        members
            .set("max_price", spot.max_price())
            .set("spot_instance_type", spot.spot_instance_type().map(|word| word.as_str()))
            .set(
                "instance_interruption_behavior",
                spot.instance_interruption_behavior().map(|word| word.as_str()),
            );
    }
    Some(members.take())
}

fn cpu_options(options: &t::LaunchTemplateCpuOptions) -> Object {
    let mut members = Members::new();
    members
        .set("core_count", options.core_count())
        .set("threads_per_core", options.threads_per_core())
        .set("amd_sev_snp", options.amd_sev_snp().map(|word| word.as_str()));
    members.take()
}

fn capacity_reservation(specification: &t::LaunchTemplateCapacityReservationSpecificationResponse) -> Object {
    let target = specification.capacity_reservation_target();
    let mut members = Members::new();
    members
        .set("preference", specification.capacity_reservation_preference().map(|word| word.as_str()))
        .set("id", target.and_then(|target| target.capacity_reservation_id()))
        .set(
            "resource_group_arn",
            target.and_then(|target| target.capacity_reservation_resource_group_arn()),
        );
    members.take()
}

fn private_dns(options: &t::LaunchTemplatePrivateDnsNameOptions) -> Object {
    let mut members = Members::new();
    members
        .set("hostname_type", options.hostname_type().map(|word| word.as_str()))
        .set("enable_resource_name_dns_a_record", options.enable_resource_name_dns_a_record())
        .set("enable_resource_name_dns_aaaa_record", options.enable_resource_name_dns_aaaa_record());
    members.take()
}
