//! What was made by hand, with the SDK, and becomes the first colour of a `deployment`; on moto.

use aws_sdk_autoscaling::types::LaunchTemplateSpecification;
use aws_sdk_ec2::types::RequestLaunchTemplateData;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, PathPatternConditionConfig, ProtocolEnum, RuleCondition,
    TargetGroupTuple,
};
use base64::Engine;
use bgform::cloud::Cloud;

use crate::kit::product::{Product, Run};
use crate::kit::wire::is_read;

/// What a team has made without bgform: three instances behind a rule of a listener.
pub struct ByHand {
    pub cloud: Cloud,
    pub listener: String,
    pub rule: String,
    pub targets: String,
    pub template: String,
    pub url: String,
    vpc: String,
}

pub const GROUP: &str = "shop-prod";

impl ByHand {
    /// `image` is the name of the instances' image; the group launches `$Latest`, which is version 2.
    pub async fn make(cloud: Cloud, image: &str) -> Self {
        let name = aws_sdk_ec2::types::Filter::builder().name("name").values(image).build();
        let images = cloud.ec2.describe_images().filters(name).send().await.unwrap();
        let newest = images.images().iter().max_by_key(|one| one.creation_date().map(str::to_owned)).unwrap();
        let subnets = cloud.ec2.describe_subnets().send().await.unwrap();
        let ids: Vec<String> = subnets.subnets().iter().filter_map(|one| one.subnet_id.clone()).collect();
        let vpc = subnets.subnets()[0].vpc_id().unwrap().to_owned();
        let user_data = base64::engine::general_purpose::STANDARD.encode("#!/bin/sh\necho 1.0 > release\n");
        let data = RequestLaunchTemplateData::builder()
            .image_id(newest.image_id().unwrap())
            .instance_type("t3.micro".into())
            .user_data(user_data)
            .build();
        let made = cloud
            .ec2
            .create_launch_template()
            .launch_template_name("shop")
            .launch_template_data(data.clone());
        let template = made.send().await.unwrap().launch_template.unwrap().launch_template_id.unwrap();
        let next = cloud.ec2.create_launch_template_version().launch_template_id(&template);
        next.launch_template_data(data).send().await.unwrap();

        let elbv2 = &cloud.elbv2;
        let targets = elbv2
            .create_target_group()
            .name("shop-prod")
            .protocol(ProtocolEnum::Http)
            .port(8080)
            .vpc_id(&vpc);
        let targets = targets
            .health_check_path("/healthz")
            .health_check_interval_seconds(5)
            .health_check_timeout_seconds(2)
            .healthy_threshold_count(2)
            .unhealthy_threshold_count(2);
        let targets = targets.send().await.unwrap().target_groups()[0].target_group_arn().unwrap().to_owned();
        let balancer =
            elbv2.create_load_balancer().name("shop").set_subnets(Some(ids.clone())).send().await.unwrap();
        let balancer = &balancer.load_balancers()[0];
        let nothing = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(
            aws_sdk_elasticloadbalancingv2::types::FixedResponseActionConfig::builder()
                .status_code("404")
                .build(),
        );
        let listener = elbv2.create_listener().load_balancer_arn(balancer.load_balancer_arn().unwrap());
        let listener = listener.protocol(ProtocolEnum::Http).port(80).default_actions(nothing.build());
        let listener = listener.send().await.unwrap().listeners()[0].listener_arn().unwrap().to_owned();
        let url = format!("http://{}/", balancer.dns_name().unwrap());
        let by_hand = Self { cloud, listener, rule: String::new(), targets, template, url, vpc };
        let rule = by_hand.rule_at(10, "/*", plain(&by_hand.targets)).await;
        let latest = LaunchTemplateSpecification::builder()
            .launch_template_id(&by_hand.template)
            .version("$Latest")
            .build();
        let group = by_hand.cloud.autoscaling.create_auto_scaling_group().auto_scaling_group_name(GROUP);
        let group = group.launch_template(latest).min_size(2).max_size(6).desired_capacity(3);
        let group = group.vpc_zone_identifier(ids.join(",")).target_group_arns(&by_hand.targets);
        group.health_check_type("ELB").health_check_grace_period(300).send().await.unwrap();
        Self { rule, ..by_hand }
    }

