//! The schema of a `launch_template` block. The members are those of RequestLaunchTemplateData
//! (API_RequestLaunchTemplateData), which gives their meaning and limits.

use std::sync::LazyLock;

use crate::kind::launch_template::check::{self, cores, interface, reservation};
use crate::kind::launch_template::data::user_data;
use crate::kind::launch_template::volume::{block_device, device_rule, volume_rule};
use crate::kind::rules::{address, filled, instance_type, price};
use crate::kind::schema::{
    Attribute, NOT_AT_CREATE, Schema, Type, Wrong, attribute, characters, output, tags, tags_attribute,
};
use crate::value::Value;

/// Attributes whose change makes no new version.
pub const BESIDE_DATA: &[&str] = &["name", "tags", "keep_versions"];

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "launch_template",
    doc: "What instances are launched with. Every change makes a new version, which becomes the default; \
          a reference from an Auto Scaling group carries the version's number.",
    attributes: attributes(),
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("latest_version", "The number of the newest version.").changes_unless_only(BESIDE_DATA),
        output("default_version", "The number of the default version.").changes_unless_only(BESIDE_DATA),
        output("versions", "Each kept version's `version` and `image`.")
            .changes_unless_only(&["name", "tags"]),
    ],
    not_offered: &[
        ("dry_run", "`bgform plan` shows what would be done"),
        ("client_token", "bgform sets its own, so that a repeat makes nothing twice"),
        ("version_description", "carries the operation, so that it is found again after a crash"),
        ("launch_template_data", "its members are the block's own attributes"),
        ("operator", "names an AWS service that manages the template instead of its account"),
        ("kernel_id", "for paravirtual images, which current instance types do not run"),
        ("ram_disk_id", "for paravirtual images, which current instance types do not run"),
        ("elastic_gpu_specifications", "Elastic Graphics was shut down"),
        ("elastic_inference_accelerators", "Elastic Inference was shut down"),
        ("security_groups", "names of groups outside a VPC; `security_groups` takes references"),
        ("instance_requirements", "instances of mixed size break the promise of equal capacity in a cutover"),
        ("secondary_interfaces", "for HPC fabrics, which no load balancer reaches"),
    ],
    unique: &["name"],
});

/// [model] LaunchTemplateName.
fn name(name: &Value) -> Vec<Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "().-/_".contains(c);
    let mut wrong = characters("a launch template's name", name, fits, "letters, digits and ( ) . - / _");
    if let Some(short) = name.as_str().filter(|name| name.len() < 3) {
        wrong.push((
            "",
            match name.unmark() {
                (_, true) => "this is too short for a launch template's name".to_owned(),
                _ => format!("`{short}` is too short for a launch template's name"),
            },
            "use 3 to 128 characters".to_owned(),
        ));
    }
    wrong
}

fn attributes() -> Vec<Attribute> {
    vec![
        attribute("name", Type::String { max: 128 }, "Its name; made from the stack's if not given.")
            .rule(name)
            .replaces()
            .api(&["launch_template_name"]),
        attribute("image", Type::id_of(&["image"]), "The image that instances start from.")
            .required()
            .api(&["image_id"]),
        attribute("instance_type", Type::string(), "The size, such as t3.small.").rule(instance_type),
        attribute("key_name", Type::String { max: 255 }, "The SSH key pair's name."),
        attribute(
            "security_groups",
            Type::id_of(&["security_group"]).set(),
            "Groups of the first interface.",
        )
        .api(&["security_group_ids"]),
        attribute("user_data", Type::Text { max: 16_384 }, "What cloud-init runs, as plain text.")
            .rule(user_data),
        attribute(
            "iam_instance_profile",
            Type::string(),
            "The instance profile's name, or its ARN where it is another account's.",
        ),
        attribute("ebs_optimized", Type::Bool, "A dedicated connection to volumes, where not the default."),
        attribute("monitoring", Type::Bool, "`true` for metrics every minute."),
        attribute(
            "block_device",
            blocks(block_device(), 100),
            "Volumes; one with the image's root device name \
             changes the root volume.",
        )
        .rule(|device| volume_rule(device).into_iter().chain(device_rule(device)).collect())
        .api(&["block_device_mappings"]),
        attribute(
            "network_interface",
            blocks(network_interface(), 32),
            "Network interfaces, where the defaults \
             do not do; security groups are then theirs.",
        )
        .rule(interface)
        .api(&["network_interfaces"]),
        attribute("metadata_options", Type::Block(metadata_options()), "The instance metadata service."),
        attribute("placement", Type::Block(placement()), "Where instances stand.").rule(check::placement),
        attribute("spot", Type::Block(spot()), "Buys spot capacity.").api(&["instance_market_options"]),
        attribute("cpu_credits", Type::Choice(&["standard", "unlimited"]), "How burstable types are billed.")
            .api(&["credit_specification"]),
        attribute("cpu_options", Type::Block(cpu_options()), "Cores and threads.").rule(cores),
        attribute(
            "capacity_reservation",
            Type::Block(capacity_reservation()),
            "Which reservations are used.",
        )
        .rule(reservation)
        .api(&["capacity_reservation_specification"]),
        attribute("licenses", Type::string().set(), "ARNs of license configurations.")
            .api(&["license_specifications"]),
        attribute("hibernation", Type::Bool, "Whether instances can hibernate.")
            .api(&["hibernation_options"]),
        attribute("enclave", Type::Bool, "Whether instances can run Nitro enclaves.")
            .api(&["enclave_options"]),
        attribute("private_dns_name_options", Type::Block(private_dns()), "Host names inside the VPC."),
        attribute(
            "auto_recovery",
            Type::Choice(&["default", "disabled"]),
            "Whether EC2 recovers an instance \
             whose host fails.",
        )
        .api(&["maintenance_options"]),
        attribute(
            "bandwidth_weighting",
            Type::Choice(&["default", "vpc-1", "ebs-1"]),
            "Which way bandwidth leans.",
        )
        .api(&["network_performance_options"]),
        attribute(
            "instance_initiated_shutdown_behavior",
            Type::Choice(&["stop", "terminate"]),
            "What a shutdown from inside does.",
        ),
        attribute("disable_api_stop", Type::Bool, "Whether the API refuses to stop instances."),
        attribute("disable_api_termination", Type::Bool, "Whether the API refuses to terminate instances."),
        attribute("instance_tags", Type::String { max: 256 }.map(), "Tags of every instance.")
            .rule(tags)
            .api(&["tag_specifications"]),
        attribute("volume_tags", Type::String { max: 256 }.map(), "Tags of every volume.")
            .rule(tags)
            .api(&["tag_specifications"]),
        attribute(
            "keep_versions",
            Type::Integer { min: 1, max: 1000 },
            "How many of the newest versions stay, beside those that are in use.",
        )
        .default(5)
        .api(NOT_AT_CREATE),
        tags_attribute(&["tag_specifications"]),
    ]
}

