//! What stands around a service, in a stack on the sandbox: DNS records that stand already or that others change
//! meanwhile, what is secret, and what a plan costs.

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet};
use bgform::cloud::Cloud;

use crate::kit::product::Product;
use crate::kit::wire::is_read;

const STACK: &str = r#"
stack "names" { region = "us-east-1" }

variable "address" {
  type    = string
  default = "192.0.2.1"
}

variable "type" {
  type    = string
  default = "A"
}

existing hosted_zone "main" { name = "names.example" }

route53_record "www" {
  hosted_zone = hosted_zone.main
  name        = "www.names.example"
  type        = var.type
  ttl         = 60s
  records     = [var.address]
}

route53_record "more" {
  for_each    = toset(["a", "b", "c", "d", "e"])
  hosted_zone = hosted_zone.main
  name        = "${each.key}.names.example"
  type        = "TXT"
  ttl         = 60s
  records     = ["${each.key} \"of\" five"]
}
"#;

/// A sandbox with the zone, the stack, and the zone's id.
async fn with_zone() -> (Product, Cloud, String) {
    let product = Product::on_sandbox(&[]);
    let cloud = product.cloud().await;
    let zone = cloud.route53.create_hosted_zone().name("names.example").caller_reference("names");
    let id = zone.send().await.expect("a zone").hosted_zone.expect("it").id;
    product.write("names.deploy", STACK);
    (product, cloud, id.rsplit('/').next().expect("an id").to_owned())
}

/// Somebody else puts an A record.
async fn put(cloud: &Cloud, zone: &str, name: &str, address: &str) {
    let record = ResourceRecord::builder().value(address).build().expect("a value");
    let set = ResourceRecordSet::builder().name(name).r#type("A".into()).ttl(60).resource_records(record);
    let change =
        Change::builder().action(ChangeAction::Upsert).resource_record_set(set.build().expect("a set"));
    let batch = ChangeBatch::builder().changes(change.build().expect("a change")).build().expect("a batch");
    let send = cloud.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    send.send().await.expect("put");
}

