//! `target_group` on moto.

use std::time::Duration;

use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("HTTP targets", |world| {
            Box::pin(async move {
                let vpc = world.default_vpc().await;
                let other = world.other_vpc().await;
                let requirement = object! {
                    "minimum_healthy_targets" => 2,
                    "minimum_healthy_percentage" => Value::Percent(50.0),
                };
                Trial::new(object! {
                    "vpc" => vpc,
                    "port" => 8080,
                    "protocol" => "HTTP",
                    "deregistration_delay" => Duration::from_secs(30),
                    "slow_start" => Duration::from_secs(0),
                    "load_balancing_algorithm" => "round_robin",
                    "anomaly_mitigation" => false,
                    "health_check" => object! {
                        "path" => "/healthz",
                        "interval" => Duration::from_secs(5),
                        "timeout" => Duration::from_secs(2),
                        "healthy_threshold" => 2,
                    },
                    "tags" => object! { "team" => "web" },
                })
                .change("name", world.name("named"))
                .change("vpc", other)
                .change("port", 9090)
                .change("protocol", "HTTPS")
                .change("protocol_version", "GRPC")
                .change("target_type", "ip")
                .change("ip_address_type", "ipv6")
                .change("tags", object! { "team" => "shop" })
                .change(
                    "health_check",
                    object! {
                        "protocol" => "HTTPS",
                        "port" => "8081",
                        "path" => "/ready",
                        "interval" => Duration::from_secs(10),
                        "timeout" => Duration::from_secs(3),
                        "healthy_threshold" => 3,
                        "unhealthy_threshold" => 4,
                        "matcher" => "200-299",
                    },
                )
                .drift("deregistration_delay", Duration::from_secs(0), |world, arn| {
                    Box::pin(async move {
                        let attribute =
                            aws_sdk_elasticloadbalancingv2::types::TargetGroupAttribute::builder()
                                .key("deregistration_delay.timeout_seconds")
                                .value("0")
                                .build();
                        let modify = world.cloud.elbv2.modify_target_group_attributes();
                        modify.target_group_arn(arn).attributes(attribute).send().await.expect("modified");
                    })
                })
                .change("slow_start", Duration::from_secs(60))
                .change("load_balancing_algorithm", "weighted_random")
                .change_with(
                    "anomaly_mitigation",
                    object! { "anomaly_mitigation" => true, "load_balancing_algorithm" => "weighted_random" },
                )
                .change("cross_zone", "off")
                .change(
                    "stickiness",
                    object! {
                        "type" => "app_cookie",
                        "cookie_name" => "session",
                        "cookie_duration" => Duration::from_secs(600),
                    },
                )
                .change("unhealthy_state_routing", requirement.clone())
                .change("dns_failover", requirement)
            })
        }),
        Case::new("TCP targets", |world| {
            Box::pin(async move {
                Trial::new(object! {
                    "vpc" => world.default_vpc().await,
                    "port" => 53,
                    "protocol" => "TCP",
                    "health_check" => object! { "healthy_threshold" => 3 },
                })
                .change(
                    "health_check",
                    object! { "healthy_threshold" => 2, "unhealthy_threshold" => 2, "port" => "54" },
                )
                .change("connection_termination", true)
                .change("preserve_client_ip", false)
                .change("proxy_protocol_v2", true)
                .change("unhealthy_connection_termination", false)
                .change_with(
                    "unhealthy_draining_interval",
                    object! {
                        "unhealthy_draining_interval" => Duration::from_secs(60),
                        "unhealthy_connection_termination" => false,
                    },
                )
            })
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_group_does_what_its_schema_says() {
    conform("target_group", cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_group_does_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "target_group", cases()).await;
}
