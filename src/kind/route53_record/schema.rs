//! The schema of a `route53_record` block. The members are those of a ResourceRecordSet
//! (API_ResourceRecordSet), which gives their meaning and limits.

use std::sync::LazyLock;

use super::text;
use crate::kind::Named;
use crate::kind::schema::{Attribute, By, Schema, Type, Wrong, attribute, output};
use crate::value::{Object, Value};

/// [model] RRType; SOA records are the zone's own.
const TYPES: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SPF", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
];

/// Attributes that make a record one of several of its name and type.
const POLICIES: [&str; 5] = ["weight", "region", "failover", "multi_value_answer", "geo_location"];

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "route53_record",
    doc: "Records of one name and type in a hosted zone of Route 53: values with a TTL, or an alias of a load \
          balancer. A record that stands already is not overwritten. A change is one call, and waits until all name \
          servers answer with it.",
    attributes: attributes(),
    outputs: vec![
        output("id", "`ZONE/NAME/TYPE`, and `/SET_IDENTIFIER` where it has one."),
        output("name", "The name."),
    ],
    not_offered: &[
        ("change_batch", "made of the block's own attributes"),
        ("traffic_policy_instance_id", "names a traffic policy that writes the record instead of its owner"),
        ("cidr_routing_config", "wants CIDR collections, which bgform does not have"),
        ("geo_proximity_location", "is not offered yet"),
    ],
    unique: &["hosted_zone", "type", "set_identifier", "name"],
});

fn attributes() -> Vec<Attribute> {
    vec![
        attribute("hosted_zone", Type::id_of(&["hosted_zone"]), "The zone that it is in.")
            .required()
            .replaces()
            .api(&["hosted_zone_id"]),
        attribute("name", Type::String { max: 1024 }, "The whole name, such as www.example.com.")
            .required()
            .replaces()
            .normal(|name| match name {
                Value::String(name) => Value::String(text::domain(&name)),
                other => other,
            }),
        attribute("type", Type::Choice(TYPES), "The type of its values.").required().replaces(),
        attribute("ttl", Type::Duration { min: 0, max: 2_147_483_647 }, "How long its values may be kept."),
        attribute(
            "records",
            Type::String { max: 65_536 }.set(),
            "Its values, as the type writes them. A text of TXT is written as it is: bgform puts the quotes.",
        )
        .api(&["resource_records"]),
        attribute("alias", Type::Block(alias()), "Answers with the addresses of something of AWS's.")
            .api(&["alias_target"])
            .normal(target)
            .rule(whole),
        attribute(
            "set_identifier",
            Type::String { max: 128 },
            "Tells it from others of its name and type, which each have a weight or another policy.",
        )
        .default("")
        .may_be_empty()
        .replaces(),
        attribute("weight", Type::Integer { min: 0, max: 255 }, "Its share of the answers among those."),
        attribute("region", Type::String { max: 64 }, "The region of what it names: the fastest answers."),
        attribute("failover", Type::Choice(&["PRIMARY", "SECONDARY"]), "Whether it answers first."),
        attribute("multi_value_answer", Type::Bool, "Whether it is one of up to eight answers at random."),
        attribute("geo_location", Type::Block(place()), "The place of those whom it answers."),
        attribute("health_check", Type::String { max: 64 }, "The id of a health check of Route 53.")
            .api(&["health_check_id"]),
    ]
}

fn alias() -> Vec<Attribute> {
    let balancer = Type::Ref { kinds: &["load_balancer"], by: By::Outputs(&["dns_name", "zone_id"]) };
    vec![
        attribute("load_balancer", balancer, "The load balancer; or write `dns_name` and `zone_id`."),
        attribute("dns_name", Type::String { max: 1024 }, "The name of what it stands for."),
        attribute("zone_id", Type::String { max: 44 }, "The hosted zone of that name."),
        attribute("evaluate_target_health", Type::Bool, "Whether it answers only while that is healthy.")
            .default(false),
    ]
}

fn place() -> Vec<Attribute> {
    vec![
        attribute("continent_code", Type::String { max: 2 }, "Such as EU."),
        attribute("country_code", Type::String { max: 2 }, "Such as DE; * for all others."),
        attribute("subdivision_code", Type::String { max: 3 }, "A state of the United States, such as WA."),
    ]
}

/// An alias of a load balancer is one of its name and zone.
fn target(alias: Value) -> Value {
    let Value::Object(mut members) = alias else { return alias };
    if let Some(Value::Object(balancer)) = members.get("load_balancer") {
        let balancer = balancer.clone();
        members.shift_remove("load_balancer");
        members.extend(balancer);
    }
    if let Some(Value::String(name)) = members.get_mut("dns_name") {
        *name = text::domain(name);
    }
    members.sort_keys();
    Value::Object(members)
}

