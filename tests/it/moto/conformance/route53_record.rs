use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("a record with values", |world| Box::pin(values(world))),
        Case::new("one of several records", |world| Box::pin(weighted(world))),
    ]
}

/// A zone of the world's own: its domain and its id.
async fn zone(world: &World) -> (String, String) {
    let domain = format!("{}.example", world.lineage);
    let create = world.cloud.route53.create_hosted_zone().name(&domain).caller_reference(&world.lineage);
    let made = create.send().await.expect("a zone").hosted_zone.expect("it");
    (domain, made.id.rsplit('/').next().expect("an id").to_owned())
}

async fn values(world: &World) -> Trial {
    let (domain, zone_id) = zone(world).await;
    let other =
        world.cloud.route53.create_hosted_zone().name(format!("{domain}.")).caller_reference(world.name("2"));
    let other = other.send().await.expect("a zone").hosted_zone.expect("it").id;
    let base = object! {
        "hosted_zone" => zone_id.as_str(), "name" => format!("www.{domain}"), "type" => "A",
        "ttl" => 300, "records" => vec!["192.0.2.1", "192.0.2.2"],
    };
    let alias = object! { "dns_name" => format!("other.{domain}"), "zone_id" => zone_id.as_str(), "evaluate_target_health" => true };
    let text = vec!["v=spf1 \"a\" \\ é -all".to_owned(), "x".repeat(300)];
    Trial::new(base)
        .change("hosted_zone", other.rsplit('/').next().expect("an id"))
        .change("name", format!("*.{domain}"))
        .change_with("type", object! { "type" => "TXT", "records" => text })
        .change("ttl", 60)
        .change("records", vec!["192.0.2.3"])
        .drift("records", vec!["192.0.2.9"], |world, id| {
            Box::pin(async move {
                use aws_sdk_route53::types::{
                    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet,
                };
                let mut parts = id.split('/');
                let (zone, name) = (parts.next().expect("a zone"), parts.next().expect("a name"));
                let record = ResourceRecord::builder().value("192.0.2.9").build().expect("a value");
                let set = ResourceRecordSet::builder().name(name).r#type("A".into()).ttl(300);
                let set = set.resource_records(record).build().expect("a set");
                let change = Change::builder().action(ChangeAction::Upsert).resource_record_set(set);
                let change = change.build().expect("a change");
                let batch = ChangeBatch::builder().changes(change).build().expect("a batch");
                let send = world.cloud.route53.change_resource_record_sets().hosted_zone_id(zone);
                send.change_batch(batch).send().await.expect("changed");
            })
        })
        .change_with("alias", object! { "alias" => alias, "ttl" => Value::Null, "records" => Value::Null })
        .twin(object! { "name" => format!("twin.{domain}") })
        .found_as_it_stands("a record has no tag")
}

async fn weighted(world: &World) -> Trial {
    let (domain, zone_id) = zone(world).await;
    let base = object! {
        "hosted_zone" => zone_id, "name" => format!("www.{domain}"), "type" => "A", "ttl" => 60,
        "records" => vec!["192.0.2.1"], "set_identifier" => "blue", "weight" => 10,
    };
    Trial::new(base)
        .change("set_identifier", "green")
        .change("weight", 0)
        .change_with("region", object! { "weight" => Value::Null, "region" => "eu-west-1" })
        .change_with("failover", object! { "weight" => Value::Null, "failover" => "PRIMARY" })
        .change_with("multi_value_answer", object! { "weight" => Value::Null, "multi_value_answer" => true })
        .change_with(
            "geo_location",
            object! { "weight" => Value::Null, "geo_location" => object! { "country_code" => "DE" } },
        )
        .change("health_check", "00000000-0000-0000-0000-000000000001")
        .no_twin()
        .found_as_it_stands("a record has no tag")
}

#[tokio::test]
async fn a_route53_record_is_what_its_schema_says() {
    conform("route53_record", cases()).await;
}

#[tokio::test]
async fn a_route53_record_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "route53_record", cases()).await;
}
