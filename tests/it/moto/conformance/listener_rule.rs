//! `listener_rule` on moto.

use std::time::Duration;

use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, conform, conform_on};

fn forward(weighted: &[(&str, i32)]) -> Value {
    let groups = weighted.iter().map(|(group, weight)| object! { "group" => *group, "weight" => *weight });
    object! { "type" => "forward", "target_group" => groups.collect::<Vec<_>>() }
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("two colours", |world| {
            Box::pin(async move {
                let (blue, green) = (world.target_group("blue").await, world.target_group("green").await);
                let conditions = vec![
                    object! { "source_ip" => vec!["10.0.0.0/8"] },
                    object! {
                        "http_header" => object! { "name" => "X-Preview", "values" => vec!["next"] },
                        "http_request_method" => vec!["GET"],
                    },
                    object! {
                        "query_string" => vec![
                            object! { "key" => "v", "value" => "2" },
                            object! { "value" => "new" },
                        ],
                    },
                ];
                let mut sticky = forward(&[(&blue, 100), (&green, 0)]);
                if let Value::Object(members) = &mut sticky {
                    let minutes = object! { "duration" => Duration::from_secs(300) };
                    members.insert("stickiness".to_owned(), minutes);
                }
                Trial::new(object! {
                    "listener" => world.listener("edge").await,
                    "priority" => 10,
                    "condition" => vec![object! {
                        "host_header" => vec!["checkout.example.com"],
                        "path_pattern" => vec!["/pay/*", "/buy/*"],
                    }],
                    "action" => vec![forward(&[(&blue, 100), (&green, 0)])],
                    "tags" => object! { "team" => "web" },
                })
                .twin(object! { "priority" => 11 })
                .change("listener", world.listener("other").await)
                .change("priority", 20)
                .change("condition", conditions)
                .change("tags", object! { "team" => "shop" })
                .change("action", vec![sticky])
                .change("action", vec![object! { "type" => "forward", "group" => blue }])
                .change(
                    "action",
                    vec![object! { "type" => "redirect", "port" => "443", "status_code" => 301 }],
                )
                .change(
                    "action",
                    vec![object! {
                        "type" => "fixed_response",
                        "status_code" => 503,
                        "content_type" => "text/plain",
                        "message_body" => "closed",
                    }],
                )
            })
        }),
        Case::new("users who are known", |world| {
            Box::pin(async move {
                let group = world.target_group("web").await;
                let action = |authenticate: Value| vec![authenticate, forward(&[(&group, 1)])];
                let cognito = object! {
                    "type" => "authenticate_cognito",
                    "user_pool" => "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a",
                    "user_pool_client" => "client",
                    "user_pool_domain" => "users",
                    "session_timeout" => Duration::from_secs(600),
                };
                let oidc = object! {
                    "type" => "authenticate_oidc",
                    "issuer" => "https://id.example.com",
                    "authorization_endpoint" => "https://id.example.com/authorize",
                    "token_endpoint" => "https://id.example.com/token",
                    "user_info_endpoint" => "https://id.example.com/me",
                    "client_id" => "shop",
                    "client_secret" => "s3cret",
                    "scope" => "openid email",
                    "on_unauthenticated_request" => "deny",
                };
                Trial::new(object! {
                    "listener" => world.secure_listener("edge").await,
                    "priority" => 10,
                    "condition" => vec![object! { "path_pattern" => vec!["/*"] }],
                    "action" => action(cognito),
                })
                // The secret of a client is in no answer.
                .in_state(&["action"])
                .twin(object! { "priority" => 11 })
                .change("action", action(oidc))
            })
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_rule_does_what_its_schema_says() {
    conform("listener_rule", cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_rule_does_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "listener_rule", cases()).await;
}
