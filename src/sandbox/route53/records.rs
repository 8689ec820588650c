//! Record sets: a batch of changes is made whole or not at all (API_ChangeResourceRecordSets).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{changes, full, invalid, order, zones};
use crate::api::{Actions, Call, Params, Refusal};

/// The calls about record sets, by name.
pub const ACTIONS: Actions = &[("ChangeResourceRecordSets", change), ("ListResourceRecordSets", list)];

/// Items of a page at most (API_ListResourceRecordSets).
const PAGE: usize = 300;

/// What tells record sets of a zone apart, in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Labels from the last to the first.
    name: Vec<String>,
    kind: String,
    identifier: Option<String>,
}

impl Key {
    pub fn of(name: &str, kind: &str, identifier: Option<String>) -> Self {
        Self { name: order(name), kind: kind.to_owned(), identifier }
    }
}

/// A record set, in the form of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Set(pub Value);

/// The members that make a set one of several of its name and type.
const POLICIES: [&str; 7] = [
    "Weight",
    "Region",
    "GeoLocation",
    "Failover",
    "MultiValueAnswer",
    "CidrRoutingConfig",
    "GeoProximityLocation",
];

/// A record set of a request.
fn read(given: &Params, zone: &str) -> Result<(Key, Set), String> {
    let (name, kind) = (full(&given.needed("Name")), given.needed("Type"));
    let identifier = given.given("SetIdentifier");
    let told = format!("name='{name}', type='{kind}'");
    if name != zone && !name.ends_with(&format!(".{zone}")) {
        return Err(format!("RRSet with DNS name {name} is not permitted in zone {zone}"));
    }
    let policies = POLICIES.iter().filter(|policy| given.has(policy)).count();
    match (&identifier, policies) {
        (None, 0) | (Some(_), 1) => {}
        (Some(_), 0) => {
            return Err(format!("Missing field that tells the routing policy in the set [{told}]"));
        }
        (None, _) => return Err(format!("Missing field 'SetIdentifier' in RRSet [{told}]")),
        _ => return Err(format!("Only one routing policy may be specified in RRSet [{told}]")),
    }
    let mut set = given.value().clone();
    set["Name"] = json!(name);
    match (given.child("AliasTarget"), given.has("ResourceRecords"), given.has("TTL")) {
        (Some(alias), false, false) => {
            set["AliasTarget"]["DNSName"] = json!(full(&alias.needed("DNSName")));
            if kind == "CNAME" && name == zone {
                return Err(format!(
                    "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
                ));
            }
        }
        (None, true, true) => {
            let values: Vec<String> =
                given.items("ResourceRecords").iter().map(|one| one.needed("Value")).collect();
            for value in &values {
                check(&kind, value)?;
            }
            let twice = values.iter().enumerate().any(|(at, value)| values[..at].contains(value));
            if twice {
                return Err(format!("Duplicate Resource Record in RRSet [{told}]"));
            }
            if kind == "CNAME" && values.len() > 1 {
                return Err(format!(
                    "RRSet with DNS name {name}, type CNAME contains more than one resource record"
                ));
            }
            if kind == "CNAME" && name == zone {
                return Err(format!(
                    "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
                ));
            }
        }
        (Some(_), _, _) => {
            return Err(format!(
                "AliasTarget must not be combined with TTL or ResourceRecords in RRSet [{told}]"
            ));
        }
        (None, false, _) => return Err(format!("Missing field 'ResourceRecords' in RRSet [{told}]")),
        (None, true, false) => return Err(format!("Missing field 'TTL' in RRSet [{told}]")),
    }
    Ok((Key::of(&name, &kind, identifier), Set(set)))
}

/// The form of a value (developer guide, ResourceRecordTypes).
fn check(kind: &str, value: &str) -> Result<(), String> {
    let fits = match kind {
        "A" => value.parse::<std::net::Ipv4Addr>().is_ok(),
        "AAAA" => value.parse::<std::net::Ipv6Addr>().is_ok(),
        "TXT" | "SPF" => value.starts_with('"') && value.ends_with('"') && value.len() > 1,
        "MX" => value.split_once(' ').is_some_and(|(priority, _)| priority.parse::<u16>().is_ok()),
        "SRV" => value.split(' ').count() == 4,
        "CNAME" | "NS" | "PTR" => !value.contains(' '),
        _ => true,
    };
    match fits {
        true => Ok(()),
        false if ["TXT", "SPF"].contains(&kind) => {
            Err("InvalidCharacterString (Value should be enclosed in quotation marks)".to_owned())
        }
        false => Err(format!("Invalid Resource Record: '{value}' is not a valid value of type {kind}")),
    }
}

