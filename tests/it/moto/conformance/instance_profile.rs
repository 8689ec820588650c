use bgform::object;

use super::iam_role::trust;
use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![Case::new("a profile of a role", |world| Box::pin(profile(world)))]
}

async fn profile(world: &World) -> Trial {
    for role in ["role", "other"] {
        let create = world.cloud.iam.create_role().role_name(world.name(role));
        create.assume_role_policy_document(trust("ec2.amazonaws.com")).send().await.expect("a role");
    }
    let base = object! {
        "name" => world.name("profile"),
        "path" => "/shop/",
        "role" => world.name("role"),
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("name", world.name("another"))
        .change("path", "/other/")
        .change("role", world.name("other"))
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .twin(object! { "name" => world.name("twin") })
}

#[tokio::test]
async fn an_instance_profile_is_what_its_schema_says() {
    conform("instance_profile", cases()).await;
}

#[tokio::test]
async fn an_instance_profile_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "instance_profile", cases()).await;
}
