//! The schema of an `instance` block. The members are those of API_RunInstances, which gives their meaning
//! and limits.

use std::sync::LazyLock;

use crate::kind::launch_template::data::user_data;
use crate::kind::launch_template::schema::metadata_options;
use crate::kind::launch_template::volume::{volume, volume_rule};
use crate::kind::rules::{address, filled, form, instance_type};
use crate::kind::schema::{Attribute, NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};

const FLEETS: &str = "a matter of fleets: set it in a `launch_template`";
const GONE: &str = "the service behind it was shut down";

/// Attributes whose change stops a running instance for a moment (API_ModifyInstanceAttribute).
pub const STOPPED_FOR: &[&str] = &["instance_type", "user_data", "ebs_optimized"];

/// Changes that leave addresses and state as they are.
const QUIET: &[&str] =
    &["tags", "security_groups", "metadata_options", "monitoring", "iam_instance_profile", "root_volume"];

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "instance",
    doc: "One machine that stands by itself, such as the source of images. Fleets are the business of an \
          `autoscaling_group`.",
    attributes: attributes(),
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("vpc_id", "The id of its VPC."),
        output("subnet_id", "The id of its subnet."),
        output("availability_zone", "Its zone."),
        output("private_ip", "The private address."),
        output("private_dns_name", "The private host name."),
        output("public_ip", "The public address; null where there is none.").changes_unless_only(QUIET),
        output("public_dns_name", "The public host name; null where there is none.")
            .changes_unless_only(QUIET),
        output("architecture", "Such as x86_64 or arm64.").changes_unless_only(QUIET),
        output("root_device_name", "Such as /dev/xvda."),
        output("root_volume_id", "The id of the root volume."),
    ],
    not_offered: &[
        ("dry_run", "`bgform plan` shows what would be done"),
        ("client_token", "bgform sets its own, so that a repeat makes nothing twice"),
        ("min_count", "a block is one instance; `for_each` makes more"),
        ("max_count", "a block is one instance; `for_each` makes more"),
        ("security_groups", "names of groups outside a VPC; `security_groups` takes references"),
        ("launch_template", "a block says all that its instance is, so that a plan can compare it"),
        ("additional_info", "reserved by AWS"),
        ("operator", "names an AWS service that manages the instance instead of its account"),
        ("kernel_id", "for paravirtual images, which current instance types do not run"),
        ("ramdisk_id", "for paravirtual images, which current instance types do not run"),
        ("elastic_gpu_specification", GONE),
        ("elastic_inference_accelerators", GONE),
        ("disable_api_stop", "a bake has to stop its source"),
        ("disable_api_termination", "`lifecycle { prevent_destroy = true }` keeps it"),
        ("secondary_interfaces", "for HPC fabrics"),
        ("ipv6_address_count", "the subnet decides whether instances get IPv6 addresses"),
        ("ipv6_addresses", "the subnet decides whether instances get IPv6 addresses"),
        ("enable_primary_ipv6", "the subnet decides whether instances get IPv6 addresses"),
        ("placement", FLEETS),
        ("instance_market_options", FLEETS),
        ("credit_specification", FLEETS),
        ("cpu_options", FLEETS),
        ("capacity_reservation_specification", FLEETS),
        ("hibernation_options", FLEETS),
        ("license_specifications", FLEETS),
        ("enclave_options", FLEETS),
        ("private_dns_name_options", FLEETS),
        ("maintenance_options", FLEETS),
        ("network_performance_options", FLEETS),
    ],
    unique: &["private_ip_address", "subnet"],
});

fn attributes() -> Vec<Attribute> {
    vec![
        attribute("image", Type::id_of(&["image"]), "The image that it starts from.")
            .required()
            .replaces()
            .api(&["image_id"]),
        attribute(
            "instance_type",
            Type::string(),
            "The size, such as t3.small. A change stops it for a moment.",
        )
        .rule(instance_type)
        .required(),
        attribute("subnet", Type::id_of(&["subnet"]), "Its subnet; one of the default VPC's if not given.")
            .replaces()
            .api(&["subnet_id"]),
        attribute(
            "security_groups",
            Type::id_of(&["security_group"]).set(),
            "Its groups; the VPC's default one \
             if not given.",
        )
        .rule(filled)
        .api(&["security_group_ids"]),
        attribute("key_name", Type::String { max: 255 }, "The SSH key pair's name.").replaces(),
        attribute(
            "user_data",
            Type::Text { max: 16_384 },
            "What cloud-init runs, as plain text. A change stops it for a moment and, as cloud-init has it, \
             runs only on a new instance.",
        )
        .rule(user_data),
        attribute("iam_instance_profile", Type::String { max: 128 }, "The instance profile's name.").rule(
            |name| {
                // IAM, API_CreateInstanceProfile.
                let sign = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
                let fits = |name: &str| name.chars().all(sign);
                form("instance profile's name", name, fits, "use letters, digits and _ + = , . @ -")
            },
        ),
        attribute(
            "root_volume",
            Type::Block(root_volume()),
            "The root volume, where the image's does not do.",
        )
        .rule(volume_rule)
        .api(&["block_device_mappings"]),
        attribute("metadata_options", Type::Block(metadata_options()), "The instance metadata service."),
        attribute("monitoring", Type::Bool, "`true` for metrics every minute."),
        attribute(
            "ebs_optimized",
            Type::Bool,
            "A dedicated connection to volumes, where not the default. A \
             change stops it for a moment.",
        ),
        attribute("private_ip_address", Type::string(), "A fixed private address.").rule(address).replaces(),
        attribute(
            "associate_public_ip_address",
            Type::Bool,
            "Whether it is launched with a public address; the \
             subnet decides if not given.",
        )
        .replaces()
        .api(&["network_interfaces"]),
        attribute(
            "instance_initiated_shutdown_behavior",
            Type::Choice(&["stop", "terminate"]),
            "What a shutdown from inside does.",
        ),
        attribute("state", Type::Choice(&["running", "stopped"]), "Whether it runs.")
            .default("running")
            .api(NOT_AT_CREATE),
        tags_attribute(&["tag_specifications"]),
    ]
}

/// The root volume's attributes. Its encryption cannot change; the others change while the volume is in use,
/// and its size can only grow (API_ModifyVolume).
fn root_volume() -> Vec<Attribute> {
    let mut attributes = volume();
    for attribute in &mut attributes {
        if matches!(attribute.name, "encrypted" | "kms_key") {
            attribute.on_change = crate::kind::schema::OnChange::Replace;
        }
    }
    attributes
}
