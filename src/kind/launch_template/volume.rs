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
    // EBS users' guide, general-purpose: a quarter of a MiB for each operation, of which there are 3000 at least.
    let number = |member: &str| match volume.get(member) {
        Value::Null => Some(3000.0),
        other => other.as_number(),
    };
    if let (Some(iops), Some(throughput)) = (number("iops"), volume.get("throughput").as_number())
        && name == "gp3"
        && throughput > iops / 4.0
    {
        let message = format!("{throughput} MiB a second are too many for {iops} IOPS");
        wrong.push(("throughput", message, format!("write `iops = {}` or more", throughput * 4.0)));
    }
    // The same guide: so many operations for each GiB. 3000 of gp3 come with every volume.
    let most = match name {
        "gp3" => 500.0,
        "io1" => 50.0,
        _ => 1000.0,
    };
    if let (Some(iops), Some(size)) = (volume.get("iops").as_number(), volume.get("size").as_number())
        && iops > most * size
        && !(name == "gp3" && iops <= 3000.0)
    {
        let message = format!("{iops} IOPS are too many for {size} GiB of type {name}");
        wrong.push(("iops", message, format!("write {} or less, or a larger `size`", most * size)));
    }
    wrong
}

const TAKE: &str = "take it away";

/// Checks that a device is exactly one of a volume, an instance store, or left out ([model]
/// BlockDeviceMapping).
pub fn device_rule(device: &Value) -> Vec<Wrong> {
    let says = |name: &str| !device.get(name).is_null();
    let left_out = device.get("no_device").as_bool() == Some(true);
    // [model] LaunchTemplateEbsBlockDeviceRequest.
    if says("volume_initialization_rate") && !says("snapshot") {
        let message = "only a volume from a snapshot is initialized".to_owned();
        return vec![("volume_initialization_rate", message, "add `snapshot`, or take it away".to_owned())];
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn a_volume_has_only_as_much_as_its_type_and_size_allow() {
        let wrong =
            |volume: Value| volume_rule(&volume).into_iter().map(|(member, ..)| member).collect::<Vec<_>>();
        let gp3 = |size: i32, iops: i32| wrong(object! { "type" => "gp3", "size" => size, "iops" => iops });
        assert_eq!((gp3(1, 3000), gp3(10, 5000)), (vec![], vec![]));
        assert_eq!(gp3(9, 5000), ["iops"]);
        let io1 = |iops: i32| wrong(object! { "type" => "io1", "size" => 10, "iops" => iops });
        assert_eq!((io1(500), io1(501)), (vec![], vec!["iops"]));
        let fast = |throughput: i32| wrong(object! { "type" => "gp3", "throughput" => throughput });
        assert_eq!((fast(750), fast(751)), (vec![], vec!["throughput"]));
        let faster = object! { "type" => "gp3", "size" => 100, "iops" => 8000, "throughput" => 2000 };
        assert!(wrong(faster).is_empty());
    }

    #[test]
    fn only_a_snapshot_is_initialized() {
        let rate = object! { "device_name" => "/dev/sdb", "volume_initialization_rate" => 100 };
        assert_eq!(device_rule(&rate).len(), 1);
        let rate = object! { "snapshot" => "snap-1", "volume_initialization_rate" => 100 };
        assert!(device_rule(&rate).is_empty());
    }
}
