use bgform::object;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![Case::new("a role with policies", |world| Box::pin(role(world)))]
}

/// Who may take a role.
pub fn trust(service: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["sts:AssumeRole"],"Principal":{{"Service":"{service}"}}}}]}}"#
    )
}

fn allows(action: &str) -> String {
    format!(
        r#"{{"Statement": {{"Resource": "*", "Action": "{action}", "Effect": "Allow"}}, "Version": "2012-10-17"}}"#
    )
}

async fn role(world: &World) -> Trial {
    let (first, second) = (world.policy("first").await, world.policy("second").await);
    let base = object! {
        "name" => world.name("role"),
        "path" => "/shop/",
        "assume_role_policy_document" => trust("ecs-tasks.amazonaws.com"),
        "managed_policies" => vec![first.as_str()],
        "inline_policies" => object! { "bucket" => allows("s3:GetObject"), "queue" => allows("sqs:*") },
        "description" => "what it is for",
        "max_session_duration" => 7200,
        "permissions_boundary" => second.as_str(),
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("name", world.name("other"))
        .change("path", "/other/")
        .change("assume_role_policy_document", trust("ec2.amazonaws.com"))
        .change("managed_policies", vec![second.as_str()])
        .change("inline_policies", object! { "bucket" => allows("s3:PutObject"), "topic" => allows("sns:*") })
        .drift("managed_policies", vec![first.as_str(), second.as_str()], |world, id| {
            Box::pin(async move {
                let attach =
                    world.cloud.iam.attach_role_policy().role_name(id).policy_arn(world.policy_arn("second"));
                attach.send().await.expect("attached");
            })
        })
        .change("description", "another thing")
        .change("max_session_duration", 3600)
        .change("permissions_boundary", first.as_str())
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .twin(object! { "name" => world.name("twin") })
}

#[tokio::test]
async fn an_iam_role_is_what_its_schema_says() {
    conform("iam_role", cases()).await;
}

#[tokio::test]
async fn an_iam_role_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "iam_role", cases()).await;
}