    pub async fn rule_at(&self, priority: i32, path: &str, action: Action) -> String {
        let paths = PathPatternConditionConfig::builder().values(path).build();
        let condition = RuleCondition::builder().field("path-pattern").path_pattern_config(paths).build();
        let make = self.cloud.elbv2.create_rule().listener_arn(&self.listener).priority(priority);
        let made = make.conditions(condition).actions(action).send().await.unwrap();
        made.rules()[0].rule_arn().unwrap().to_owned()
    }

    /// A target group without targets.
    async fn another(&self, name: &str) -> String {
        let make = self.cloud.elbv2.create_target_group().name(name).protocol(ProtocolEnum::Http).port(8080);
        let made = make.vpc_id(&self.vpc).send().await.unwrap();
        made.target_groups()[0].target_group_arn().unwrap().to_owned()
    }

    async fn forwards(&self, action: Action) {
        self.cloud.elbv2.modify_rule().rule_arn(&self.rule).actions(action).send().await.unwrap();
    }

    pub async fn group(&self) -> aws_sdk_autoscaling::types::AutoScalingGroup {
        let describe = self.cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(GROUP);
        describe.send().await.unwrap().auto_scaling_groups()[0].clone()
    }

    /// The ids of its instances, sorted.
    pub async fn instances(&self) -> Vec<String> {
        let group = self.group().await;
        let mut ids: Vec<String> =
            group.instances().iter().filter_map(|one| one.instance_id.clone()).collect();
        ids.sort();
        ids
    }

    /// Waits until so many targets are healthy.
    pub async fn until_healthy(&self, count: usize) {
        let began = bgform::clock::monotonic();
        loop {
            let health = self.cloud.elbv2.describe_target_health().target_group_arn(&self.targets);
            let health = health.send().await.unwrap().target_health_descriptions.unwrap_or_default();
            let state = |one: &&aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription| {
                one.target_health()
                    .and_then(|health| health.state())
                    .is_some_and(|state| state.as_str() == "healthy")
            };
            if health.iter().filter(state).count() == count {
                return;
            }
            assert!(bgform::clock::monotonic().saturating_sub(began).as_secs() < 90, "{health:?}");
            self.cloud.clock.sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// Weights by target group, as the rule has them.
    pub async fn weights(&self) -> Vec<(String, i32)> {
        let rules = self.cloud.elbv2.describe_rules().rule_arns(&self.rule).send().await.unwrap();
        let forward = rules.rules()[0].actions()[0].forward_config().unwrap().clone();
        let groups = forward.target_groups().iter();
        groups.map(|one| (one.target_group_arn().unwrap().to_owned(), one.weight().unwrap())).collect()
    }

    /// The stack that takes it over; `image` as above.
    pub fn stack(&self, image: &str) -> String {
        STACK.replace("IMAGE", image).replace("LISTENER", &self.listener)
    }
}

pub fn plain(group: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()
}

fn weighted(groups: &[(&str, i32)]) -> Action {
    let tuples = groups
        .iter()
        .map(|(arn, weight)| TargetGroupTuple::builder().target_group_arn(*arn).weight(*weight).build());
    let forward = ForwardActionConfig::builder().set_target_groups(Some(tuples.collect())).build();
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build()
}

pub const STACK: &str = r##"stack "shop" {
  region = "us-east-1"
}

variable "release" {
  type = string
}

existing vpc "main" {
  default = true
}

existing subnets "all" {
  vpc = vpc.main
}

existing image "base" {
  owners      = ["amazon"]
  name        = "IMAGE"
  most_recent = true
}

existing listener "http" {
  id = "LISTENER"
}

deployment "web" {
  release = var.release
  settle  = 1s

  adopt {
    autoscaling_group = "shop-prod"
  }

  launch_template {
    name          = "shop"
    image         = image.base
    instance_type = "t3.micro"
    user_data     = "#!/bin/sh\necho ${var.release} > release\n"
  }

  autoscaling_group {
    name     = "shop"
    subnets  = subnets.all
    min_size = 2
    max_size = 6
    tags     = { team = "shop" }
  }

  target_group {
    name                 = "shop"
    vpc                  = vpc.main
    port                 = 8080
    protocol             = "HTTP"
    deregistration_delay = 2s

    health_check {
      path                = "/healthz"
      interval            = 5s
      timeout             = 2s
      healthy_threshold   = 2
      unhealthy_threshold = 2
    }
  }

  listener_rule {
    listener = listener.http
    priority = 10

    condition {
      path_pattern = ["/*"]
    }
  }

  strategy "blue_green" {
    retire_after = 10m
  }
}
"##;

/// The image of every sandbox: it answers with the content of its file `release`.
pub const IMAGE_OF_SANDBOX: &str = "bgform-hello-*";
pub const IMAGE: &str = "amzn2-ami-hvm-2.0.*-x86_64-gp2";

const PAGE: &str = include_str!("../../../src/help/adoption.md");

struct Shop {
    product: Product,
    by_hand: ByHand,
}

impl Shop {
    async fn new() -> Self {
        let product = Product::on_moto();
        let by_hand = ByHand::make(product.cloud().await, IMAGE).await;
        let shop = Self { product, by_hand };
        shop.says(&[]);
        shop.product.wire.take();
        shop
    }

