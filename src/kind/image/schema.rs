//! The schema of an `image` block.

use std::sync::LazyLock;

use crate::kind::schema::{NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};

const DAY: u64 = 86_400;

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema {
    kind: "image",
    doc: "An image baked from an instance: started if it is stopped, updated by commands through Systems \
          Manager, stopped again, copied. What was baked once from the same source in the same way is not \
          baked again. The source needs an instance profile that allows Systems Manager.",
    attributes: vec![
        attribute("source", Type::id_of(&["instance"]), "The instance that is copied.")
            .required()
            .replaces()
            .api(&["instance_id"]),
        attribute(
            "name",
            Type::String { max: 119 },
            "The beginning of the name. It ends in the hash of the baked content, since EC2 takes each name once.",
        )
        .required()
        .replaces(),
        attribute(
            "run",
            Type::Text { max: 65_536 }.list(),
            "Shell commands, run in one script that ends at the first one that fails.",
        )
        .default(Vec::<String>::new())
        .replaces()
        .api(NOT_AT_CREATE),
        attribute("description", Type::String { max: 255 }, "What it is."),
        attribute(
            "no_reboot",
            Type::Bool,
            "`true` copies a running source without a reboot: its file systems may then be torn.",
        )
        .default(false)
        .replaces(),
        attribute(
            "ready_timeout",
            Type::Duration { min: 1, max: DAY },
            "How long the source may take until Systems Manager reaches it.",
        )
        .default_seconds(600)
        .api(NOT_AT_CREATE),
        attribute(
            "command_timeout",
            Type::Duration { min: 1, max: 2 * DAY },
            "How long the commands may take altogether.",
        )
        .default_seconds(3600)
        .api(NOT_AT_CREATE),
        attribute(
            "available_timeout",
            Type::Duration { min: 1, max: 2 * DAY },
            "How long the copy may take.",
        )
        .default_seconds(7200)
        .api(NOT_AT_CREATE),
        tags_attribute(&["tag_specifications"]),
    ],
    outputs: vec![
        output("id", "The id."),
        output("arn", "The ARN."),
        output("name", "The name that EC2 knows it by."),
        output("bake", "The hash of what was baked."),
        output("architecture", "Such as x86_64 or arm64."),
        output("root_device_name", "Such as /dev/xvda."),
        output("snapshots", "The ids of its snapshots."),
        output("creation_date", "When it was made."),
    ],
    not_offered: &[
        ("dry_run", "`bgform plan` shows what would be done"),
        ("block_device_mappings", "an image has its source's volumes: change them there"),
        ("snapshot_location", "for sources in a local zone or on an Outpost"),
    ],
    unique: &[],
}
});
