//! Checks that the subnets have room for the new fleet, and that their zones offer its instance types.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, LocationType};

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::preflight::{Begins, Finding};
use crate::value::Value;

/// The zone of each subnet, and its number of free addresses.
type Subnets = BTreeMap<String, (String, u32)>;

/// Makes two calls, whatever the number of rollouts.
///
/// # Errors
/// When EC2 cannot be asked.
pub(super) async fn look(cloud: &Cloud, begins: &[&Begins<'_>]) -> Result<Vec<Finding>, Error> {
    let raises: Vec<&Begins<'_>> = begins.iter().copied().filter(|one| one.raises).collect();
    let ids: BTreeSet<String> = raises.iter().flat_map(|one| of(one)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let answer = cloud
        .read(Service::Ec2, "DescribeSubnets", || {
            cloud.ec2.describe_subnets().set_subnet_ids(Some(ids.clone())).send()
        })
        .await?;
    let subnets: Subnets = answer
        .subnets()
        .iter()
        .filter_map(|subnet| {
            let free = subnet.available_ip_address_count().unwrap_or_default().unsigned_abs();
            Some((subnet.subnet_id()?.to_owned(), (subnet.availability_zone()?.to_owned(), free)))
        })
        .collect();
    let offered = offered(cloud, raises.iter().flat_map(|one| types(one)).collect()).await?;
    let found = raises.iter().flat_map(|one| {
        let mine: Subnets =
            of(one).into_iter().filter_map(|id| Some((id.clone(), subnets.get(&id)?.clone()))).collect();
        [addresses(one, &mine), zones(one, &mine, &offered)]
    });
    Ok(found.flatten().collect())
}

/// The group's subnets whose ids are known.
fn of(one: &Begins<'_>) -> Vec<String> {
    let subnets = one.fleet.inputs.get("subnets").and_then(Value::as_list).unwrap_or_default();
    subnets.iter().filter_map(|subnet| subnet.as_str().map(str::to_owned)).collect()
}

/// The instance types that the group may launch.
fn types(one: &Begins<'_>) -> BTreeSet<String> {
    let overrides = one.fleet.inputs.get("mixed_instances").map(|mixed| mixed.get("override"));
    let overrides = overrides.and_then(Value::as_list).unwrap_or_default();
    let named: BTreeSet<String> =
        overrides.iter().filter_map(|one| one.get("instance_type").as_str().map(str::to_owned)).collect();
    match named.is_empty() {
        true => one
            .source
            .inputs
            .get("instance_type")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .into_iter()
            .collect(),
        false => named,
    }
}

/// The zones that offer each type.
async fn offered(
    cloud: &Cloud,
    types: BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let mut zones: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if types.is_empty() {
        return Ok(zones);
    }
    let wanted =
        Filter::builder().name("instance-type").set_values(Some(types.into_iter().collect())).build();
    let mut token = None;
    loop {
        let page = cloud
            .read(Service::Ec2, "DescribeInstanceTypeOfferings", || {
                let describe = cloud.ec2.describe_instance_type_offerings().filters(wanted.clone());
                describe.location_type(LocationType::AvailabilityZone).set_next_token(token.clone()).send()
            })
            .await?;
        for one in page.instance_type_offerings() {
            if let (Some(name), Some(zone)) = (one.instance_type(), one.location()) {
                zones.entry(name.as_str().to_owned()).or_default().insert(zone.to_owned());
            }
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(zones);
        }
    }
}

/// Checks that the subnets have an address for every instance to launch.
fn addresses(one: &Begins<'_>, subnets: &Subnets) -> Option<Finding> {
    let free: u32 = subnets.values().map(|(_, free)| free).sum();
    let wanted = one.launches;
    (!subnets.is_empty() && free < wanted).then(|| Finding {
        address: one.fleet.address.clone(),
        refuses: true,
        message: format!(
            "its subnets have {free} free addresses, and {wanted} instances will be launched beside the running ones"
        ),
        help: "give it larger subnets, or scale the live colour in before".to_owned(),
        page: "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html",
    })
}

/// Checks that each zone offers one of the types. If some do not, their share goes to the other zones, unless
/// the group must keep its balance.
fn zones(
    one: &Begins<'_>,
    subnets: &Subnets,
    offered: &BTreeMap<String, BTreeSet<String>>,
) -> Option<Finding> {
    let types = types(one);
    let zones: BTreeSet<&str> = subnets.values().map(|(zone, _)| zone.as_str()).collect();
    if types.is_empty() || zones.is_empty() {
        return None;
    }
    let has =
        |zone: &str| types.iter().any(|name| offered.get(name).is_some_and(|zones| zones.contains(zone)));
    let (with, without): (Vec<&str>, Vec<&str>) = zones.into_iter().partition(|zone| has(zone));
    if without.is_empty() {
        return None;
    }
    let types = types.into_iter().collect::<Vec<_>>().join(", ");
    let balanced = one.fleet.inputs.get("availability_zone_distribution").and_then(Value::as_str)
        == Some("balanced-only");
    let lacking = without.join(", ");
    Some(Finding {
        address: one.fleet.address.clone(),
        refuses: with.is_empty() || balanced,
        message: match (with.is_empty(), balanced) {
            (true, _) => format!("{types} is offered in none of its subnets' zones ({lacking})"),
            (_, true) => {
                format!("{types} is not offered in {lacking}, and the group keeps its zones balanced")
            }
            _ => format!(
                "{types} is not offered in {lacking}: launches fail there first, and then go to another zone"
            ),
        },
        help: format!("leave out the subnets in {lacking}, or choose a type that is offered there"),
        page: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-discovery.html",
    })
}
