//! Converts a `launch_template` block to the API's RequestLaunchTemplateData, and a version's
//! ResponseLaunchTemplateData to the block's inputs. Makes no call.

use aws_sdk_ec2::types as t;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::kind::Tags;
use crate::kind::ec2::sdk_tags;
use crate::kind::schema::Wrong;
use crate::value::Value;

#[derive(Debug, Deserialize)]
pub struct Spec {
    pub name: Option<String>,
    #[serde(default)]
    pub tags: Tags,
    pub keep_versions: usize,
    #[serde(flatten)]
    pub data: Data,
}

#[derive(Debug, Deserialize)]
pub struct Data {
    image: String,
    instance_type: Option<String>,
    key_name: Option<String>,
    security_groups: Option<Vec<String>>,
    user_data: Option<String>,
    iam_instance_profile: Option<String>,
    ebs_optimized: Option<bool>,
    monitoring: Option<bool>,
    #[serde(default)]
    block_device: Vec<BlockDevice>,
    #[serde(default)]
    network_interface: Vec<NetworkInterface>,
    metadata_options: Option<MetadataOptions>,
    placement: Option<Placement>,
    spot: Option<Spot>,
    cpu_credits: Option<String>,
    cpu_options: Option<CpuOptions>,
    capacity_reservation: Option<CapacityReservation>,
    #[serde(default)]
    licenses: Vec<String>,
    hibernation: Option<bool>,
    enclave: Option<bool>,
    private_dns_name_options: Option<PrivateDns>,
    auto_recovery: Option<String>,
    bandwidth_weighting: Option<String>,
    instance_initiated_shutdown_behavior: Option<String>,
    disable_api_stop: Option<bool>,
    disable_api_termination: Option<bool>,
    #[serde(default)]
    instance_tags: Tags,
    #[serde(default)]
    volume_tags: Tags,
}

/// A volume's own attributes, in a template's device and an instance's root volume.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Volume {
    pub size: Option<i32>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub iops: Option<i32>,
    pub throughput: Option<i32>,
    pub encrypted: Option<bool>,
    pub kms_key: Option<String>,
    pub delete_on_termination: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct BlockDevice {
    device_name: String,
    virtual_name: Option<String>,
    no_device: Option<bool>,
    snapshot: Option<String>,
    volume_initialization_rate: Option<i32>,
    ebs_card_index: Option<i32>,
    #[serde(flatten)]
    volume: Volume,
}

#[derive(Debug, Deserialize)]
struct NetworkInterface {
    device_index: i32,
    network_card_index: Option<i32>,
    subnet: Option<String>,
    security_groups: Option<Vec<String>>,
    associate_public_ip_address: Option<bool>,
    delete_on_termination: Option<bool>,
    description: Option<String>,
    interface_type: Option<String>,
    private_ip_address: Option<String>,
    secondary_private_ip_address_count: Option<i32>,
    ipv6_address_count: Option<i32>,
    primary_ipv6: Option<bool>,
}

/// The metadata service's options, for templates and instances.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MetadataOptions {
    pub http_tokens: String,
    pub http_put_response_hop_limit: i32,
    pub http_endpoint: String,
    pub http_protocol_ipv6: String,
    pub instance_metadata_tags: String,
}

