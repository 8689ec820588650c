//! Hosted zones. A private one is one with a VPC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::records::{Key, Set};
use super::{changes, full, invalid, order};
use crate::api::{Actions, Call, Refusal};
use crate::state::{State, Tags};

/// The calls about hosted zones, by name.
pub const ACTIONS: Actions = &[
    ("ChangeTagsForResource", change_tags),
    ("CreateHostedZone", create),
    ("DeleteHostedZone", delete),
    ("GetHostedZone", get),
    ("ListHostedZones", list),
    ("ListHostedZonesByName", list_by_name),
    ("ListTagsForResource", list_tags),
];

/// Items of a page at most (API_ListHostedZones).
const PAGE: usize = 100;

/// A hosted zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    pub id: String,
    /// With the last dot.
    pub name: String,
    pub reference: String,
    pub comment: Option<String>,
    /// The region and the id of a VPC.
    pub vpc: Option<(String, String)>,
    pub tags: Tags,
    #[serde(with = "pairs")]
    pub sets: BTreeMap<Key, Set>,
}

/// A map whose keys are no texts, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Key, Set};

    pub fn serialize<S: Serializer>(map: &BTreeMap<Key, Set>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Key, Set>, D::Error> {
        Ok(Vec::<(Key, Set)>::deserialize(from)?.into_iter().collect())
    }
}

/// The name servers of every zone.
fn servers(id: &str) -> Vec<String> {
    ["com", "net", "org", "co.uk"]
        .iter()
        .zip(1..)
        .map(|(top, n)| format!("ns-{n}.{}.awsdns.{top}", &id[..4].to_lowercase()))
        .collect()
}

/// The zone of a call. `NoSuchHostedZone`.
pub fn zone<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Zone, Refusal> {
    let bare = id.rsplit('/').next().unwrap_or(id);
    state.route53.zones.get_mut(bare).ok_or_else(|| {
        Refusal::new("NoSuchHostedZone", format!("No hosted zone found with ID: {bare}")).status(404)
    })
}

/// API_CreateHostedZone: again with the same reference is `HostedZoneAlreadyExists`. A zone begins with its NS
/// and SOA records.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (name, reference) = (full(&params.needed("Name")), params.needed("CallerReference"));
    if call.state.route53.zones.values().any(|zone| zone.reference == reference) {
        let message = "A hosted zone has already been created with the specified caller reference.";
        return Err(Refusal::new("HostedZoneAlreadyExists", message).status(409));
    }
    let vpc = params.child("VPC").map(|vpc| (vpc.needed("VPCRegion"), vpc.needed("VPCId")));
    let config = params.child("HostedZoneConfig").unwrap_or_default();
    let id = changes::new_id("Z");
    let servers = servers(&id);
    let set = |kind: &str, ttl: u64, values: &[String]| {
        let records: Vec<Value> = values.iter().map(|value| json!({ "Value": value })).collect();
        let shown = json!({ "Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": records });
        (Key::of(&name, kind, None), Set(shown))
    };
    let soa = format!("{}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", servers[0]);
    let sets = BTreeMap::from([set("NS", 172_800, &servers), set("SOA", 900, &[soa])]);
    let made = Zone {
        id: id.clone(),
        name,
        reference,
        comment: config.given("Comment"),
        vpc,
        tags: Tags::new(),
        sets,
    };
    let mut answer = told(&made);
    answer["ChangeInfo"] = changes::made(call, None);
    call.state.route53.zones.insert(id, made);
    Ok(answer)
}

fn shown(zone: &Zone) -> Value {
    json!({
        "Id": format!("/hostedzone/{}", zone.id), "Name": zone.name, "CallerReference": zone.reference,
        "Config": { "Comment": zone.comment, "PrivateZone": zone.vpc.is_some() },
        "ResourceRecordSetCount": zone.sets.len(),
    })
}