/// Names, types and values in the zone, without its own.
async fn records(cloud: &Cloud, zone: &str) -> Vec<String> {
    let found = cloud.route53.list_resource_record_sets().hosted_zone_id(zone).send().await.expect("records");
    let own =
        found.resource_record_sets().iter().filter(|set| !["NS", "SOA"].contains(&set.r#type().as_str()));
    let shown =
        own.map(|set| format!("{} {} {}", set.name(), set.r#type(), set.resource_records()[0].value()));
    shown.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_stands_already_is_refused_and_can_be_imported() {
    let (product, cloud, zone) = with_zone().await;
    put(&cloud, &zone, "www.names.example", "192.0.2.9").await;
    let run = product.run(&["apply", "--auto-approve"]).exits(6);
    run.says("`www.names.example` of type A stands already").says("bgform import 'route53_record.www'");
    assert!(records(&cloud, &zone).await.contains(&"www.names.example. A 192.0.2.9".to_owned()));

    let id = format!("{zone}/www.names.example/A");
    product.run(&["import", "route53_record.www", &id]).exits(0).says("records");
    product.run(&["apply", "--auto-approve"]).exits(0);
    assert!(records(&cloud, &zone).await.contains(&"www.names.example. A 192.0.2.1".to_owned()));
    product.run(&["destroy", "--auto-approve"]).exits(0);
    assert_eq!(records(&cloud, &zone).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn six_records_are_read_in_one_call_and_a_change_of_one_is_one_call() {
    let (product, cloud, zone) = with_zone().await;
    product.run(&["apply", "--auto-approve"]).exits(0).says("6 created");
    product.wire.take();
    product.run(&["plan"]).exits(0).says("Nothing to do");
    let calls = product.wire.take();
    assert_eq!(calls.iter().filter(|call| *call == "ListResourceRecordSets").count(), 1, "{calls:?}");

    product.run(&["apply", "--auto-approve", "--var", "address=192.0.2.2"]).exits(0);
    let calls = product.wire.take();
    let changes: Vec<_> = calls.iter().filter(|call| !is_read(call)).collect();
    assert_eq!(changes, ["ChangeResourceRecordSets"]);
    assert!(records(&cloud, &zone).await.contains(&"www.names.example. A 192.0.2.2".to_owned()));

    // What somebody else has put is shown before it is changed.
    put(&cloud, &zone, "www.names.example", "192.0.2.7").await;
    product.run(&["plan", "--var", "address=192.0.2.2"]).exits(0).says("192.0.2.7");
}

/// A CNAME stands alone: the record before it goes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_becomes_one_of_another_type() {
    let (product, cloud, zone) = with_zone().await;
    product.run(&["apply", "--auto-approve"]).exits(0);
    let to = ["--var", "type=CNAME", "--var", "address=a.names.example"];
    product.run(&[&["apply", "--auto-approve"][..], &to].concat()).exits(0);
    let found = records(&cloud, &zone).await;
    assert!(found.contains(&"www.names.example. CNAME a.names.example".to_owned()), "{found:?}");
    assert_eq!(found.len(), 6, "{found:?}");
    product.run(&[&["plan"][..], &to].concat()).exits(0).says("Nothing to do");
}

#[test]
fn what_route_53_would_refuse_is_told_before_any_call() {
    for (wrong, told) in [
        ("type = \"CNAME\"\n ttl = 60s\n records = [\"a.b\", \"c.d\"]", "a CNAME has one value"),
        ("type = \"A\"\n records = [\"192.0.2.1\"]", "needs a TTL"),
        ("type = \"A\"\n ttl = 60s\n records = [\"www\"]", "no value of type A"),
        ("type = \"TXT\"\n ttl = 60s\n records = [\"\\\"a\\\"\"]", "in quotes"),
        ("type = \"A\"\n ttl = 60s\n records = [\"192.0.2.1\"]\n weight = 1", "set_identifier"),
        ("type = \"A\"", "neither values nor an alias"),
        ("type = \"A\"\n alias { dns_name = \"a.b\" }", "says its zone"),
    ] {
        let product = Product::alone();
        let stack = format!(
            "stack \"names\" {{ region = \"us-east-1\" }}\nexisting hosted_zone \"main\" {{ name = \"names.example\" }}\n\
             route53_record \"www\" {{\n hosted_zone = hosted_zone.main\n name = \"www.names.example\"\n {wrong}\n}}\n"
        );
        product.write("names.deploy", &stack);
        product.run(&["validate"]).exits(2).says(told);
    }
}

const SECRET: &str = r#"
stack "secrets" { region = "us-east-1" }

existing parameter "user" { name = "/shop/user" }
existing parameter "password" { name = "/shop/password" }
existing secret "token" { name = "shop/token" }

log_group "web" {
  name = "/shop/web"
  tags = { user = parameter.user.value, token = secret.token.name }
}

output "password" {
  value     = parameter.password.value
  sensitive = true
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_read_together_and_what_is_secret_is_shown_nowhere() {
    use aws_sdk_ssm::types::ParameterType;
    let product = Product::on_sandbox(&[]);
    let cloud = product.cloud().await;
    for (name, kind, value) in [
        ("/shop/user", ParameterType::String, "ann"),
        ("/shop/password", ParameterType::SecureString, "correct-horse"),
    ] {
        cloud.ssm.put_parameter().name(name).r#type(kind).value(value).send().await.expect("put");
    }
    let secret = cloud.secretsmanager.create_secret().name("shop/token").secret_string("battery-staple");
    secret.send().await.expect("a secret");
    product.write("secrets.deploy", SECRET);
    product.wire.take();
    let planned = product.run(&["plan"]).exits(0).says("user").says("ann");
    let calls = product.wire.take();
    assert_eq!(calls.iter().filter(|call| *call == "GetParameters").count(), 1, "{calls:?}");
    let json = product.run(&["plan", "--json"]).exits(0);
    let applied = product.run(&["apply", "--auto-approve"]).exits(0).says("1 created");
    let calls = product.wire.take();
    assert!(!calls.contains(&"GetSecretValue".to_owned()), "{calls:?}");
    for run in [planned, json, applied] {
        let said = format!("{run:?}");
        assert!(!said.contains("correct-horse") && !said.contains("battery-staple"), "{said}");
    }
    let kept =
        std::process::Command::new("grep").args(["-r", "battery-staple"]).arg(product.path("state")).output();
    assert!(kept.expect("grep runs").stdout.is_empty(), "a secret's value is in the state");
}