#[derive(Debug, Deserialize)]
struct Placement {
    availability_zone: Option<String>,
    tenancy: Option<String>,
    group_name: Option<String>,
    partition_number: Option<i32>,
    host_id: Option<String>,
    host_resource_group_arn: Option<String>,
    affinity: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Spot {
    max_price: Option<String>,
    spot_instance_type: Option<String>,
    instance_interruption_behavior: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CpuOptions {
    core_count: Option<i32>,
    threads_per_core: Option<i32>,
    amd_sev_snp: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CapacityReservation {
    preference: Option<String>,
    id: Option<String>,
    resource_group_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PrivateDns {
    hostname_type: Option<String>,
    enable_resource_name_dns_a_record: bool,
    enable_resource_name_dns_aaaa_record: bool,
}

/// The rule of user data: at most 16 KB before base64
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>).
pub fn user_data(data: &Value) -> Vec<Wrong> {
    const MOST: usize = 16_384;
    let Some(text) = data.as_str() else { return Vec::new() };
    let mut found = Vec::new();
    if text.len() > MOST {
        let message = format!("user data is at most {MOST} bytes, and this is {}", text.len());
        found.push(("", message, "keep the script in the image, or fetch it from S3".to_owned()));
    }
    // A script and a cloud-config begin with `#`, a MIME message with its type.
    let begins = |bytes: &[u8]| bytes.starts_with(b"#") || bytes.starts_with(b"Content-Type:");
    let decoded = BASE64_STANDARD.decode(text.trim_end()).ok();
    if decoded.is_some_and(|bytes| begins(&bytes)) {
        let message = "user data is given as plain text, and this is base64".to_owned();
        found.push(("", message, "leave `base64encode(...)` out: bgform encodes it".to_owned()));
    }
    found
}

/// Encodes user data for EC2.
pub fn encode(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// Decodes user data; data that is not text stays as EC2 has it.
pub fn decode(data: &str) -> String {
    let bytes = BASE64_STANDARD.decode(data).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| data.to_owned())
}

fn text<T: for<'a> From<&'a str>>(word: &Option<String>) -> Option<T> {
    word.as_deref().map(T::from)
}

impl Data {
    /// The whole request, for a version with no source version.
    pub fn request(&self) -> t::RequestLaunchTemplateData {
        let tags =
            [(t::ResourceType::Instance, &self.instance_tags), (t::ResourceType::Volume, &self.volume_tags)];
        let tags: Vec<_> = tags
            .into_iter()
            .filter(|(_, tags)| !tags.is_empty())
            .map(|(of, tags)| {
                let specification = t::LaunchTemplateTagSpecificationRequest::builder().resource_type(of);
                specification.set_tags(Some(sdk_tags(tags))).build()
            })
            .collect();
        fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
            (!items.is_empty()).then_some(items)
        }
        let licenses = self.licenses.iter().map(|arn| {
            t::LaunchTemplateLicenseConfigurationRequest::builder().license_configuration_arn(arn).build()
        });
        t::RequestLaunchTemplateData::builder()
            .image_id(&self.image)
            .set_instance_type(text(&self.instance_type))
            .set_key_name(self.key_name.clone())
            .set_security_group_ids(self.security_groups.clone())
            .set_user_data(self.user_data.as_deref().map(encode))
            .set_iam_instance_profile(self.iam_instance_profile.as_deref().map(profile))
            .set_ebs_optimized(self.ebs_optimized)
            .set_monitoring(
                self.monitoring.map(|on| t::LaunchTemplatesMonitoringRequest::builder().enabled(on).build()),
            )
            .set_block_device_mappings(some(self.block_device.iter().map(BlockDevice::request).collect()))
            .set_network_interfaces(some(
                self.network_interface.iter().map(NetworkInterface::request).collect(),
            ))
            .set_metadata_options(self.metadata_options.as_ref().map(MetadataOptions::request))
            .set_placement(self.placement.as_ref().map(Placement::request))
            .set_instance_market_options(self.spot.as_ref().map(Spot::request))
            .set_credit_specification(
                self.cpu_credits
                    .as_ref()
                    .map(|credits| t::CreditSpecificationRequest::builder().cpu_credits(credits).build()),
            )
            .set_cpu_options(self.cpu_options.as_ref().map(CpuOptions::request))
            .set_capacity_reservation_specification(
                self.capacity_reservation.as_ref().map(CapacityReservation::request),
            )
            .set_license_specifications(some(licenses.collect()))
            .set_hibernation_options(
                self.hibernation
                    .map(|on| t::LaunchTemplateHibernationOptionsRequest::builder().configured(on).build()),
            )
            .set_enclave_options(
                self.enclave.map(|on| t::LaunchTemplateEnclaveOptionsRequest::builder().enabled(on).build()),
            )
            .set_private_dns_name_options(self.private_dns_name_options.as_ref().map(PrivateDns::request))
            .set_maintenance_options(self.auto_recovery.as_deref().map(|word| {
                t::LaunchTemplateInstanceMaintenanceOptionsRequest::builder()
                    .auto_recovery(word.into())
                    .build()
            }))
            .set_network_performance_options(self.bandwidth_weighting.as_deref().map(|word| {
                let options = t::LaunchTemplateNetworkPerformanceOptionsRequest::builder();
                options.bandwidth_weighting(word.into()).build()
            }))
            .set_instance_initiated_shutdown_behavior(text(&self.instance_initiated_shutdown_behavior))
            .set_disable_api_stop(self.disable_api_stop)
            .set_disable_api_termination(self.disable_api_termination)
            .set_tag_specifications(some(tags))
            .build()
    }
}

fn profile(name: &str) -> t::LaunchTemplateIamInstanceProfileSpecificationRequest {
    let profile = t::LaunchTemplateIamInstanceProfileSpecificationRequest::builder();
    if name.starts_with("arn:") { profile.arn(name) } else { profile.name(name) }.build()
}

impl BlockDevice {
    fn request(&self) -> t::LaunchTemplateBlockDeviceMappingRequest {
        let volume = &self.volume;
        let ebs = t::LaunchTemplateEbsBlockDeviceRequest::builder()
            .set_volume_size(volume.size)
            .set_volume_type(text(&volume.kind))
            .set_iops(volume.iops)
            .set_throughput(volume.throughput)
            .set_encrypted(volume.encrypted)
            .set_kms_key_id(volume.kms_key.clone())
            .set_delete_on_termination(volume.delete_on_termination)
            .set_snapshot_id(self.snapshot.clone())
            .set_volume_initialization_rate(self.volume_initialization_rate)
            .set_ebs_card_index(self.ebs_card_index)
            .build();
        let has_volume = self.virtual_name.is_none() && self.no_device != Some(true);
        t::LaunchTemplateBlockDeviceMappingRequest::builder()
            .device_name(&self.device_name)
            .set_virtual_name(self.virtual_name.clone())
            // An empty string is the API's form of it (API_LaunchTemplateBlockDeviceMappingRequest).
            .set_no_device(self.no_device.filter(|left_out| *left_out).map(|_| String::new()))
            .set_ebs(has_volume.then_some(ebs))
            .build()
    }
}

impl NetworkInterface {
    fn request(&self) -> t::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
        t::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
            .device_index(self.device_index)
            .set_network_card_index(self.network_card_index)
            .set_subnet_id(self.subnet.clone())
            .set_groups(self.security_groups.clone())
            .set_associate_public_ip_address(self.associate_public_ip_address)
            .set_delete_on_termination(self.delete_on_termination)
            .set_description(self.description.clone())
            .set_interface_type(self.interface_type.clone())
            .set_private_ip_address(self.private_ip_address.clone())
            .set_secondary_private_ip_address_count(self.secondary_private_ip_address_count)
            .set_ipv6_address_count(self.ipv6_address_count)
            .set_primary_ipv6(self.primary_ipv6)
            .build()
    }
}

impl MetadataOptions {
    fn request(&self) -> t::LaunchTemplateInstanceMetadataOptionsRequest {
        t::LaunchTemplateInstanceMetadataOptionsRequest::builder()
            .http_tokens(self.http_tokens.as_str().into())
            .http_put_response_hop_limit(self.http_put_response_hop_limit)
            .http_endpoint(self.http_endpoint.as_str().into())
            .http_protocol_ipv6(self.http_protocol_ipv6.as_str().into())
            .instance_metadata_tags(self.instance_metadata_tags.as_str().into())
            .build()
    }
}

impl Placement {
    fn request(&self) -> t::LaunchTemplatePlacementRequest {
        t::LaunchTemplatePlacementRequest::builder()
            .set_availability_zone(self.availability_zone.clone())
            .set_tenancy(text(&self.tenancy))
            .set_group_name(self.group_name.clone())
            .set_partition_number(self.partition_number)
            .set_host_id(self.host_id.clone())
            .set_host_resource_group_arn(self.host_resource_group_arn.clone())
            .set_affinity(self.affinity.clone())
            .build()
    }
}

impl Spot {
    fn request(&self) -> t::LaunchTemplateInstanceMarketOptionsRequest {
        let options = t::LaunchTemplateSpotMarketOptionsRequest::builder()
            .set_max_price(self.max_price.clone())
            .set_spot_instance_type(text(&self.spot_instance_type))
            .set_instance_interruption_behavior(text(&self.instance_interruption_behavior))
            .build();
        t::LaunchTemplateInstanceMarketOptionsRequest::builder()
            .market_type(t::MarketType::Spot)
            .spot_options(options)
            .build()
    }
}

impl CpuOptions {
    fn request(&self) -> t::LaunchTemplateCpuOptionsRequest {
        t::LaunchTemplateCpuOptionsRequest::builder()
            .set_core_count(self.core_count)
            .set_threads_per_core(self.threads_per_core)
            .set_amd_sev_snp(text(&self.amd_sev_snp))
            .build()
    }
}

impl CapacityReservation {
    fn request(&self) -> t::LaunchTemplateCapacityReservationSpecificationRequest {
        let target = t::CapacityReservationTarget::builder()
            .set_capacity_reservation_id(self.id.clone())
            .set_capacity_reservation_resource_group_arn(self.resource_group_arn.clone())
            .build();
        let targeted = self.id.is_some() || self.resource_group_arn.is_some();
        t::LaunchTemplateCapacityReservationSpecificationRequest::builder()
            .set_capacity_reservation_preference(text(&self.preference))
            .set_capacity_reservation_target(targeted.then_some(target))
            .build()
    }
}

impl PrivateDns {
    fn request(&self) -> t::LaunchTemplatePrivateDnsNameOptionsRequest {
        t::LaunchTemplatePrivateDnsNameOptionsRequest::builder()
            .set_hostname_type(text(&self.hostname_type))
            .enable_resource_name_dns_a_record(self.enable_resource_name_dns_a_record)
            .enable_resource_name_dns_aaaa_record(self.enable_resource_name_dns_aaaa_record)
            .build()
    }
}
