//! What is looked at before a rollout begins, and what is said of it; on moto.

use crate::kit::product::{Product, Run};
use crate::kit::wire::Fault;
use crate::moto::adoption::{ByHand, IMAGE, STACK, plain};

/// A service beside another one that has a load balancer already.
struct Beside {
    product: Product,
    by_hand: ByHand,
}

impl Beside {
    async fn new() -> Self {
        let product = Product::on_moto();
        let by_hand = ByHand::make(product.cloud().await, IMAGE).await;
        let beside = Self { product, by_hand };
        beside.says(&[]);
        beside
    }

    fn says(&self, changes: &[(&str, &str)]) {
        let first = [
            ("  adopt {\n    autoscaling_group = \"shop-prod\"\n  }\n", ""),
            ("    name          = \"shop\"\n", ""),
            ("priority = 10", "priority = 20"),
        ];
        let text = first.iter().chain(changes).fold(self.by_hand.stack(IMAGE), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        self.product.write("shop.deploy", &text);
    }

    fn run(&self, command: &str, release: &str) -> Run {
        let release = format!("release={release}");
        let mut all = vec![command, "shop.deploy", "--var", &release];
        all.extend((command != "plan").then_some("--auto-approve"));
        self.product.run(&all)
    }

    /// How often a plan of `release` makes each of these calls.
    fn calls(&self, release: &str, actions: &[&str]) -> Vec<usize> {
        self.product.wire.take();
        self.run("plan", release).exits(0);
        let calls = self.product.wire.take();
        actions.iter().map(|action| calls.iter().filter(|call| call == action).count()).collect()
    }
}

const LOOKS: [&str; 5] = [
    "DescribeAccountLimits",
    "DescribeInstanceTypeOfferings",
    "DescribeSubnets",
    "DescribeListeners",
    "DescribeImages",
];

#[tokio::test]
async fn the_looks_are_few_and_made_only_when_a_rollout_begins() {
    let beside = Beside::new().await;
    // Both services' limits, the existing subnets and those of the fleet, the load balancer's rules,
    // and images by most_recent, by the tag of a lost state and by the id of what is launched.
    assert_eq!(beside.calls("1.0", &LOOKS), [2, 1, 2, 2, 3]);
    beside.run("apply", "1.0").exits(0);
    assert_eq!(beside.calls("1.0", &LOOKS), [0, 0, 1, 1, 0]);
    // A release adds nothing to count; the images of both colours are looked for.
    assert_eq!(beside.calls("2.0", &LOOKS), [1, 1, 2, 1, 1]);
}

#[tokio::test]
async fn a_zone_without_the_instance_type_is_told_and_a_group_with_no_other_zone_is_refused() {
    let beside = Beside::new().await;
    let note =
        "t3.micro is not offered in us-east-1e: launches fail there first, and then go to another zone";
    beside.run("plan", "1.0").exits(0).says(note).says("leave out the subnets in us-east-1e");
    let balanced =
        [("    min_size = 2", "    min_size = 2\n    availability_zone_distribution = \"balanced-only\"")];
    beside.says(&balanced);
    let run = beside.run("apply", "1.0").exits(1);
    run.says("not offered in us-east-1e, and the group keeps its zones balanced");
    beside.says(&[(
        "  vpc = vpc.main\n}",
        "  vpc                = vpc.main\n  availability_zones = [\"us-east-1e\"]\n}",
    )]);
    let run = beside.run("apply", "1.0").exits(1);
    run.says("t3.micro is offered in none of its subnets' zones").says("choose a type that is offered");
    assert!(!beside.product.path("state").exists());
}

#[tokio::test]
async fn a_group_that_would_launch_nothing_is_refused_before_anything_is_made() {
    let beside = Beside::new().await;
    beside.run("apply", "1.0").exits(0);
    beside.says(&[("    min_size = 2", "    min_size = 2\n    suspended_processes = [\"Launch\"]")]);
    let run = beside.run("apply", "2.0").exits(1);
    run.says("`autoscaling_group.web[\"green\"]`: its process Launch is suspended, so that it launches no instance")
        .says("take Launch out of `suspended_processes`");
}

#[tokio::test]
async fn an_image_that_is_gone_ends_the_way_back_with_the_retirement() {
    let beside = Beside::new().await;
    beside.run("apply", "1.0").exits(0);
    let images = beside.by_hand.cloud.ec2.describe_launch_template_versions();
    let template = beside.by_hand.template.clone();
    let versions = images.launch_template_id(template).versions("1").send().await.unwrap();
    let image = versions.launch_template_versions()[0].launch_template_data().unwrap().image_id().unwrap();
    beside.by_hand.cloud.ec2.deregister_image().image_id(image).send().await.unwrap();
    // The new release would launch from it, too, as long as nobody looks again.
    let again = format!("{image} is gone, so that no instance of the new release can be launched");
    beside.run("plan", "2.0").exits(1).says(&again).says("looked up again with --upgrade");
    let upgrade = ["plan", "shop.deploy", "--var", "release=2.0", "--upgrade"];
    let plan = beside.product.run(&upgrade).exits(0);
    plan.says(&format!("Note: autoscaling_group.web[\"blue\"]: {image} is gone"))
        .says("a way back only as long as its instances run")
        .says("raise `retire_after`");
}

#[tokio::test]
async fn rules_are_counted_with_those_that_the_plan_adds() {
    let beside = Beside::new().await;
    for priority in 100..199 {
        beside.by_hand.rule_at(priority, &format!("/{priority}/*"), plain(&beside.by_hand.targets)).await;
    }
    let run = beside.run("apply", "1.0").exits(1);
    run.says("`listener_rule.web`: the account has 100 rules of load balancer shop and the plan adds 1; the quota is 100")
        .says("ask AWS for a higher quota")
        .says("load-balancer-limits.html");
    assert!(!beside.product.path("state").exists());
}

#[tokio::test]
async fn auto_scaling_groups_are_counted_with_those_that_the_plan_adds() {
    let beside = Beside::new().await;
    // What moto does not have, as AWS answers it (API_DescribeAccountLimits).
    let answer = |there: u32| {
        Fault::Answer(
            200,
            format!(
                "<DescribeAccountLimitsResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">\
                 <DescribeAccountLimitsResult><MaxNumberOfAutoScalingGroups>500</MaxNumberOfAutoScalingGroups>\
                 <NumberOfAutoScalingGroups>{there}</NumberOfAutoScalingGroups></DescribeAccountLimitsResult>\
                 </DescribeAccountLimitsResponse>"
            ),
        )
    };
    beside.product.wire.fault_once("DescribeAccountLimits", 0, answer(498));
    beside.run("plan", "1.0").exits(0).says("web: first release 1.0 on blue");
    beside.product.wire.fault_once("DescribeAccountLimits", 0, answer(499));
    let run = beside.run("apply", "1.0").exits(1);
    run.says("the account has 499 Auto Scaling groups in the region and the plan adds 2; the quota is 500")
        .says("Service Quotas console");
    assert!(!beside.product.path("state").exists());
}

#[test]
fn a_name_that_is_too_long_with_its_colour_is_a_mistake_of_the_file() {
    let product = Product::alone();
    let target_group = "    name                 = \"shop\"";
    let stack = |name: &str| {
        assert!(STACK.contains(target_group));
        STACK.replace(target_group, &format!("    name = \"{name}\""))
    };
    let validate = || product.run(&["validate", "shop.deploy", "--var", "release=1.0"]);
    product.write("shop.deploy", &stack("abcdefghijklmnopqrstuvwxyz"));
    validate().exits(0);
    product.write("shop.deploy", &stack("abcdefghijklmnopqrstuvwxyz0"));
    validate().exits(2).says("`name` is at most 32 characters").says("this is 33 characters");
}
