//! What becomes of a `deployment` in unusual cases, on moto: which colour a change touches, what is
//! refused, and what is said about it.

use std::process::Stdio;
use std::time::Duration;

use bgform::cloud::Cloud;
use serde_json::Value;

use crate::kit::product::{Product, Run, ended};

/// A service without a bake, which retires its old colour after an hour.
pub const SERVICE: &str = r##"stack "service" {
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
  name        = "amzn2-ami-hvm-2.0.*-x86_64-gp2"
  most_recent = true
}

load_balancer "edge" {
  type    = "application"
  subnets = subnets.all
}

listener "http" {
  load_balancer = load_balancer.edge
  port          = 80
  protocol      = "HTTP"

  default_action "fixed_response" {
    status_code = 404
  }
}

deployment "web" {
  release = var.release
  settle  = 1s

  launch_template {
    image         = image.base
    instance_type = "t3.micro"
    user_data     = "#!/bin/sh\n# ${var.release}\n"
  }

  autoscaling_group {
    subnets  = subnets.all
    min_size = 2
    max_size = 4
  }

  target_group {
    vpc                  = vpc.main
    port                 = 8080
    protocol             = "HTTP"
    deregistration_delay = 0s

    health_check {
      path     = "/healthz"
      interval = 5s
      timeout  = 2s
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
    retire_after = 1h
  }
}
"##;

/// Waits at this gate until somebody approves.
const ASKS: (&str, &str) = (
    "  strategy \"blue_green\"",
    "  gate \"go\" {\n    at = \"before_shift\"\n    approval {}\n  }\n\n  strategy \"blue_green\"",
);

fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SERVICE.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    })
}

pub struct Service {
    pub product: Product,
}

impl Service {
    pub fn new() -> Self {
        let service = Self { product: Product::on_moto() };
        service.says(&[]);
        service
    }

    /// Changes the stack, from its first form.
    pub fn says(&self, changes: &[(&str, &str)]) {
        self.product.write("service.deploy", &with(changes));
    }

    pub fn run(&self, command: &str, release: &str, more: &[&str]) -> Run {
        let release = format!("release={release}");
        let mut all = vec![command, "service.deploy", "--var", &release];
        all.extend(if command == "plan" { &[] as &[&str] } else { &["--auto-approve"] });
        all.extend(more);
        self.product.run(&all)
    }

    #[track_caller]
    pub fn ships(&self, release: &str) -> Run {
        self.run("apply", release, &[]).exits(0)
    }

    fn plan(&self, release: &str) -> Run {
        self.run("plan", release, &[]).exits(0)
    }