fn blocks(attributes: Vec<Attribute>, max: usize) -> Type {
    Type::Blocks { attributes, ordered: true, max }
}

pub(super) fn count(name: &'static str, max: i64, doc: &'static str) -> Attribute {
    attribute(name, Type::Integer { min: 0, max }, doc)
}

fn network_interface() -> Vec<Attribute> {
    vec![
        count("device_index", 32, "0 is the first one.").default(0),
        count("network_card_index", 32, "Of types with several network cards."),
        attribute("subnet", Type::id_of(&["subnet"]), "Its subnet; an Auto Scaling group has its own."),
        attribute("security_groups", Type::id_of(&["security_group"]).set(), "Its groups.").rule(filled),
        attribute("associate_public_ip_address", Type::Bool, "Whether it gets a public address."),
        attribute("delete_on_termination", Type::Bool, "Whether it goes with its instance."),
        attribute("description", Type::String { max: 255 }, "What it says of itself."),
        attribute("interface_type", Type::Choice(&["interface", "efa", "efa-only"]), "What it is."),
        attribute("private_ip_address", Type::string(), "A fixed address.").rule(address),
        count("secondary_private_ip_address_count", 50, "How many more private addresses."),
        count("ipv6_address_count", 50, "How many IPv6 addresses."),
        attribute("primary_ipv6", Type::Bool, "Whether the first IPv6 address is fixed."),
    ]
}

/// The metadata service of an instance or a template: version 2 only by default.
pub fn metadata_options() -> Vec<Attribute> {
    let switch = || Type::Choice(&["enabled", "disabled"]);
    vec![
        attribute("http_tokens", Type::Choice(&["required", "optional"]), "`required` is IMDSv2 only.")
            .default("required"),
        attribute("http_put_response_hop_limit", Type::Integer { min: 1, max: 64 }, "2 for containers.")
            .default(1),
        attribute("http_endpoint", switch(), "Whether there is one.").default("enabled"),
        attribute("http_protocol_ipv6", switch(), "Whether it answers on IPv6.").default("disabled"),
        attribute("instance_metadata_tags", switch(), "Whether it tells the tags.").default("disabled"),
    ]
}

fn placement() -> Vec<Attribute> {
    vec![
        attribute("availability_zone", Type::string(), "The zone; an Auto Scaling group has its own."),
        attribute("tenancy", Type::Choice(&["default", "dedicated", "host"]), "Whose hardware it is."),
        attribute("group_name", Type::string(), "The placement group."),
        count("partition_number", 100, "Of a partition placement group."),
        attribute("host_id", Type::string(), "The dedicated host."),
        attribute("host_resource_group_arn", Type::string(), "The group of dedicated hosts."),
        attribute("affinity", Type::Choice(&["default", "host"]), "Whether it comes back to the same host."),
    ]
}

fn spot() -> Vec<Attribute> {
    vec![
        attribute("max_price", Type::string(), "Dollars an hour; the on-demand price if not given.")
            .rule(price),
        attribute("spot_instance_type", Type::Choice(&["one-time", "persistent"]), "Whether it comes back."),
        attribute(
            "instance_interruption_behavior",
            Type::Choice(&["terminate", "stop", "hibernate"]),
            "What happens when it is taken away.",
        ),
    ]
}

fn cpu_options() -> Vec<Attribute> {
    vec![
        count("core_count", 512, "How many cores."),
        count("threads_per_core", 2, "1 turns hyperthreading off."),
        attribute("amd_sev_snp", Type::Choice(&["enabled", "disabled"]), "AMD's memory encryption."),
    ]
}

fn capacity_reservation() -> Vec<Attribute> {
    let preferences = &["open", "none", "capacity-reservations-only"];
    vec![
        attribute("preference", Type::Choice(preferences), "Which reservations."),
        attribute("id", Type::string(), "One reservation."),
        attribute("resource_group_arn", Type::string(), "A group of reservations."),
    ]
}

fn private_dns() -> Vec<Attribute> {
    let off = Value::Bool(false);
    vec![
        attribute("hostname_type", Type::Choice(&["ip-name", "resource-name"]), "What names are made of."),
        attribute("enable_resource_name_dns_a_record", Type::Bool, "An A record.").default(off.clone()),
        attribute("enable_resource_name_dns_aaaa_record", Type::Bool, "An AAAA record.").default(off),
    ]
}
