//! Mistakes in a launch template that no single attribute's type shows. EC2 keeps most of such data without a
//! look and refuses it at the launch. Comes in: canonical inputs that may hold unknowns. Goes out: attribute,
//! message, help. Makes no call.

use crate::kind::schema::Wrong;
use crate::value::{Object, Value};

pub fn check(inputs: &Object) -> Vec<Wrong> {
    let get = |name: &str| inputs.get(name).unwrap_or(&Value::Null);
    let mut found = Vec::new();
    let mut wrong =
        |attribute, message: String, help: &str| found.push((attribute, message, help.to_owned()));
    let interfaces = get("network_interface").as_list().unwrap_or_default();
    if !get("security_groups").is_null() && !get("network_interface").is_null() {
        // API_RequestLaunchTemplateData: groups belong to the interfaces where there are some.
        let message = "a template with `network_interface` blocks takes its security groups there".to_owned();
        wrong("security_groups", message, "move `security_groups` into the block");
    }
    // [model] InstanceNetworkInterfaceSpecification.
    let public = |one: &Value| one.get("associate_public_ip_address").as_bool() == Some(true);
    if interfaces.len() > 1 && interfaces.iter().any(public) {
        let message =
            "an instance with several network interfaces is not launched with a public address".to_owned();
        wrong("network_interface", message, "take `associate_public_ip_address` away, or the other blocks");
    }
    let place = |one: &Value| {
        let number = |name: &str| one.get(name).as_number();
        Some((number("device_index")? as i64, number("network_card_index").unwrap_or_default() as i64))
    };
    let places: Vec<_> = interfaces.iter().filter_map(place).collect();
    if (1..places.len()).any(|at| places.iter().take(at).any(|one| Some(one) == places.get(at))) {
        let message = "two network interfaces have the same `device_index`".to_owned();
        wrong("network_interface", message, "number them from 0");
    }
    // [model] LaunchTemplateEnclaveOptionsRequest, SpotMarketOptions.
    let is = |name: &str| get(name).as_bool() == Some(true);
    if is("hibernation") && is("enclave") {
        let message = "an instance that can hibernate runs no enclaves".to_owned();
        wrong("enclave", message, "take `enclave` or `hibernation` away");
    }
    let interruption = get("spot").get("instance_interruption_behavior").as_str();
    if is("hibernation") && matches!(interruption, Some("stop" | "terminate")) {
        let message = "a spot instance that can hibernate does so when it is interrupted".to_owned();
        wrong("spot", message, "write `instance_interruption_behavior = \"hibernate\"`, or leave it out");
    }
    if metadata_tells_tags(inputs) {
        found.extend(told_tags("instance_tags", inputs));
    }
    found
}

pub fn metadata_tells_tags(inputs: &Object) -> bool {
    let options = inputs.get("metadata_options").unwrap_or(&Value::Null);
    options.get("instance_metadata_tags").as_str() == Some("enabled")
}

/// Keys of tags that the metadata service tells are parts of a path (EC2 users' guide, work-with-tags-in-IMDS).
pub fn told_tags(attribute: &'static str, inputs: &Object) -> Option<Wrong> {
    let sign = |c: char| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c);
    let bad = |key: &&String| !key.chars().all(sign) || matches!(key.as_str(), "." | ".." | "_index");
    let key = inputs.get(attribute)?.as_object()?.keys().find(bad)?;
    let message = format!("the metadata service cannot tell a tag with the key `{key}`");
    let help = "use letters, digits and + - = . , _ : @ in the key, or write `instance_metadata_tags = \"disabled\"`";
    Some((attribute, message, help.to_owned()))
}

/// Checks one network interface ([model] InstanceNetworkInterfaceSpecification).
pub fn interface(one: &Value) -> Vec<Wrong> {
    let mut found = Vec::new();
    let number = |name: &str| one.get(name).as_number();
    if number("device_index") == Some(0.0) && number("network_card_index").is_some_and(|card| card > 0.0) {
        let message = "the first network interface is on the first network card".to_owned();
        found.push(("network_card_index", message, "write `network_card_index = 0`".to_owned()));
    }
    if one.get("associate_public_ip_address").as_bool() == Some(true)
        && number("device_index").is_some_and(|index| index > 0.0)
    {
        let message = "only the first network interface gets a public address".to_owned();
        found.push(("associate_public_ip_address", message, "write `device_index = 0`".to_owned()));
    }
    let addresses = [
        "associate_public_ip_address",
        "private_ip_address",
        "secondary_private_ip_address_count",
        "ipv6_address_count",
        "primary_ipv6",
    ];
    if one.get("interface_type").as_str() == Some("efa-only")
        && let Some(name) = addresses.into_iter().find(|name| !one.get(name).is_null())
    {
        let message = format!("an interface of type efa-only has no addresses, and here is `{name}`");
        found.push((name, message, "take it away, or write `interface_type = \"efa\"`".to_owned()));
    }
    found
}