    fn says(&self, changes: &[(&str, &str)]) {
        let text = changes.iter().fold(self.by_hand.stack(IMAGE), |text, (old, new)| {
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

    fn changed(&self) -> Vec<String> {
        self.product.wire.take().into_iter().filter(|call| !is_read(call)).collect()
    }
}

#[tokio::test]
async fn what_runs_becomes_the_first_colour_and_the_next_release_ships_beside_it() {
    let shop = Shop::new().await;
    let instances = shop.by_hand.instances().await;
    let plan = shop.run("plan", "1.0").exits(0);
    let plan = plan
        .says("web: adopts shop-prod as 1.0 on blue, live; traffic is not touched")
        .says("launch template shop; the group is pinned to its version 2 where it says $Latest")
        .says("target group shop-prod, 3 of 3 targets healthy")
        .says("100% to blue, as it is; green is named beside it with 0%")
        .says("the file differs in target_group.deregistration_delay: blue stays as it runs");
    let told = PAGE.split("<!-- adoption: kept by tests/it/moto/adoption.rs -->").nth(1).unwrap();
    let told = told.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let listener = shop.by_hand.listener.rsplit('/').next().unwrap();
    let told = told.replace("1de434a55164d629", listener);
    assert!(plan.out.starts_with(&told), "{told}\nis not how it begins:\n{}", plan.out);
    assert!(shop.changed().is_empty());
    assert!(!shop.product.path("state").exists());

    shop.run("apply", "1.0").exits(0).says("shop-prod is adopted; it runs on as it was");
    let calls = shop.changed();
    assert_eq!(calls.iter().filter(|call| call.contains("ModifyRule")).count(), 1, "{calls:?}");
    let replacing = ["DeleteTargetGroup", "CreateLaunchTemplateVersion", "TerminateInstance"];
    assert!(!calls.iter().any(|call| replacing.iter().any(|one| call.contains(one))), "{calls:?}");
    assert_eq!(shop.by_hand.instances().await, instances);
    let attributes = shop.by_hand.cloud.elbv2.describe_target_group_attributes();
    let attributes = attributes.target_group_arn(&shop.by_hand.targets).send().await.unwrap();
    let delay =
        attributes.attributes().iter().find(|one| one.key() == Some("deregistration_delay.timeout_seconds"));
    assert_eq!(delay.and_then(|delay| delay.value()), Some("300"), "what ships with a colour stays");
    let group = shop.by_hand.group().await;
    assert_eq!(group.launch_template().unwrap().version(), Some("2"));
    let weights = shop.by_hand.weights().await;
    assert_eq!(weights.iter().find(|(arn, _)| *arn == shop.by_hand.targets).unwrap().1, 100);
    assert_eq!(weights.iter().map(|(_, weight)| weight).sum::<i32>(), 100);
    shop.run("plan", "1.0").exits(0).says("Nothing to do");
    shop.product.run(&["history", "shop.deploy"]).exits(0).says("adopted");
    shop.product.run(&["status", "shop.deploy"]).exits(0).says("web: 1.0 on blue, live");

    shop.run("apply", "2.0").exits(0).says("web: 2.0 is live on green.");
    assert_eq!(shop.by_hand.instances().await, instances, "blue stands by as it was");
    assert_eq!(shop.by_hand.group().await.launch_template().unwrap().version(), Some("2"));
    shop.product.run(&["rollback", "shop.deploy", "--auto-approve"]).exits(0).says("1.0 is live on blue");
    assert_eq!(shop.by_hand.instances().await, instances);

    // Blue is given a release for the first time, and its names stay what they were.
    shop.run("apply", "2.0").exits(0);
    let plan = shop.run("plan", "3.0").exits(0);
    assert!(!plan.out.contains("replace "), "{}", plan.out);
    shop.run("apply", "3.0").exits(0).says("web: 3.0 is live on blue.");
    let weights = shop.by_hand.weights().await;
    assert!(weights.contains(&(shop.by_hand.targets.clone(), 100)), "{weights:?}");
    shop.run("plan", "3.0").exits(0).says("Nothing to do");
    shop.run("destroy", "3.0").exits(0);
    shop.run("plan", "1.0").exits(1).says("there is no Auto Scaling group `shop-prod`");
}

#[tokio::test]
async fn a_group_behind_a_default_action_is_adopted_with_its_listener_once_that_is_imported() {
    let shop = Shop::new().await;
    let elbv2 = &shop.by_hand.cloud.elbv2;
    elbv2.delete_rule().rule_arn(&shop.by_hand.rule).send().await.unwrap();
    let modify = elbv2.modify_listener().listener_arn(&shop.by_hand.listener);
    modify.default_actions(plain(&shop.by_hand.targets)).send().await.unwrap();
    shop.run("plan", "1.0").exits(1).says("write listener { listener = ... } in place of the rule");

    let read = format!("existing listener \"http\" {{\n  id = \"{}\"\n}}\n", shop.by_hand.listener);
    let own = "existing load_balancer \"shop\" {\n  name = \"shop\"\n}\n\nlistener \"http\" {\n  load_balancer = \
               load_balancer.shop\n  port          = 80\n  protocol      = \"HTTP\"\n}\n";
    let rule = &STACK[STACK.find("  listener_rule {").unwrap()..STACK.find("  strategy").unwrap()];
    shop.says(&[(&read, own), (rule, "  listener {\n    listener = listener.http\n  }\n\n")]);
    let import = format!("bgform import listener.http {}", shop.by_hand.listener);
    shop.run("plan", "1.0")
        .exits(1)
        .says("`listener.http` is not in the state")
        .says("bgform import listener.http");
    let arguments: Vec<&str> =
        import.split(' ').skip(1).chain(["shop.deploy", "--var", "release=1.0"]).collect();
    shop.product.run(&arguments).exits(0);
    shop.product.wire.take();
    shop.run("plan", "1.0")
        .exits(0)
        .says("the default action of listener shop/")
        .says("100% to blue, as it is");
    shop.run("apply", "1.0").exits(0).says("shop-prod is adopted; it runs on as it was");
    let calls = shop.changed();
    assert_eq!(calls.iter().filter(|call| call.contains("ModifyListener")).count(), 1, "{calls:?}");
    shop.run("plan", "1.0").exits(0).says("Nothing to do");
    let instances = shop.by_hand.instances().await;
    shop.run("apply", "2.0").exits(0).says("web: 2.0 is live on green.");
    shop.product.run(&["rollback", "shop.deploy", "--auto-approve"]).exits(0).says("1.0 is live on blue");
    assert_eq!(shop.by_hand.instances().await, instances);
    shop.run("destroy", "1.0").exits(0);
}

#[tokio::test]
async fn a_weighted_forward_is_adopted_with_the_group_that_has_all_of_it() {
    let shop = Shop::new().await;
    let old = shop.by_hand.another("shop-old").await;
    shop.by_hand.forwards(weighted(&[(&shop.by_hand.targets, 70), (&old, 30)])).await;
    shop.run("plan", "1.0")
        .exits(1)
        .says("gives 70 to shop-prod and 30 to shop-old")
        .says("shift all of it to shop-prod first");
    shop.by_hand.forwards(weighted(&[(&shop.by_hand.targets, 7), (&old, 0)])).await;
    shop.run("plan", "1.0").exits(0).says("in place of shop-old, which has no weight and stays as it is");
    shop.run("apply", "1.0").exits(0);
    let weights = shop.by_hand.weights().await;
    assert!(weights.contains(&(shop.by_hand.targets.clone(), 100)) && weights.len() == 2, "{weights:?}");
    assert!(!weights.iter().any(|(arn, _)| *arn == old), "{weights:?}");
    shop.run("plan", "1.0").exits(0).says("Nothing to do");
}

#[tokio::test]
async fn what_cannot_be_adopted_without_touching_traffic_is_refused_with_the_reason() {
    let shop = Shop::new().await;
    let refused = |changes: &[(&str, &str)], reason: &str, help: &str| {
        shop.says(changes);
        shop.run("apply", "1.0")
            .exits(1)
            .says("`web` cannot adopt the running service")
            .says(reason)
            .says(help);
    };
    refused(&[("shop-prod\"", "shop-live\"")], "there is no Auto Scaling group `shop-live`", "check `adopt`");
    refused(&[("max_size = 6", "max_size = 2")], "max_size = 2 would end some", "write max_size = 6 or more");
    let one = "subnets  = [subnets.all[0]]";
    refused(&[("subnets  = subnets.all", one)], "`shop-prod` is in the subnets", "write the same subnets");
    refused(&[("priority = 10", "priority = 20")], "none with priority 20", "write priority = 10");
    refused(&[("[\"/*\"]", "[\"/shop/*\"]")], "[\"/*\"] }], and the file says", "write what the rule has");

    let old = shop.by_hand.another("shop-old").await;
    shop.by_hand.forwards(plain(&old)).await;
    let keeps = shop.by_hand.rule_at(11, "/api/*", plain(&shop.by_hand.targets)).await;
    refused(
        &[],
        "sends nothing to shop-prod: it forwards to shop-old",
        "name the rule that sends to this one",
    );
    shop.by_hand.forwards(plain(&shop.by_hand.targets)).await;
    refused(&[], "priority 11 of listener", "write it as a `listener_rule \"label\"`");
    let elbv2 = &shop.by_hand.cloud.elbv2;
    elbv2.delete_rule().rule_arn(keeps).send().await.unwrap();

    let latest =
        LaunchTemplateSpecification::builder().launch_template_id(&shop.by_hand.template).version("$Latest");
    let autoscaling = &shop.by_hand.cloud.autoscaling;
    let batch =
        autoscaling.create_auto_scaling_group().auto_scaling_group_name("batch").min_size(0).max_size(0);
    batch.launch_template(latest.build()).availability_zones("us-east-1a").send().await.unwrap();
    refused(
        &[],
        "`batch` launches $Latest of the same launch template",
        "pin that group to a version's number",
    );
    autoscaling
        .delete_auto_scaling_group()
        .auto_scaling_group_name("batch")
        .force_delete(true)
        .send()
        .await
        .unwrap();

    let attach = shop.by_hand.cloud.autoscaling.attach_load_balancer_target_groups();
    attach.auto_scaling_group_name(GROUP).target_group_arns(&old).send().await.unwrap();
    refused(&[], "is attached to shop-old and shop-prod", "detach all but the one");
    assert!(shop.changed().is_empty(), "nothing is changed by a refusal");
    assert!(!shop.product.path("state").exists());
}
