//! A release whose image is gone: there is no way back to it where instances of it would have to be launched.

use bgform::state::Store;

use super::{GROUND, STACK, deployment};
use crate::kit::product::{Product, Run};
use crate::kit::wire::is_read;

pub(super) struct Shop {
    pub product: Product,
    runtime: tokio::runtime::Runtime,
    strategy: &'static str,
    /// The region's image.
    pub base: String,
}

impl Shop {
    /// 1.0 from an image of its own, and 2.0 from the region's.
    pub fn of(strategy: &'static str) -> (Self, String) {
        let (shop, own) = Self::first(strategy);
        shop.apply("2.0", &shop.base).exits(0);
        (shop, own)
    }

    /// 1.0 alone.
    pub fn first(strategy: &'static str) -> (Self, String) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut shop = Self { product: Product::on_sandbox(&[]), runtime, strategy, base: String::new() };
        let (base, own) = shop.runtime.block_on(async {
            let ec2 = shop.product.cloud().await.ec2;
            let images = ec2.describe_images().owners("amazon").send().await.expect("images");
            let mut images: Vec<_> = images.images().to_vec();
            images.retain(|image| image.name().is_some_and(|name| name.starts_with("bgform-hello-")));
            let base = images[0].image_id().expect("an id").to_owned();
            let copy = ec2.copy_image().name("own").source_image_id(&base).source_region("us-east-1");
            let own = copy.send().await.expect("a copy").image_id.expect("an id");
            let available = || async {
                let images = ec2.describe_images().owners("self").send().await.expect("images");
                let state = images.images().first().and_then(|image| image.state().cloned());
                state == Some(aws_sdk_ec2::types::ImageState::Available)
            };
            while !available().await {
                bgform::clock::sleep(std::time::Duration::from_millis(100)).await;
            }
            (base, own)
        });
        shop.base = base;
        shop.apply("1.0", &own).exits(0);
        (shop, own)
    }

    /// With this image, or the newest of the account's own as it was found at first.
    pub fn apply(&self, release: &str, image: &str) -> Run {
        self.apply_with(release, image, &[])
    }

    pub fn apply_with(&self, release: &str, image: &str, flags: &[&str]) -> Run {
        self.write(image);
        let release = format!("release={release}");
        let words = ["apply", STACK, "--auto-approve", "--var", &release];
        self.product.run(&[&words[..], flags].concat())
    }

    /// The stack with this image.
    pub fn write(&self, image: &str) {
        let images = "existing image \"hello\" {\n  owners      = [\"amazon\"]\n  name        = \"bgform-hello-*\"\n  \
                      most_recent = true\n}";
        assert!(GROUND.contains(images));
        let own = "  owners      = [\"self\"]\n  name        = \"own*\"\n  most_recent = true";
        let which = if image == "own" { own.to_owned() } else { format!("  id = \"{image}\"") };
        let ground = GROUND.replace(images, &format!("existing image \"hello\" {{\n{which}\n}}"));
        let web = deployment("web", "var.release", "/*", 10, self.strategy);
        // A refresh waits for no warm-up.
        let web = web.replace("    health_check_grace_period = 5m\n", "    default_instance_warmup   = 0s\n");
        assert!(web.contains("warmup"));
        self.product.write(STACK, &format!("{ground}{web}"));
    }

    pub fn deregister(&self, image: &str) {
        self.runtime.block_on(async {
            let ec2 = self.product.cloud().await.ec2;
            ec2.deregister_image().image_id(image).send().await.expect("it goes");
        });
    }

    /// The rollback is refused before anything is changed.
    fn refuses(&self, image: &str) {
        let store = Store::at(self.product.path("state/ship"));
        let state = || store.load().expect("it reads").expect("a state").snapshot;
        let before = state();
        self.product.wire.take();
        self.product
            .run(&["rollback", STACK, "--auto-approve"])
            .exits(1)
            .says(&format!("release 1.0 of `web` cannot be launched again: its image {image} is gone"))
            .says("nothing was changed");
        assert!(self.product.wire.take().iter().all(|call| is_read(call)));
        assert_eq!(state(), before);
    }
}

#[test]
fn a_retired_release_whose_image_is_gone_is_no_way_back() {
    let (shop, own) = Shop::of("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n");
    shop.deregister(&own);
    // Its instances run: that is a change of weights.
    shop.product.run(&["rollback", STACK]).exits(0).says("1.0 is live on blue");
    shop.product.run(&["rollback", STACK]).exits(0).says("2.0 is live on green");
    shop.product.run(&["retire", STACK, "--now"]).exits(0);
    shop.refuses(&own);
}

#[test]
fn a_replaced_release_whose_image_is_gone_is_no_way_back() {
    let (shop, own) = Shop::of("  strategy \"rolling\" {\n    min_healthy = 50%\n  }\n");
    shop.deregister(&own);
    shop.refuses(&own);
}
