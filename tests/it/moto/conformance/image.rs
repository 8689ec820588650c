use bgform::object;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![Case::new("an image of a stopped source", |world| Box::pin(stopped(world)))]
}

async fn stopped(world: &World) -> Trial {
    let (source, other) = (world.source("source").await, world.source("other").await);
    let base = object! {
        "source" => source,
        "name" => world.name("shop"),
        "run" => vec!["echo 1 > release"],
        "description" => "what it is",
        "ready_timeout" => std::time::Duration::from_secs(20),
        "tags" => object! { "app" => "shop" },
    };
    let why = "no API holds it";
    Trial::new(base)
        .in_state(&["run", "no_reboot", "ready_timeout", "command_timeout", "available_timeout"])
        .change("source", other)
        .change("name", world.name("cart"))
        .change("run", vec!["echo 2 > release"])
        .change("no_reboot", true)
        .only_created(
            "description",
            object! { "description" => "another" },
            "moto forgets ModifyImageAttribute",
        )
        .untold("ready_timeout", why)
        .untold("command_timeout", why)
        .untold("available_timeout", why)
        .change("tags", object! { "app" => "cart", "tier" => "1" })
        .twin(object! { "name" => world.name("twin") })
}

#[tokio::test]
async fn an_image_is_what_its_schema_says() {
    conform("image", cases()).await;
}

#[tokio::test]
async fn an_image_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "image", cases()).await;
}
