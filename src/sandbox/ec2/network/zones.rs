//! Zones, regions, and account attributes.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::list::{List, list};
use super::default_vpc;

/// Regions that every account has without opting in (AWS regions user guide).
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

const ZONES: List = List {
    ids: ("", ""),
    answer: "availabilityZoneInfo",
    most: usize::MAX,
    filters: &[
        ("group-long-name", "groupName"),
        ("group-name", "groupName"),
        ("message", ""),
        ("network-border-group", "networkBorderGroup"),
        ("opt-in-status", "optInStatus"),
        ("parent-zone-id", ""),
        ("parent-zone-name", ""),
        ("region-name", "regionName"),
        ("state", "zoneState"),
        ("zone-id", "zoneId"),
        ("zone-name", "zoneName"),
        ("zone-type", "zoneType"),
    ],
};

const LISTED: List = List {
    ids: ("", ""),
    answer: "regionInfo",
    most: usize::MAX,
    filters: &[
        ("endpoint", "regionEndpoint"),
        ("opt-in-status", "optInStatus"),
        ("region-name", "regionName"),
    ],
};

/// API_DescribeAvailabilityZones
pub fn describe_availability_zones(call: &mut Call) -> Result<Value, Refusal> {
    let region = &call.state.region;
    let zones = call.state.zones();
    let (names, zone_ids) = (call.params.texts("ZoneName"), call.params.texts("ZoneId"));
    let unknown = names.iter().find(|name| !zones.iter().any(|(zone, _)| zone == *name));
    let unknown = unknown.or_else(|| zone_ids.iter().find(|id| !zones.iter().any(|(_, zone)| zone == *id)));
    if let Some(unknown) = unknown {
        return Err(Refusal::value(format!("Invalid availability zone: [{unknown}]")));
    }
    let asked = |(zone, id): &&(String, String)| {
        (names.is_empty() || names.contains(zone)) && (zone_ids.is_empty() || zone_ids.contains(id))
    };
    let shown = |(zone, id): &(String, String)| {
        json!({
            "optInStatus": "opt-in-not-required", "messageSet": [], "regionName": region, "zoneName": zone,
            "zoneId": id, "groupName": format!("{region}-zg-1"), "networkBorderGroup": region,
            "zoneType": "availability-zone", "zoneState": "available",
        })
    };
    list(call, &ZONES, zones.iter().filter(asked).map(shown).collect())
}

/// API_DescribeRegions
pub fn describe_regions(call: &mut Call) -> Result<Value, Refusal> {
    let own = call.state.region.as_str();
    let also = (!REGIONS.contains(&own)).then_some(own);
    let regions: Vec<&str> = REGIONS.into_iter().chain(also).collect();
    let names = call.params.texts("RegionName");
    if let Some(unknown) = names.iter().find(|name| !regions.contains(&name.as_str())) {
        return Err(Refusal::value(format!("Invalid region(s): {unknown}")));
    }
    let asked =
        regions.into_iter().filter(|region| names.is_empty() || names.iter().any(|name| name == region));
    let shown = |region: &str| {
        let endpoint = format!("ec2.{region}.amazonaws.com");
        json!({ "optInStatus": "opt-in-not-required", "regionName": region, "regionEndpoint": endpoint })
    };
    list(call, &LISTED, asked.map(shown).collect())
}

/// API_DescribeAccountAttributes
pub fn describe_account_attributes(call: &mut Call) -> Result<Value, Refusal> {
    let default = default_vpc(call.state).map_or("none", |vpc| vpc.id.as_str());
    let attributes = [
        ("supported-platforms", "VPC"),
        ("default-vpc", default),
        ("max-instances", "20"),
        ("vpc-max-security-groups-per-interface", "5"),
        ("max-elastic-ips", "5"),
        ("vpc-max-elastic-ips", "5"),
    ];
    let names = call.params.texts("AttributeName");
    if let Some(unknown) = names.iter().find(|name| !attributes.iter().any(|(known, _)| known == name)) {
        return Err(Refusal::value(format!(
            "Value ({unknown}) for parameter attributeName is invalid. Unknown attribute."
        )));
    }
    let asked = attributes.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|one| one == name));
    let shown: Vec<_> = asked
        .map(|(name, value)| {
            json!({ "attributeName": name, "attributeValueSet": [{ "attributeValue": value }] })
        })
        .collect();
    Ok(json!({ "accountAttributeSet": shown }))
}
