//! `listener` on moto.

use std::time::Duration;

use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};

fn not_found() -> Vec<Value> {
    vec![object! { "type" => "fixed_response", "status_code" => 404 }]
}

async fn tcp_group(world: &World) -> String {
    let target = world.cloud.elbv2.create_target_group().name(world.name("tcp")).port(53);
    let target = target.protocol("TCP".into()).vpc_id(world.default_vpc().await);
    let target = target.send().await.expect("a target group");
    target.target_groups()[0].target_group_arn().expect("an ARN").to_owned()
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("HTTP that becomes HTTPS", |world| {
            Box::pin(async move {
                let group = world.target_group("web").await;
                let forward = vec![object! { "type" => "forward", "group" => group }];
                Trial::new(object! {
                    "load_balancer" => world.load_balancer("edge", "application").await,
                    "port" => 80,
                    "protocol" => "HTTP",
                    "default_action" => not_found(),
                    "tags" => object! { "team" => "web" },
                })
                .twin(object! { "port" => 8080 })
                .change("load_balancer", world.load_balancer("other", "application").await)
                .change("port", 81)
                .change_with(
                    "protocol",
                    object! { "protocol" => "HTTPS", "certificates" => vec![world.certificate("web")] },
                )
                .change("default_action", forward)
                .change("tags", object! { "team" => "shop" })
                .change(
                    "response_headers",
                    object! { "server" => false, "strict_transport_security" => "max-age=60" },
                )
            })
        }),
        Case::new("HTTPS with several certificates", |world| {
            Box::pin(async move {
                let certificates = ["a", "b", "c", "d"].map(|domain| world.certificate(domain));
                let [a, b, c, d] = certificates;
                Trial::new(object! {
                    "load_balancer" => world.load_balancer("edge", "application").await,
                    "port" => 443,
                    "protocol" => "HTTPS",
                    "certificates" => vec![a.clone(), b.clone(), c.clone()],
                    "default_action" => not_found(),
                })
                .twin(object! { "port" => 8443 })
                .change("certificates", vec![a, d, c])
                .change("ssl_policy", "ELBSecurityPolicy-TLS13-1-2-2021-06")
                .change(
                    "request_headers",
                    object! { "tls_version" => "X-Tls", "mtls_clientcert_issuer" => "X-Issuer" },
                )
                .on_sandbox(
                    "mutual_authentication",
                    object! { "mode" => "passthrough" },
                    "moto does not keep it",
                )
            })
        }),
        Case::new("TCP", |world| {
            Box::pin(async move {
                let group = tcp_group(world).await;
                Trial::new(object! {
                    "load_balancer" => world.load_balancer("edge", "network").await,
                    "port" => 53,
                    "protocol" => "TCP",
                    "default_action" => vec![object! { "type" => "forward", "group" => group }],
                })
                .twin(object! { "port" => 54 })
                .change("tcp_idle_timeout", Duration::from_secs(600))
            })
        }),
        Case::new("TLS", |world| {
            Box::pin(async move {
                let group = tcp_group(world).await;
                Trial::new(object! {
                    "load_balancer" => world.load_balancer("edge", "network").await,
                    "port" => 443,
                    "protocol" => "TLS",
                    "certificates" => vec![world.certificate("tls")],
                    "default_action" => vec![object! { "type" => "forward", "group" => group }],
                })
                .twin(object! { "port" => 8443 })
                .only_created(
                    "alpn_policy",
                    object! { "port" => 444, "alpn_policy" => "HTTP2Preferred" },
                    "moto's ModifyListener leaves it as it is",
                )
            })
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_does_what_its_schema_says() {
    conform("listener", cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_does_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "listener", cases()).await;
}