/// Cores and threads come together ([model] CpuOptionsRequest).
pub fn cores(options: &Value) -> Vec<Wrong> {
    let has = |name: &str| !options.get(name).is_null();
    let missing = match (has("core_count"), has("threads_per_core")) {
        (true, false) => "threads_per_core",
        (false, true) => "core_count",
        _ => return Vec::new(),
    };
    let message = "`core_count` and `threads_per_core` come together".to_owned();
    vec![("", message, format!("add `{missing}`"))]
}

/// A template names one target, or says how it is chosen (API_LaunchTemplateCapacityReservationSpecificationRequest,
/// API_CapacityReservationTarget).
pub fn reservation(reservation: &Value) -> Vec<Wrong> {
    let has = |name: &str| !reservation.get(name).is_null();
    if has("id") && has("resource_group_arn") {
        let message = "one reservation is named, or a group of them".to_owned();
        return vec![("id", message, "take `id` or `resource_group_arn` away".to_owned())];
    }
    let chosen = reservation.get("preference").as_str().filter(|one| matches!(*one, "open" | "none"));
    match chosen.filter(|_| has("id") || has("resource_group_arn")) {
        Some(chosen) => {
            let message = format!("a reservation is named, and the preference `{chosen}` names none");
            vec![("preference", message, "take `preference` away".to_owned())]
        }
        None => Vec::new(),
    }
}

/// [model] Placement.
pub fn placement(placement: &Value) -> Vec<Wrong> {
    let tenancy = placement.get("tenancy").as_str().unwrap_or("host");
    let named =
        ["host_resource_group_arn", "host_id"].into_iter().find(|name| !placement.get(name).is_null());
    match named.filter(|_| tenancy != "host") {
        Some(name) => {
            let message =
                format!("`{name}` is for instances on dedicated hosts, and these have tenancy {tenancy}");
            vec![("tenancy", message, "write `tenancy = \"host\"`, or leave it out".to_owned())]
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    fn told(inputs: Value) -> usize {
        check(inputs.as_object().expect("an object")).len()
    }

    #[test]
    fn what_ec2_refuses_at_a_launch_is_told_before() {
        let blocks = |blocks: Vec<Value>| object! { "network_interface" => blocks };
        let first = object! { "device_index" => 0, "associate_public_ip_address" => true };
        let second = object! { "device_index" => 1 };
        let card = object! { "device_index" => 1, "network_card_index" => 1 };
        assert_eq!(told(blocks(vec![first.clone(), second.clone()])), 1);
        assert_eq!(told(blocks(vec![first])), 0);
        assert_eq!(told(blocks(vec![second.clone(), second.clone()])), 1);
        assert_eq!(told(blocks(vec![second, card])), 0);
        assert_eq!(told(object! { "hibernation" => true, "enclave" => true }), 1);
        let spot = |word: &str| object! { "instance_interruption_behavior" => word };
        assert_eq!(told(object! { "hibernation" => true, "spot" => spot("stop") }), 1);
        assert_eq!(told(object! { "hibernation" => true, "spot" => spot("hibernate") }), 0);
        let tells = |word: &str, key: &str| {
            let mut tags = Object::new();
            tags.insert(key.to_owned(), "x".into());
            let options = object! { "instance_metadata_tags" => word };
            told(object! { "metadata_options" => options, "instance_tags" => Value::Object(tags) })
        };
        let keys = ["a b", "a/b", "..", "_index", "team", "cost:center"];
        assert_eq!(keys.map(|key| tells("enabled", key)), [1, 1, 1, 1, 0, 0]);
        assert_eq!(keys.map(|key| tells("disabled", key)), [0; 6]);
    }

    #[test]
    fn what_one_block_cannot_be_is_told() {
        let nothing = |found: Vec<Wrong>| assert!(found.is_empty(), "{found:?}");
        let one = |found: Vec<Wrong>| assert_eq!(found.len(), 1, "{found:?}");
        one(interface(&object! { "device_index" => 0, "network_card_index" => 1 }));
        one(interface(&object! { "device_index" => 1, "associate_public_ip_address" => true }));
        one(interface(&object! { "interface_type" => "efa-only", "ipv6_address_count" => 1 }));
        nothing(interface(&object! { "interface_type" => "efa", "ipv6_address_count" => 1 }));
        one(cores(&object! { "core_count" => 2 }));
        nothing(cores(&object! { "core_count" => 2, "threads_per_core" => 1 }));
        nothing(cores(&object! { "amd_sev_snp" => "enabled" }));
        one(reservation(&object! { "id" => "cr-1", "resource_group_arn" => "arn:x" }));
        one(reservation(&object! { "id" => "cr-1", "preference" => "open" }));
        nothing(reservation(&object! { "id" => "cr-1" }));
        one(placement(&object! { "host_id" => "h-1", "tenancy" => "dedicated" }));
        nothing(placement(&object! { "host_id" => "h-1", "tenancy" => "host" }));
    }
}
