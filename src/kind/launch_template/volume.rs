//! The schema of a launch template's block devices and an instance's root volume. Makes no call.

use super::schema::count;
use crate::kind::schema::{Attribute, Type, Wrong, attribute};
use crate::value::Value;

/// The volume attributes that a template's devices and an instance's root volume share.
pub fn volume() -> Vec<Attribute> {
    let types = &["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"];
    vec![
        attribute("size", Type::Integer { min: 1, max: 65_536 }, "GiB."),
        attribute("type", Type::Choice(types), "The volume type."),
        attribute("iops", Type::Integer { min: 100, max: 256_000 }, "I/O operations a second."),
        attribute("throughput", Type::Integer { min: 125, max: 2000 }, "MiB a second, of gp3."),
        attribute("encrypted", Type::Bool, "Whether it is encrypted."),
        attribute("kms_key", Type::string(), "The key's ARN; the account's default one if not given."),
        attribute("delete_on_termination", Type::Bool, "Whether it goes with its instance."),
    ]
}

pub fn block_device() -> Vec<Attribute> {
    let mut attributes = vec![
        attribute("device_name", Type::string(), "Such as /dev/xvda.").required(),
        attribute("virtual_name", Type::string(), "An instance store volume, such as ephemeral0."),
        attribute("no_device", Type::Bool, "`true` leaves out a device that the image has.").default(false),
        attribute("snapshot", Type::string(), "The id of the snapshot that it is made from."),
        attribute(
            "volume_initialization_rate",
            Type::Integer { min: 100, max: 300 },
            "MiB a second at which a snapshot is loaded.",
        ),
        count("ebs_card_index", 16, "Of types with several EBS cards."),
    ];
    attributes.extend(volume());
    attributes
}

/// Limits of GiB and IOPS for each type of volume; types with `None` have no IOPS to choose ([model]
/// EbsBlockDevice).
type Limits = (&'static str, [u32; 2], Option<[u32; 2]>);
const VOLUMES: [Limits; 7] = [
    ("gp2", [1, 16_384], None),
    ("gp3", [1, 65_536], Some([3000, 80_000])),
    ("io1", [4, 16_384], Some([100, 64_000])),
    ("io2", [4, 65_536], Some([100, 256_000])),
    ("st1", [125, 16_384], None),
    ("sc1", [125, 16_384], None),
    ("standard", [1, 1024], None),
];

/// Checks the limits of a type of volume ([model] EbsBlockDevice); a block without a type takes the
/// snapshot's.
pub fn volume_rule(volume: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    // API_CreateVolume, KmsKeyId.
    if !volume.get("kms_key").is_null() && matches!(volume.get("encrypted"), Value::Null | Value::Bool(false))
    {
        wrong.push((
            "kms_key",
            "a volume with a key of its own is encrypted".to_owned(),
            "write `encrypted = true`".to_owned(),
        ));
    }
    let written = volume.get("type").as_str();
    let Some((name, sizes, iops)) = VOLUMES.into_iter().find(|(name, ..)| Some(*name) == written) else {
        return wrong;
    };
    for (member, range, unit) in [("size", Some(sizes), " GiB"), ("iops", iops, " IOPS")] {
        let Some(number) = volume.get(member).as_number() else { continue };
        match range {
            Some([least, most]) if !(f64::from(least)..=f64::from(most)).contains(&number) => {
                let message = format!("{number}{unit} are not for a volume of type {name}");
                wrong.push((member, message, format!("choose from {least} to {most}")));
            }
            None => {
                wrong.push((member, format!("`iops` is not for a volume of type {name}"), TAKE.to_owned()))
            }
            _ => {}
        }
    }
    if matches!(name, "io1" | "io2") && volume.get("iops").is_null() {
        wrong.push((
            "iops",
            format!("a volume of type {name} needs its `iops`"),
            "write `iops = 3000`".to_owned(),
        ));
    }
    if name != "gp3" && !volume.get("throughput").is_null() {
        wrong.push((
            "throughput",
            format!("`throughput` is not for a volume of type {name}"),
            TAKE.to_owned(),
        ));
    }
    wrong
}

const TAKE: &str = "take it away";

/// Checks that a device is exactly one of a volume, an instance store, or left out ([model]
/// BlockDeviceMapping).
pub fn device_rule(device: &Value) -> Vec<Wrong> {
    let says = |name: &str| !device.get(name).is_null();
    let left_out = device.get("no_device").as_bool() == Some(true);
    let other = match says("virtual_name") {
        true if left_out => Some("virtual_name"),
        false if !left_out => return Vec::new(),
        _ => None,
    };
    let beside = ["device_name", "virtual_name", "no_device"];
    let of_volume = block_device().into_iter().map(|one| one.name).filter(|name| !beside.contains(name));
    let wrong = other.into_iter().chain(of_volume.filter(|name| says(name)));
    wrong
        .map(|name| (name, format!("`{name}` is only for a device that is a volume"), TAKE.to_owned()))
        .collect()
}
