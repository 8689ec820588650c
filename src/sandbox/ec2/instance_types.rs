//! Instance types: the common ones, with their main attributes. Any other name is a type that does not exist.

use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::list::{List, list};

/// The calls about instance types, by name.
pub const ACTIONS: Actions = &[
    ("DescribeInstanceTypes", describe_instance_types),
    ("DescribeInstanceTypeOfferings", describe_instance_type_offerings),
];

const TYPES: List = List {
    ids: ("InstanceType", "instanceType"),
    answer: "instanceTypeSet",
    most: 100,
    filters: &[
        ("bare-metal", "bareMetal"),
        ("burstable-performance-supported", "burstablePerformanceSupported"),
        ("current-generation", "currentGeneration"),
        ("free-tier-eligible", "freeTierEligible"),
        ("hypervisor", "hypervisor"),
        ("instance-storage-supported", "instanceStorageSupported"),
        ("instance-type", "instanceType"),
        ("memory-info.size-in-mib", "memoryInfo.sizeInMiB"),
        ("processor-info.supported-architecture", "processorInfo.supportedArchitectures"),
        ("supported-boot-mode", "supportedBootModes"),
        ("supported-root-device-type", "supportedRootDeviceTypes"),
        ("supported-usage-class", "supportedUsageClasses"),
        ("supported-virtualization-type", "supportedVirtualizationTypes"),
        ("vcpu-info.default-cores", "vCpuInfo.defaultCores"),
        ("vcpu-info.default-threads-per-core", "vCpuInfo.defaultThreadsPerCore"),
        ("vcpu-info.default-vcpus", "vCpuInfo.defaultVCpus"),
    ],
};

const OFFERINGS: List = List {
    ids: ("", ""),
    answer: "instanceTypeOfferingSet",
    most: 1000,
    filters: &[("instance-type", "instanceType"), ("location", "location")],
};

/// Types that differ in size only (EC2 instance types guide).
struct Family {
    name: &'static str,
    arm: bool,
    burstable: bool,
    /// `nitro` or `xen`.
    hypervisor: &'static str,
    threads_per_core: u32,
    /// Size, vCPUs, memory in MiB.
    sizes: &'static [(&'static str, u32, u32)],
}

const fn nitro(
    name: &'static str,
    arm: bool,
    burstable: bool,
    sizes: &'static [(&'static str, u32, u32)],
) -> Family {
    let threads_per_core = if arm { 1 } else { 2 };
    Family { name, arm, burstable, hypervisor: "nitro", threads_per_core, sizes }
}

const BURSTABLE: &[(&str, u32, u32)] = &[
    ("nano", 2, 512),
    ("micro", 2, 1024),
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16384),
    ("2xlarge", 8, 32768),
];
const GENERAL: &[(&str, u32, u32)] =
    &[("large", 2, 8192), ("xlarge", 4, 16384), ("2xlarge", 8, 32768), ("4xlarge", 16, 65536)];
const COMPUTE: &[(&str, u32, u32)] =
    &[("large", 2, 4096), ("xlarge", 4, 8192), ("2xlarge", 8, 16384), ("4xlarge", 16, 32768)];
const MEMORY: &[(&str, u32, u32)] =
    &[("large", 2, 16384), ("xlarge", 4, 32768), ("2xlarge", 8, 65536), ("4xlarge", 16, 131_072)];

const FAMILIES: &[Family] = &[
    Family {
        name: "t2",
        arm: false,
        burstable: true,
        hypervisor: "xen",
        threads_per_core: 1,
        sizes: &[
            ("nano", 1, 512),
            ("micro", 1, 1024),
            ("small", 1, 2048),
            ("medium", 2, 4096),
            ("large", 2, 8192),
            ("xlarge", 4, 16384),
            ("2xlarge", 8, 32768),
        ],
    },
    nitro("t3", false, true, BURSTABLE),
    nitro("t3a", false, true, BURSTABLE),
    nitro("t4g", true, true, BURSTABLE),
    nitro("m5", false, false, GENERAL),
    nitro("m6i", false, false, GENERAL),
    nitro("m7g", true, false, GENERAL),
    nitro("c5", false, false, COMPUTE),
    nitro("c6i", false, false, COMPUTE),
    nitro("c7g", true, false, COMPUTE),
    nitro("r5", false, false, MEMORY),
    nitro("r6i", false, false, MEMORY),
    nitro("r7g", true, false, MEMORY),
];

/// The names of all types.
fn names() -> impl Iterator<Item = String> {
    FAMILIES.iter().flat_map(|family| family.sizes.iter().map(|(size, ..)| format!("{}.{size}", family.name)))
}

/// Tells whether this type exists.
pub fn exists(name: &str) -> bool {
    names().any(|known| known == name)
}

/// API_DescribeInstanceTypes
fn describe_instance_types(call: &mut Call) -> Result<Value, Refusal> {
    let unknown: Vec<_> =
        call.params.texts("InstanceType").into_iter().filter(|name| !exists(name)).collect();
    if !unknown.is_empty() {
        return Err(Refusal::new(
            "InvalidInstanceType",
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
        ));
    }
    let types = FAMILIES.iter().flat_map(|family| family.sizes.iter().map(|size| shown(family, *size)));
    list(call, &TYPES, types.collect())
}

fn shown(family: &Family, (size, vcpus, memory): (&str, u32, u32)) -> Value {
    let name = format!("{}.{size}", family.name);
    let architectures = match (family.arm, family.name) {
        (true, _) => json!(["arm64"]),
        // Only the first burstable family runs 32-bit images.
        (false, "t2") if memory <= 4096 => json!(["i386", "x86_64"]),
        (false, _) => json!(["x86_64"]),
    };
    json!({
        "instanceType": name,
        "currentGeneration": true,
        "freeTierEligible": matches!(name.as_str(), "t2.micro" | "t3.micro"),
        "supportedUsageClasses": ["on-demand", "spot"],
        "supportedRootDeviceTypes": ["ebs"],
        "supportedVirtualizationTypes": ["hvm"],
        "bareMetal": false,
        "hypervisor": family.hypervisor,
        "processorInfo": { "supportedArchitectures": architectures },
        "vCpuInfo": {
            "defaultVCpus": vcpus,
            "defaultCores": vcpus / family.threads_per_core,
            "defaultThreadsPerCore": family.threads_per_core,
        },
        "memoryInfo": { "sizeInMiB": memory },
        "instanceStorageSupported": false,
        "burstablePerformanceSupported": family.burstable,
        "supportedBootModes": if family.arm { json!(["uefi"]) } else { json!(["legacy-bios", "uefi"]) },
    })
}

/// API_DescribeInstanceTypeOfferings: every zone has every type.
fn describe_instance_type_offerings(call: &mut Call) -> Result<Value, Refusal> {
    let by = call.params.text("LocationType").unwrap_or_else(|| "region".to_owned());
    let zones = call.state.zones().into_iter();
    let locations: Vec<String> = match by.as_str() {
        "region" => vec![call.state.region.clone()],
        "availability-zone" => zones.map(|(name, _)| name).collect(),
        "availability-zone-id" => zones.map(|(_, id)| id).collect(),
        _ => {
            return Err(Refusal::value(format!(
                "Value ({by}) for parameter LocationType is invalid. Unknown location type."
            )));
        }
    };
    let offered = names().flat_map(|name| {
        let of = |location| json!({ "instanceType": name, "locationType": by, "location": location });
        locations.iter().map(of).collect::<Vec<_>>()
    });
    list(call, &OFFERINGS, offered.collect())
}
