use bgform::object;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![Case::new("a log group", |world| Box::pin(group(world)))]
}

async fn group(world: &World) -> Trial {
    let key = |number: u8| {
        format!("arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-00000000000{number}")
    };
    let base = object! {
        "name" => world.name("/shop/web"),
        "retention_in_days" => 14,
        "kms_key" => key(1),
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("name", world.name("other"))
        .change("retention_in_days", 30)
        .drift("retention_in_days", 7, |world, id| {
            Box::pin(async move {
                let put = world.cloud.logs.put_retention_policy().log_group_name(id).retention_in_days(7);
                put.send().await.expect("put");
            })
        })
        .on_sandbox("kms_key", key(2), "moto has no AssociateKmsKey")
        .on_sandbox("log_group_class", "INFREQUENT_ACCESS", "moto keeps no class")
        .on_sandbox("deletion_protection_enabled", true, "moto has no deletion protection")
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .twin(object! { "name" => world.name("twin") })
}

#[tokio::test]
async fn a_log_group_is_what_its_schema_says() {
    conform("log_group", cases()).await;
}

#[tokio::test]
async fn a_log_group_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "log_group", cases()).await;
}