    /// Begins to ship, and interrupts it once this was said.
    fn interrupted_at(&self, release: &str, said: &str) {
        let release = format!("release={release}");
        let mut apply =
            self.product.command(&["apply", "service.deploy", "--auto-approve", "--var", &release]);
        let log = self.product.path("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut child = apply.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let began = bgform::clock::monotonic();
        while !std::fs::read_to_string(&log).unwrap().contains(said) {
            let waited = bgform::clock::monotonic() - began;
            assert!(waited < Duration::from_secs(60), "{}", std::fs::read_to_string(&log).unwrap());
            std::thread::sleep(Duration::from_millis(100));
        }
        ended(std::process::Command::new("kill").args(["-INT", &child.id().to_string()])).exits(0);
        assert_eq!(child.wait().unwrap().code(), Some(4));
    }

    fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.product.path("state/service/snapshot.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The id in state of a resource.
    pub fn id(&self, address: &str) -> String {
        let shown = self.product.run(&["show", "service.deploy", "--json"]).exits(0).out;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let all = shown["resources"].as_array().unwrap();
        let found = all.iter().find(|one| one["address"] == address).and_then(|one| one["id"].as_str());
        found.unwrap_or_else(|| panic!("{address} in {shown:#}")).to_owned()
    }

    pub async fn cloud(&self) -> Cloud {
        self.product.cloud().await
    }

    /// Minimum, maximum and desired capacity.
    pub async fn sizes(&self, colour: &str) -> [i32; 3] {
        let name = self.id(&format!("autoscaling_group.web[\"{colour}\"]"));
        let groups = self.cloud().await.autoscaling.describe_auto_scaling_groups();
        let groups = groups.auto_scaling_group_names(name).send().await.unwrap();
        let group = &groups.auto_scaling_groups()[0];
        [group.min_size(), group.max_size(), group.desired_capacity()].map(Option::unwrap)
    }

    fn group(&self, colour: &str) -> String {
        self.id(&format!("target_group.web[\"{colour}\"]"))
    }

    /// The weights that the rule has, blue's first.
    pub async fn weights(&self) -> [i32; 2] {
        let rule = self.id("listener_rule.web");
        let rules = self.cloud().await.elbv2.describe_rules().rule_arns(rule).send().await.unwrap();
        let forward = rules.rules()[0].actions()[0].forward_config().unwrap();
        ["blue", "green"].map(|colour| {
            let arn = self.group(colour);
            let of = forward.target_groups().iter().find(|one| one.target_group_arn() == Some(&arn));
            of.and_then(|one| one.weight()).unwrap()
        })
    }

    pub async fn move_weights(&self, blue: i32, green: i32) {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ForwardActionConfig, TargetGroupTuple};
        let tuple = |colour: &str, weight: i32| {
            TargetGroupTuple::builder().target_group_arn(self.group(colour)).weight(weight).build()
        };
        let forward = ForwardActionConfig::builder();
        let forward = forward.target_groups(tuple("blue", blue)).target_groups(tuple("green", green)).build();
        let action = Action::builder().r#type("forward".into()).forward_config(forward).build();
        let modify = self.cloud().await.elbv2;
        modify.modify_rule().rule_arn(self.id("listener_rule.web")).actions(action).send().await.unwrap();
    }
}

#[tokio::test]
async fn sizes_and_tags_change_in_place_and_an_empty_colour_stays_empty() {
    let service = Service::new();
    service.says(&[("1h", "0s")]);
    service.ships("1.0");
    service.ships("2.0").says("web: 2.0 is live on green.");
    assert_eq!(service.sizes("blue").await, [0, 0, 0]);
    let bigger = [
        ("1h", "0s"),
        ("min_size = 2", "tags = { team = \"a\" }\n    min_size = 3"),
        ("max_size = 4", "max_size = 6"),
    ];
    service.says(&bigger);
    let run = service.ships("2.0").says("autoscaling_group.web[\"green\"]");
    assert!(!run.out.contains("on blue"), "it is no rollout: {}", run.out);
    assert_eq!(service.sizes("green").await, [3, 6, 3]);
    assert_eq!(service.sizes("blue").await, [0, 0, 0]);
    service.ships("2.0").says("Nothing to do");
}

#[tokio::test]
async fn an_auto_scaling_group_scaled_by_its_policy_is_no_drift() {
    let service = Service::new();
    service.ships("1.0");
    let name = service.id("autoscaling_group.web[\"blue\"]");
    let scale = service.cloud().await.autoscaling;
    scale.set_desired_capacity().auto_scaling_group_name(&name).desired_capacity(3).send().await.unwrap();
    let plan = service.plan("1.0").says("Nothing to do");
    assert!(!plan.out.contains("desired_capacity"), "{}", plan.out);
    service.plan("2.0").says("raise green to 3 instances of 2.0, as many as blue has");
    service.ships("2.0");
    assert_eq!(service.sizes("green").await, [2, 4, 3]);
    let plan = service.plan("2.0").says("Nothing to do");
    assert!(!plan.out.contains("desired_capacity"), "{}", plan.out);
}

#[tokio::test]
async fn a_health_check_ships_with_the_idle_colour_and_never_touches_the_live_one() {
    let service = Service::new();
    service.ships("1.0");
    let [blue, green] = ["blue", "green"].map(|colour| service.group(colour));
    service.product.wire.record();
    service.says(&[("\"/healthz\"", "\"/ready\"")]);
    service.ships("1.0").says("web: 1.0 on blue, live → 1.0 on green");
    let touched: Vec<String> = service
        .product
        .wire
        .recorded()
        .into_iter()
        .filter(|call| call.action.starts_with("ModifyTargetGroup"))
        .map(|call| call.answer)
        .collect();
    assert!(touched.iter().any(|answer| answer.contains(&green)), "{touched:?}");
    assert!(!touched.iter().any(|answer| answer.contains(&blue)), "{touched:?}");
    service.ships("1.0").says("Nothing to do");
}

#[tokio::test]
async fn a_port_replaces_the_idle_target_group_and_leaves_the_live_one() {
    let service = Service::new();
    service.ships("1.0");
    let [blue, green] = ["blue", "green"].map(|colour| service.group(colour));
    service.says(&[("8080", "9090")]);
    service
        .plan("2.0")
        .says("replace target_group.web[\"green\"]")
        .says("port = 8080 → 9090 # forces replacement");
    service.ships("2.0").says("web: 2.0 is live on green.");
    assert_eq!(service.group("blue"), blue);
    assert_ne!(service.group("green"), green);
    assert_eq!(service.weights().await, [0, 100]);
    service.ships("2.0").says("Nothing to do");
    service.ships("3.0").says("empty blue of 1.0, which is no way back from then on");
    assert_ne!(service.group("blue"), blue);
    assert_eq!(service.weights().await, [100, 0]);
    service.ships("3.0").says("Nothing to do");
    service.run("destroy", "3.0", &[]).exits(0);
}

#[tokio::test]
async fn what_stands_by_is_gone_back_to_without_raising_it_again() {
    let service = Service::new();
    service.ships("1.0");
    service.ships("2.0");
    service.product.wire.take();
    service
        .ships("1.0")
        .says("web: 2.0 on green, live → 1.0 on blue, rollback 100% (the release that stands by: a rollback)")
        .says("web: 1.0 is live on blue.");
    assert_eq!(service.weights().await, [100, 0]);
    let calls = service.product.wire.take();
    assert!(
        !calls.iter().any(|call| call == "UpdateAutoScalingGroup" || call.starts_with("Terminate")),
        "{calls:?}"
    );
    service.ships("1.0").says("Nothing to do");
}

#[tokio::test]
async fn another_release_waits_for_the_one_under_way_unless_it_supersedes_it() {
    let service = Service::new();
    service.ships("1.0");
    service.says(&[ASKS]);
    service.interrupted_at("2.0", "waiting for approval");
    service.plan("2.0").says("(goes on where it was)").says("done");
    service
        .run("apply", "3.0", &[])
        .exits(1)
        .says("`web` is still shipping 2.0, and the file says 3.0")
        .says("or pass --supersede: the traffic goes back to the old colour first, and 2.0 is given up");
    service.run("apply", "1.0", &[]).exits(1).says("`web` is still shipping 2.0");
    service
        .run("apply", "1.0", &["--supersede"])
        .exits(0)
        .says("web: 1.0 on blue stays live and has all traffic again, 2.0 on green is given up");
    assert_eq!(service.sizes("green").await, [0, 0, 0]);
    assert_eq!(service.weights().await, [100, 0]);
    service.ships("1.0").says("Nothing to do");

    service.says(&[ASKS]);
    service.interrupted_at("2.0", "waiting for approval");
    service.says(&[]);
    service
        .run("apply", "3.0", &["--supersede"])
        .exits(0)
        .says("web: 1.0 on blue, live → 3.0 on green, blue_green 100%; 2.0 on green is given up first")
        .says("web: 3.0 is live on green.");
    assert_eq!(service.weights().await, [0, 100]);
}

#[tokio::test]
async fn weights_moved_by_hand_are_shown_and_asked_about() {
    let service = Service::new();
    service.ships("1.0");
    service.move_weights(60, 40).await;
    service.plan("1.0").says("listener_rule.web").says("weight");
    service
        .run("apply", "1.0", &[])
        .exits(1)
        .says("the traffic of `listener_rule.web` was moved from outside, and this plan would move it back");
    assert_eq!(service.weights().await, [60, 40]);
    service.run("apply", "1.0", &["--accept-drift"]).exits(0);
    assert_eq!(service.weights().await, [100, 0]);

    // While a rollout is under way, too.
    service.says(&[ASKS]);
    service.interrupted_at("2.0", "waiting for approval");
    service.move_weights(30, 70).await;
    service
        .run("apply", "2.0", &[])
        .exits(1)
        .says("the traffic of `listener_rule.web` was moved from outside");
    assert_eq!(service.weights().await, [30, 70]);
    service.says(&[]);
    service.run("destroy", "2.0", &[]).exits(0);
}

#[tokio::test]
async fn a_deployment_taken_out_of_the_file_goes_with_its_facts() {
    let service = Service::new();
    service.ships("1.0");
    service.ships("2.0");
    let without = &SERVICE[..SERVICE.find("deployment").unwrap()];
    service.product.write("service.deploy", without);
    service.run("apply", "2.0", &[]).exits(1).says("nothing else forwards to").says("--allow-outage");
    service.run("apply", "2.0", &["--allow-outage"]).exits(0).says("6 deleted");
    assert!(service.state().to_string().contains("load_balancer.edge"));
    assert!(!service.state().to_string().contains("fingerprint"), "{:#}", service.state());
    service.says(&[]);
    service.ships("3.0").says("web: first release 3.0 on blue");
}

#[tokio::test]
async fn destroy_takes_a_deployment_away_in_the_middle_of_a_rollout() {
    let service = Service::new();
    service.ships("1.0");
    service.says(&[ASKS]);
    service.interrupted_at("2.0", "waiting for approval");
    service.run("destroy", "2.0", &[]).exits(0).says("8 deleted");
    assert!(!service.state().to_string().contains("fingerprint"), "{:#}", service.state());
    let groups = service.cloud().await.elbv2.describe_target_groups().send().await.unwrap();
    assert!(groups.target_groups().is_empty());
    service.says(&[]);
    service.ships("3.0").says("web: first release 3.0 on blue");
}

#[test]
fn a_first_release_that_failed_is_followed_by_another() {
    let service = Service::new();
    let fails = ASKS.1.replace("approval {}", "command = [\"false\"]");
    service.says(&[(ASKS.0, &fails)]);
    service.run("apply", "1.0", &[]).exits(6).says("gate \"go\" did not pass");
    service.says(&[]);
    service.ships("1.1").says("web: 1.1 is live on blue.");
    service.ships("1.1").says("Nothing to do");
}

#[test]
fn a_colour_is_referred_to_as_any_other_instance() {
    let service = Service::new();
    let text = format!(
        "{SERVICE}\noutput \"blue\" {{\n  value = target_group.web[\"blue\"].arn\n}}\n\noutput \"groups\" {{\n  value = \
         [for colour, group in autoscaling_group.web : \"${{colour}} ${{group.name}}\"]\n}}\n"
    );
    service.product.write("service.deploy", &text);
    service.ships("1.0").says("blue = arn:aws:elasticloadbalancing:").says("green service-web-green-");
}

#[test]
fn names_carry_the_colour_and_are_refused_when_too_long() {
    let service = Service::new();
    let named =
        |name: &str| ("    port                 = 8080", format!("    name = \"{name}\"\n    port = 8080"));
    let (old, new) = named("checkout");
    service.says(&[(old, &new)]);
    service.plan("1.0").says("name = \"checkout-blue\"").says("name = \"checkout-green\"");
    let (old, new) = named("a-service-with-quite-a-long-name");
    service.says(&[(old, &new)]);
    service.run("plan", "1.0", &[]).exits(2).says("32 characters");
}

/// Commands on running instances: moto runs none of them and calls each a success.
#[tokio::test(flavor = "multi_thread")]
async fn in_place_ships_and_fails_on_moto() {
    let service = Service::new();
    let in_place = "  strategy \"in_place\" {\n    run = [\"echo ${var.release}\"]\n  }\n";
    let whole = "  strategy \"blue_green\" {\n    retire_after = 1h\n  }\n";
    service.says(&[(whole, in_place)]);
    service.ships("1.0");
    service.ships("2.0").says("2.0 is live on blue");
    assert_eq!((service.sizes("blue").await, service.weights().await), ([2, 4, 2], [100, 0]));
    let fails =
        format!("  gate \"smoke\" {{\n    at = \"after_shift\"\n    command = [\"false\"]\n  }}\n{in_place}");
    service.says(&[(whole, &fails)]);
    service.run("apply", "3.0", &[]).exits(5).says("3.0 was taken back; 2.0 on blue carries all traffic");
    assert_eq!(service.sizes("blue").await, [2, 4, 2]);
    service.run("plan", "2.0", &["--detailed-exitcode"]).exits(0);
    service.product.run(&["destroy", "service.deploy", "--auto-approve"]).exits(0);
}

/// moto has no instance refresh: the release fails, the message tells why, and the old one stands.
#[tokio::test(flavor = "multi_thread")]
async fn rolling_fails_on_moto_and_leaves_the_old_release() {
    let service = Service::new();
    let whole = "  strategy \"blue_green\" {\n    retire_after = 1h\n  }\n";
    service.says(&[(whole, "  strategy \"rolling\" {\n  }\n")]);
    service.ships("1.0");
    let run = service.run("apply", "2.0", &[]).exits(6);
    println!("{}{}", run.out, run.err);
    assert_eq!((service.sizes("blue").await, service.weights().await), ([2, 4, 2], [100, 0]));
}

/// Each mistake is one diagnostic that says what to write.
#[test]
fn mistakes_in_a_deployment_are_told_one_by_one() {
    let service = Service::new();
    let gate = |text: &str| format!("  gate \"go\" {{\n    at = \"before_shift\"\n{text}  }}\n\n{}", ASKS.0);
    let (nothing, both, unreachable) = (
        gate(""),
        gate("    command = [\"true\"]\n    approval {}\n"),
        gate("    http {\n      path = \"/\"\n    }\n"),
    );
    let listener = &SERVICE[SERVICE.find("  listener_rule {").unwrap()..SERVICE.find("  strategy").unwrap()];
    let canary = "  strategy \"canary\" {\n    steps    = [50%, 5%]\n    interval = 1s\n";
    let whole = "  strategy \"blue_green\" {\n    retire_after = 1h\n  }\n";
    let kept = |gate: &str| format!("  gate \"go\" {{\n{gate}  }}\n\n  strategy \"rolling\" {{\n  }}\n");
    let metric = "    at = \"shift\"\n    metric {\n      namespace = \"a\"\n      name = \"b\"\n      statistic = \"Sum\"\n      \
                  max = 1\n      dimensions = { TargetGroup = old.target_group.arn_suffix, Release = old.release }\n    }\n";
    let (old, retire, early) = (
        kept(metric),
        kept("    at = \"before_retire\"\n    command = [\"true\"]\n"),
        kept("    at = \"before_launch\"\n    http {\n      path = \"/\"\n    }\n"),
    );
    let twice = format!("  strategy \"blue_green\" {{\n  }}\n\n{}", ASKS.0);
    let cases: &[(&str, &str, &str)] = &[
        (listener, "", "`deployment` needs a `listener_rule` or a `listener` block"),
        (ASKS.0, &twice, "strategy"),
        ("  release = var.release\n", "  release = var.release\n  realese = 1\n", "realese"),
        ("\"blue_green\"", "\"bluegreen\"", "blue_green"),
        (ASKS.0, &nothing, "gate \"go\" checks nothing"),
        (ASKS.0, &both, "gate \"go\" checks more than one thing"),
        (ASKS.0, &unreachable, "gate \"go\" cannot reach the new colour before the shift"),
        ("  strategy \"blue_green\" {\n", canary, "the steps of a canary rise"),
        (
            "min_size = 2",
            "min_size = 2\n    target_groups = []",
            "a deployment sets `target_groups` of its `autoscaling_group` itself",
        ),
        ("min_size = 2", "min_sise = 2", "min_sise"),
        (whole, &old, "strategy \"rolling\" has no old colour"),
        (whole, &retire, "passed before the old colour is retired, and strategy \"rolling\" has none"),
        (whole, &early, "asks the new release before any instance has it"),
    ];
    for (old, new, said) in cases {
        service.says(&[(old, new)]);
        let run =
            service.product.run(&["validate", "service.deploy", "--var", "release=1.0"]).exits(2).says(said);
        println!("{}", run.err);
        assert!(run.err.contains("1 mistake in") || *said == "min_sise", "{}", run.err);
    }
}

#[tokio::test]
async fn a_saved_plan_holds_its_rollout_and_is_refused_when_that_would_be_another() {
    let service = Service::new();
    service.ships("1.0");
    service.run("plan", "2.0", &["--out", "second.bgplan"]).exits(0);
    let product = &service.product;
    product.wire.take();
    let raise = "raise green to 2 instances of 2.0, as many as blue has; all healthy";
    let shown = product.run(&["show", "second.bgplan"]).exits(0);
    shown.says("web: 1.0 on blue, live → 2.0 on green, blue_green 100%").says(raise).says("Plan:");
    let shown = product.run(&["show", "second.bgplan", "--json"]).exits(0).out;
    assert!(product.wire.take().is_empty(), "what was saved is shown without a call");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let planned: Value = serde_json::from_str(&service.run("plan", "2.0", &["--json"]).exits(0).out).unwrap();
    assert_eq!((&shown["version"], &shown), (&2.into(), &planned));
    let web = &shown["rollouts"][0];
    assert_eq!((&web["old"]["release"], &web["release"]), (&"1.0".into(), &"2.0".into()));
    assert!(web["proved"]["points"].as_u64().unwrap() > 0, "{web:#}");
    let last = web["stages"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["stage"], &last["weights"]["green"]), (&"retire".into(), &100.into()));

    // The live fleet has grown, so that as many are raised beside it.
    let scale = service.cloud().await.autoscaling.set_desired_capacity().desired_capacity(3);
    let name = service.id("autoscaling_group.web[\"blue\"]");
    scale.auto_scaling_group_name(name).send().await.unwrap();
    product.wire.take();
    product
        .run(&["apply", "second.bgplan"])
        .exits(1)
        .says("the rollout of `web` has changed since the plan was made")
        .says("bgform::plan::saved_rollout");
    assert_eq!(service.weights().await, [100, 0]);
    service.run("plan", "2.0", &["--out", "third.bgplan"]).exits(0).says("raise green to 3 instances of 2.0");
    product.run(&["apply", "third.bgplan"]).exits(0).says("web: 2.0 is live on green.");
}
