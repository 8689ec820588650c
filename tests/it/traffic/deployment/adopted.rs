//! What was made by hand is taken over under load, killed at every call that it makes, and the next
//! releases ship from there.

use std::process::Stdio;

use super::{get, none_failed};
use crate::kit::load::Load;
use crate::kit::product::{Product, Run};
use crate::kit::wire::Moment;
use crate::moto::adoption::{ByHand, IMAGE_OF_SANDBOX};

struct Shop {
    product: Product,
}

impl Shop {
    fn arguments(command: &str, release: &str) -> [String; 5] {
        [command, "shop.deploy", "--auto-approve", "--var", &format!("release={release}")].map(str::to_owned)
    }

    fn run(&self, command: &str, release: &str) -> Run {
        self.product.run(&Self::arguments(command, release).each_ref().map(String::as_str))
    }

    /// Whether the apply was killed before the answer to its first mutating call.
    fn killed(&self) -> bool {
        let mut command =
            self.product.command(&Self::arguments("apply", "1.0").each_ref().map(String::as_str));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        self.product.wire.kill(child, 0, Moment::BeforeItsAnswer)
    }
}

/// Asks until all instances answer: what was made by hand takes a while.
fn until_it_answers(url: &str) {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let began = bgform::clock::monotonic();
    while get(address, "/", false, &mut None).map_or(0, |answer| answer.status) != 200 {
        assert!(bgform::clock::monotonic().saturating_sub(began).as_secs() < 60, "{url} does not answer");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn what_runs_is_adopted_under_load_with_no_failed_request() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let shop = Shop { product: Product::on_sandbox(&[]) };
    let by_hand = runtime.block_on(async {
        let by_hand = ByHand::make(shop.product.cloud().await, IMAGE_OF_SANDBOX).await;
        by_hand.until_healthy(3).await;
        by_hand
    });
    until_it_answers(&by_hand.url);
    shop.product.write("shop.deploy", &by_hand.stack(IMAGE_OF_SANDBOX));
    let instances = runtime.block_on(by_hand.instances());

    let load = Load::on(&by_hand.url, 1, 1);
    let mut kills = 0;
    while shop.killed() {
        kills += 1;
        assert!(kills < 20, "it gets no further");
    }
    assert!(kills >= 3, "it was killed {kills} times");
    shop.run("apply", "1.0").exits(0).says("Nothing to do");
    assert_eq!(runtime.block_on(by_hand.instances()), instances);
    let tally = load.end();
    none_failed(&tally);
    assert!(tally.releases.keys().eq(["1.0"]), "{tally:?}");

    let load = Load::on(&by_hand.url, 1, 1);
    shop.run("apply", "2.0")
        .exits(0)
        .says("web: 1.0 on blue, live → 2.0 on green")
        .says("web: 2.0 is live on green.");
    shop.product.run(&["rollback", "shop.deploy"]).exits(0).says("1.0 is live on blue");
    load.mark();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let tally = load.end();
    none_failed(&tally);
    assert!(tally.releases.contains_key("2.0") && tally.late.keys().eq(["1.0"]), "{tally:?}");
    assert_eq!(runtime.block_on(by_hand.instances()), instances, "blue stood by all the time");
    shop.run("destroy", "1.0").exits(0);
}

/// `self.target_group` is the group that was adopted, and then the new colour's own.
#[test]
fn what_is_adopted_scales_by_the_requests_of_its_own_target_group() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let shop = Shop { product: Product::on_sandbox(&[]) };
    let by_hand = runtime.block_on(async {
        let by_hand = ByHand::make(shop.product.cloud().await, IMAGE_OF_SANDBOX).await;
        by_hand.until_healthy(3).await;
        by_hand
    });
    let policy = "    tags     = { team = \"shop\" }\n\n    scaling_policy {\n      name              = \"requests\"\n      \
                  predefined_metric = \"ALBRequestCountPerTarget\"\n      \
                  resource_label    = \"${load_balancer.shop.arn_suffix}/${self.target_group.arn_suffix}\"\n      \
                  target_value      = 100\n    }\n";
    let text = by_hand.stack(IMAGE_OF_SANDBOX).replace("    tags     = { team = \"shop\" }\n", policy);
    assert!(text.contains("self.target_group"));
    let balancer = "\nexisting load_balancer \"shop\" {\n  name = \"shop\"\n}\n";
    shop.product.write("shop.deploy", &format!("{text}{balancer}"));
    let labels = || {
        runtime.block_on(async {
            let cloud = shop.product.cloud().await;
            let groups = cloud.elbv2.describe_target_groups().send().await.expect("groups");
            let policies = cloud.autoscaling.describe_policies().send().await.expect("policies");
            let label = |policy: &aws_sdk_autoscaling::types::ScalingPolicy| {
                let tracking = policy.target_tracking_configuration().expect("a target");
                let metric = tracking.predefined_metric_specification().expect("a metric");
                metric.resource_label().expect("a label").to_owned()
            };
            let mut labels: Vec<String> = policies.scaling_policies().iter().map(label).collect();
            labels.sort();
            (labels, groups.target_groups().len())
        })
    };
    shop.run("apply", "1.0").exits(0);
    shop.run("apply", "1.0").exits(0).says("Nothing to do");
    // The idle colour's group is there, and has one of its own.
    let (first, groups) = labels();
    assert_eq!((first.len(), groups), (2, 2), "{first:?}");
    let own = by_hand.targets.rsplit(":targetgroup/").next().expect("a suffix");
    assert_eq!(first.iter().filter(|label| label.ends_with(own)).count(), 1, "{first:?}");
    shop.run("apply", "2.0").exits(0).says("web: 2.0 is live on green.");
    shop.run("apply", "2.0").exits(0).says("Nothing to do");
    assert_eq!(labels().0, first);
}
