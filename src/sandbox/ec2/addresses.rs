//! Elastic IP addresses: allocated and released. They lead nowhere.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, new_id};
use super::list::{List, list};
use super::{ids, tags};

/// The calls about addresses, by name.
pub const ACTIONS: Actions =
    &[("AllocateAddress", allocate), ("DescribeAddresses", describe), ("ReleaseAddress", release)];

/// Addresses of a region at most (EC2 user guide, using-instance-addressing-limit).
const MOST: usize = 5;

/// An address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub id: String,
    pub ip: String,
}

const ADDRESSES: List = List {
    ids: ("AllocationId", "allocationId"),
    answer: "addressesSet",
    most: usize::MAX,
    filters: &[
        ("allocation-id", "allocationId"),
        ("association-id", ""),
        ("domain", "domain"),
        ("instance-id", ""),
        ("network-border-group", "networkBorderGroup"),
        ("network-interface-id", ""),
        ("private-ip-address", ""),
        ("public-ip", "publicIp"),
    ],
};

fn shown(state: &State, address: &Address) -> Value {
    json!({
        "allocationId": address.id, "publicIp": address.ip, "domain": "vpc", "publicIpv4Pool": "amazon",
        "networkBorderGroup": state.region, "tagSet": tags::shown(&tags::of(state, &address.id)),
    })
}

/// API_AllocateAddress: one of the range for documentation (RFC 5737).
fn allocate(call: &mut Call) -> Result<Value, Refusal> {
    let given = tags::specified(call.params, "elastic-ip")?;
    let all = &call.state.ec2.addresses;
    if all.len() >= MOST {
        return Err(Refusal::new(
            "AddressLimitExceeded",
            "The maximum number of addresses has been reached.",
        ));
    }
    let free =
        (1..255).map(|last| format!("203.0.113.{last}")).find(|ip| all.values().all(|one| one.ip != *ip));
    let address = Address { id: new_id("eipalloc"), ip: free.unwrap_or_default() };
    tags::set(call.state, &address.id, given);
    let mut answer = shown(call.state, &address);
    answer["tagSet"] = Value::Null;
    call.state.ec2.addresses.insert(address.id.clone(), address);
    Ok(answer)
}

/// API_DescribeAddresses.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let ips = call.params.texts("PublicIp");
    let all = call.state.ec2.addresses.values();
    let asked = all.filter(|one| ips.is_empty() || ips.contains(&one.ip));
    list(call, &ADDRESSES, asked.map(|one| shown(call.state, one)).collect())
}

/// API_ReleaseAddress.
fn release(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("AllocationId");
    call.state.ec2.addresses.shift_remove(&id).ok_or_else(|| ids::not_found(&id))?;
    tags::forget(call.state, &id);
    Ok(json!({ "return": true }))
}