/// Whether a CNAME would stand beside another type of the same name, or sets with and without a policy beside
/// each other.
fn conflicts(key: &Key, set: &Set, sets: &BTreeMap<Key, Set>) -> Option<String> {
    let named = &set.0["Name"];
    let beside = sets.keys().filter(|other| other.name == key.name && *other != key);
    for other in beside {
        if other.kind != key.kind && (other.kind == "CNAME" || key.kind == "CNAME") {
            return Some(format!(
                "RRSet of type {} with DNS name {named} is not permitted because a conflicting RRSet of type {} with the \
                 same DNS name already exists",
                key.kind, other.kind
            ));
        }
        if other.kind == key.kind && other.identifier.is_some() != key.identifier.is_some() {
            return Some(format!(
                "RRSet with DNS name {named}, type {} cannot be created as a non-simple and a simple record set exist \
                 with the same name and type",
                key.kind
            ));
        }
    }
    None
}

/// API_ChangeResourceRecordSets: `InvalidChangeBatch` for any change that cannot be made.
fn change(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let batch = params.child("ChangeBatch").unwrap_or_default();
    let zone = zones::zone(call.state, &params.needed("Id"))?;
    let (name, mut sets, mut wrong) = (zone.name.clone(), zone.sets.clone(), Vec::new());
    for change in batch.items("Changes") {
        let given = change.child("ResourceRecordSet").unwrap_or_default();
        let told = format!("[name='{}', type='{}'", full(&given.needed("Name")), given.needed("Type"));
        let (key, set) = match read(&given, &name) {
            Ok(read) => read,
            Err(why) => {
                wrong.push(why);
                continue;
            }
        };
        let told = match &key.identifier {
            Some(identifier) => format!("{told}, set-identifier='{identifier}']"),
            None => format!("{told}]"),
        };
        match (change.needed("Action").as_str(), sets.get(&key)) {
            ("CREATE", Some(_)) => {
                wrong.push(format!("Tried to create resource record set {told} but it already exists"));
            }
            ("DELETE", None) => {
                wrong.push(format!("Tried to delete resource record set {told} but it was not found"));
            }
            ("DELETE", Some(standing)) if same(standing, &set) => {
                sets.remove(&key);
            }
            ("DELETE", Some(_)) => wrong.push(format!(
                "Tried to delete resource record set {told} but the values provided do not match the current values"
            )),
            _ => {
                sets.insert(key.clone(), set.clone());
            }
        }
        if sets.contains_key(&key) {
            wrong.extend(conflicts(&key, &set, &sets));
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::new("InvalidChangeBatch", format!("[{}]", wrong.join(", "))));
    }
    zone.sets = sets;
    Ok(json!({ "ChangeInfo": changes::made(call, batch.given("Comment")) }))
}

/// Whether two sets are the same: texts of a request are compared with those that are kept.
fn same(one: &Set, other: &Set) -> bool {
    let normal = |set: &Set| {
        let mut records: Vec<String> = Params::from_json(set.0.clone())
            .items("ResourceRecords")
            .iter()
            .map(|record| record.needed("Value"))
            .collect();
        records.sort();
        let members = set.0.as_object().into_iter().flatten().filter(|(name, _)| *name != "ResourceRecords");
        let members: BTreeMap<String, String> =
            members.map(|(name, value)| (name.clone(), plain(value).to_string())).collect();
        (records, members)
    };
    normal(one) == normal(other)
}

/// A value with every number and flag as a text, and members in order.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, one)| (name, plain(one))).collect();
            json!(members)
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => crate::wire::text(other).map_or(Value::Null, Value::from),
    }
}

/// API_ListResourceRecordSets: from a name, a type and an identifier on.
fn list(call: &mut Call) -> Result<Value, Refusal> {
    let (size, params) = (zones::size(call, PAGE)?, call.params);
    let (name, kind) = (params.given("name"), params.given("type"));
    if name.is_none() && kind.is_some() {
        return Err(invalid("The type can be specified only together with the name."));
    }
    let from = name.map(|name| Key::of(&full(&name), &kind.unwrap_or_default(), params.given("identifier")));
    let zone = zones::zone(call.state, &params.needed("Id"))?;
    let mut sets = zone.sets.iter().filter(|(key, _)| from.as_ref().is_none_or(|from| *key >= from));
    let page: Vec<Value> = sets.by_ref().take(size).map(|(_, set)| set.0.clone()).collect();
    let next = sets.next().map(|(_, set)| &set.0);
    Ok(json!({
        "ResourceRecordSets": page, "IsTruncated": next.is_some(), "MaxItems": size,
        "NextRecordName": next.map(|set| &set["Name"]), "NextRecordType": next.map(|set| &set["Type"]),
        "NextRecordIdentifier": next.and_then(|set| set.get("SetIdentifier")),
    }))
}