/// A zone with its name servers, or its VPCs.
fn told(zone: &Zone) -> Value {
    let vpc = |(region, id): &(String, String)| json!({ "VPCRegion": region, "VPCId": id });
    match &zone.vpc {
        Some(one) => json!({ "HostedZone": shown(zone), "VPCs": [vpc(one)] }),
        None => json!({ "HostedZone": shown(zone), "DelegationSet": { "NameServers": servers(&zone.id) } }),
    }
}

fn get(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("Id");
    Ok(told(zone(call.state, &id)?))
}

/// API_DeleteHostedZone: `HostedZoneNotEmpty` while it has other records than its own.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("Id");
    let zone = zone(call.state, &id)?;
    if zone.sets.len() > 2 {
        let message =
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
        return Err(Refusal::new("HostedZoneNotEmpty", message));
    }
    let id = zone.id.clone();
    call.state.route53.zones.remove(&id);
    Ok(json!({ "ChangeInfo": changes::made(call, None) }))
}

/// The size of a page of a call.
pub fn size(call: &Call, most: usize) -> Result<usize, Refusal> {
    match call.params.given("maxitems").map(|given| given.parse::<usize>()) {
        None => Ok(most),
        Some(Ok(given)) if given > 0 => Ok(given.min(most)),
        Some(_) => Err(invalid("The maxitems value must be a positive integer.")),
    }
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let (size, from) = (size(call, PAGE)?, call.params.given("marker").unwrap_or_default());
    let mut zones = call.state.route53.zones.values().filter(|zone| zone.id >= from);
    let page: Vec<Value> = zones.by_ref().take(size).map(shown).collect();
    let next = zones.next().map(|zone| &zone.id);
    Ok(json!({
        "HostedZones": page, "Marker": call.params.given("marker").unwrap_or_default(), "IsTruncated": next.is_some(),
        "NextMarker": next, "MaxItems": size,
    }))
}

/// API_ListHostedZonesByName: in the order of names, from a name on.
fn list_by_name(call: &mut Call) -> Result<Value, Refusal> {
    let (size, params) = (size(call, PAGE)?, call.params);
    let (name, id) = (params.given("dnsname"), params.given("hostedzoneid"));
    if id.is_some() && name.is_none() {
        return Err(invalid("The hostedzoneid can be specified only together with the dnsname."));
    }
    let from = name.as_ref().map(|name| (order(&full(name)), id.clone().unwrap_or_default()));
    let mut zones: Vec<&Zone> = call.state.route53.zones.values().collect();
    zones.sort_by_key(|zone| (order(&zone.name), &zone.id));
    zones.retain(|zone| from.as_ref().is_none_or(|from| (order(&zone.name), zone.id.clone()) >= *from));
    let next = zones.get(size);
    Ok(json!({
        "HostedZones": zones.iter().take(size).map(|zone| shown(zone)).collect::<Vec<_>>(),
        "DNSName": name, "HostedZoneId": id, "IsTruncated": next.is_some(),
        "NextDNSName": next.map(|zone| &zone.name), "NextHostedZoneId": next.map(|zone| &zone.id),
        "MaxItems": size,
    }))
}

/// The zone whose tags a call is about.
fn tagged<'a>(call: &'a mut Call) -> Result<&'a mut Zone, Refusal> {
    match call.params.needed("ResourceType").as_str() {
        "hostedzone" => zone(call.state, &call.params.needed("ResourceId")),
        other => Err(invalid(format!("The sandbox has no tags of a {other}."))),
    }
}

fn change_tags(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let zone = tagged(call)?;
    let removed = params.texts("RemoveTagKeys");
    zone.tags.retain(|key, _| !removed.contains(key));
    zone.tags.extend(params.items("AddTags").iter().map(|tag| (tag.needed("Key"), tag.needed("Value"))));
    Ok(json!({}))
}

fn list_tags(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let tags: Vec<Value> =
        tagged(call)?.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "ResourceTagSet": {
        "ResourceType": params.needed("ResourceType"), "ResourceId": params.needed("ResourceId"), "Tags": tags,
    }}))
}