/// An alias is of a load balancer, or of a name in a zone.
fn whole(alias: &Value) -> Vec<Wrong> {
    let has = |name: &str| !alias.get(name).is_null();
    let wrong = match (has("load_balancer"), has("dns_name"), has("zone_id")) {
        (true, false, false) | (false, true, true) => return Vec::new(),
        (true, ..) => "an alias is of a load balancer or of a name, and this says both",
        (false, false, false) => "an alias says what it stands for",
        (false, false, true) => "an alias of a name says the name",
        (false, true, false) => "an alias of a name says its zone",
    };
    let help = "write `load_balancer = load_balancer.NAME`, or `dns_name` and `zone_id`";
    vec![("alias", wrong.to_owned(), help.to_owned())]
}

/// Mistakes of a record as a whole (API_ResourceRecordSet).
pub fn check(inputs: &Object) -> Vec<Wrong> {
    let has =
        |name: &str| inputs.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""));
    let mut found = Vec::new();
    let mut wrong = |attribute, message: &str, help: &str| {
        found.push((attribute, message.to_owned(), help.to_owned()));
    };
    match (has("alias"), has("records"), has("ttl")) {
        (true, false, false) | (false, true, true) => {}
        (true, true, _) => {
            wrong("records", "an alias has no values of its own", "take `records` or `alias` away")
        }
        (true, false, true) => {
            wrong("ttl", "the TTL of an alias is that of what it stands for", "take `ttl` away")
        }
        (false, true, false) => wrong("ttl", "a record with values needs a TTL", "write `ttl = 300s`"),
        (false, false, _) => {
            wrong(
                "records",
                "it has neither values nor an alias",
                "write `records = [...]`, or an `alias` block",
            );
        }
    }
    let policies: Vec<&str> = POLICIES.into_iter().filter(|policy| has(policy)).collect();
    match (has("set_identifier"), policies.as_slice()) {
        (false, []) | (true, [_]) => {}
        (true, []) => wrong(
            "set_identifier",
            "one of several records needs a weight, or another policy",
            "write `weight = 10`, `region`, `failover`, `multi_value_answer` or `geo_location`",
        ),
        (false, [policy, ..]) => wrong(
            policy,
            "one of several records needs a name that tells it from the others",
            "write `set_identifier = \"blue\"`",
        ),
        (true, [first, ..]) => wrong(first, "a record has one policy", "leave one of them"),
    }
    let of_type = inputs.get("type").and_then(Value::as_str).unwrap_or_default();
    let records = inputs.get("records").and_then(Value::as_list).unwrap_or_default();
    if of_type == "CNAME" && records.len() > 1 {
        wrong("records", "a CNAME has one value", "write one name");
    }
    if has("records") && inputs.get("records").and_then(Value::as_list).is_some_and(<[Value]>::is_empty) {
        wrong("records", "it has no value", "write one at least");
    }
    for record in records {
        if let Some(help) = record.as_str().and_then(|record| text::wrong(of_type, record)) {
            let message = match record.unmark() {
                (Value::String(plain), false) => format!("`{plain}` is no value of type {of_type}"),
                _ => format!("this, which is sensitive, is no value of type {of_type}"),
            };
            wrong("records", &message, help);
        }
    }
    found
}

/// Tells whether two records cannot stand side by side: a CNAME stands alone at its name, and one of several
/// beside no simple one (Route 53 developer guide, ResourceRecordTypes and routing-policy).
pub fn in_the_way(before: &Object, after: &Object) -> bool {
    let same = |name: &str| before.get(name).zip(after.get(name)).is_some_and(|(one, other)| one.same(other));
    let text = |inputs: &Object, name: &str| inputs.get(name).and_then(Value::as_str).map(str::to_owned);
    let is_cname = |inputs: &Object| text(inputs, "type").as_deref() == Some("CNAME");
    let is_simple = |inputs: &Object| text(inputs, "set_identifier").is_none_or(|text| text.is_empty());
    same("hosted_zone")
        && same("name")
        && match same("type") {
            true => is_simple(before) != is_simple(after),
            false => is_cname(before) || is_cname(after),
        }
}

/// The name lies in its zone, and a CNAME not at its top (Route 53 developer guide, ResourceRecordTypes).
pub fn beside(inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(text::domain);
    let zone = inputs.get("hosted_zone").and_then(named).and_then(|zone| text(zone.get("name")));
    let (Some(zone), Some(name)) = (zone, text(inputs.get("name"))) else { return Vec::new() };
    if name != zone && !name.ends_with(&format!(".{zone}")) {
        let message = format!("`{name}` is not in the zone {zone}");
        return vec![("name", message, format!("write the whole name, such as {name}.{zone}"))];
    }
    if name == zone && inputs.get("type").and_then(Value::as_str) == Some("CNAME") {
        let help = "write an `alias` with the type A";
        return vec![(
            "type",
            format!("{zone} is a zone's own name, which cannot be a CNAME"),
            help.to_owned(),
        )];
    }
    Vec::new()
}
