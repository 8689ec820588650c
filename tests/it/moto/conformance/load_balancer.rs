//! `load_balancer` on moto.

use std::time::Duration;

use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("an application load balancer", |world| {
            Box::pin(async move {
                let subnets = world.subnets().await;
                let (one, other) = (world.security_group("one").await, world.security_group("other").await);
                let logs = |bucket: &str| object! { "bucket" => bucket, "prefix" => "p" };
                Trial::new(object! {
                    "subnets" => subnets[..2].to_vec(),
                    "security_groups" => vec![one.clone()],
                    "tags" => object! { "team" => "web" },
                    "idle_timeout" => Duration::from_secs(90),
                    "deletion_protection" => false,
                })
                .change("name", world.name("named"))
                .change_with(
                    "type",
                    object! { "type" => "network", "security_groups" => Value::Null, "idle_timeout" => Value::Null },
                )
                .change("scheme", "internal")
                .change("subnets", subnets[1..4].to_vec())
                .change("security_groups", vec![one, other])
                .drift("ip_address_type", "dualstack", |world, arn| {
                    Box::pin(async move {
                        let set = world.cloud.elbv2.set_ip_address_type().load_balancer_arn(arn);
                        set.ip_address_type("dualstack".into()).send().await.expect("set");
                    })
                })
                .change("tags", object! { "team" => "shop", "tier" => "edge" })
                .change("deletion_protection", true)
                .change("deny_all_igw_traffic", true)
                .change("zonal_shift", true)
                .change("access_logs", logs("requests"))
                .change("connection_logs", logs("connections"))
                .change("idle_timeout", Duration::from_secs(120))
                .change_with("idle_timeout", object! { "idle_timeout" => Value::Null })
                .change("client_keep_alive", Duration::from_secs(600))
                .change("http2", false)
                .change("desync_mitigation_mode", "strictest")
                .change("drop_invalid_header_fields", true)
                .change("preserve_host_header", true)
                .change("tls_headers", true)
                .change("xff_client_port", true)
                .change("xff_header_processing", "preserve")
                .change("waf_fail_open", true)
                .on_sandbox(
                    "health_check_logs",
                    object! { "bucket" => "checks", "prefix" => "edge" },
                    "moto knows its `enabled` key and not its bucket",
                )
            })
        }),
        Case::new("a network load balancer", |world| {
            Box::pin(async move {
                let subnets = world.subnets().await;
                let mapping = |ids: &[String]| {
                    ids.iter().map(|id| object! { "subnet" => id.clone() }).collect::<Vec<_>>()
                };
                Trial::new(object! { "type" => "network", "subnet_mapping" => mapping(&subnets[..2]) })
                    .change("subnet_mapping", mapping(&subnets[..3]))
                    .change("cross_zone", true)
                    .change("client_routing_policy", "availability_zone_affinity")
                    .change("secondary_ips_per_subnet", 2)
            })
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_does_what_its_schema_says() {
    conform("load_balancer", cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_does_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "load_balancer", cases()).await;
}
