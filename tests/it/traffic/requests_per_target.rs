//! Scaling policies by requests per target: AWS takes them once the load balancer routes to the group's target
//! group, and each colour of a deployment has its own.

use super::deployment::{DEPLOYMENT, GROUND};
use crate::kit::product::{Product, Run};
use crate::kit::wire::Fault;

const APPLY: &[&str] = &["apply", "--auto-approve"];
const SAME: &[&str] = &["plan", "--detailed-exitcode"];

/// A policy that counts the requests of this target group.
fn policy(target_group: &str, target: u32) -> String {
    format!(
        "scaling_policy {{
    name              = \"requests\"
    predefined_metric = \"ALBRequestCountPerTarget\"
    resource_label    = \"${{load_balancer.web.arn_suffix}}/${{{target_group}.arn_suffix}}\"
    target_value      = {target}
  }}
"
    )
}

/// A group that serves a target group, with these policies, and a rule that forwards to it, if one is there.
fn one(name: &str, policies: &str, rule: Option<u32>) -> String {
    let rule = rule.map(|priority| {
        format!(
            "
listener_rule \"{name}\" {{
  listener = listener.http
  priority = {priority}

  condition {{
    path_pattern = [\"/{name}\"]
  }}

  action \"forward\" {{
    group = target_group.{name}
  }}
}}
"
        )
    });
    format!(
        "
launch_template \"{name}\" {{
  image         = image.hello
  instance_type = \"t3.micro\"
}}

target_group \"{name}\" {{
  vpc      = vpc.main
  port     = 8080
  protocol = \"HTTP\"

  health_check {{
    path                = \"/healthz\"
    interval            = 5s
    timeout             = 2s
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}

autoscaling_group \"{name}\" {{
  launch_template = launch_template.{name}
  subnets         = subnets.all
  min_size        = 1
  max_size        = 2
  target_groups   = [target_group.{name}]
  {policies}
}}
{}",
        rule.unwrap_or_default()
    )
}

/// The calls of these names, in their order.
fn calls(product: &Product, names: &[&str]) -> Vec<String> {
    product.wire.take().into_iter().filter(|call| names.contains(&call.as_str())).collect()
}

#[test]
fn a_policy_by_requests_comes_after_the_rule_that_names_its_target_group() {
    let product = Product::on_sandbox(&[]);
    let own = "target_group.shop";
    let text = |more: &str| product.write("s.deploy", &format!("{GROUND}{more}"));
    let order = || calls(&product, &["CreateAutoScalingGroup", "CreateRule", "PutScalingPolicy"]);
    text(&one("shop", &policy(own, 100), Some(10)));
    product.wire.take();
    product.run(APPLY).exits(0);
    assert_eq!(order(), ["CreateAutoScalingGroup", "CreateRule", "PutScalingPolicy"]);
    product.run(SAME).exits(0);
    // The rule stands, and the policy is changed in place, and taken away, and put again.
    for policies in [policy(own, 200), String::new(), policy(own, 300)] {
        text(&one("shop", &policies, Some(10)));
        product.run(APPLY).exits(0).says("1 updated");
        product.run(SAME).exits(0);
    }
    // A group that nothing forwards to gets its rule and its policy by one apply.
    text(&format!("{}{}", one("shop", &policy(own, 300), Some(10)), one("other", "", None)));
    product.run(APPLY).exits(0);
    let other = one("other", &policy("target_group.other", 100), Some(20));
    text(&format!("{}{other}", one("shop", &policy(own, 300), Some(10))));
    product.wire.take();
    product.run(APPLY).exits(0);
    assert_eq!(order(), ["CreateRule", "PutScalingPolicy"]);
    product.run(SAME).exits(0);
}

/// The API's own words, where nothing forwards.
#[test]
fn a_policy_by_requests_is_refused_while_nothing_forwards_to_the_target_group() {
    let product = Product::on_sandbox(&[]);
    product.write("s.deploy", &format!("{GROUND}{}", one("shop", &policy("target_group.shop", 100), None)));
    product.run(APPLY).exits(6).says("The load balancer does not route traffic to the target group");
    product
        .write("s.deploy", &format!("{GROUND}{}", one("shop", &policy("target_group.shop", 100), Some(10))));
    product.run(APPLY).exits(0);
    product.run(SAME).exits(0);
}

/// Auto Scaling learns of a rule later than the load balancer (eventual consistency).
#[test]
fn a_policy_by_requests_that_comes_too_early_is_put_again() {
    let product = Product::on_sandbox(&[]);
    let early = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>The load balancer does not \
                 route traffic to the target group.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>";
    product
        .write("s.deploy", &format!("{GROUND}{}", one("shop", &policy("target_group.shop", 100), Some(10))));
    product.wire.fault_once("PutScalingPolicy", 0, Fault::Answer(400, early.to_owned()));
    product.run(APPLY).exits(0);
    assert_eq!(calls(&product, &["PutScalingPolicy"]).len(), 2);
    product.run(SAME).exits(0);
}

fn deployment(policies: &str, strategy: &str) -> String {
    let text = DEPLOYMENT.replace("NAME", "web").replace("RELEASE", "var.release").replace("PATH", "/*");
    let text = text.replace("PRIORITY", "10").replace("MORE", strategy);
    let text = text.replace("    max_size                  = 6\n", &format!("    max_size = 6\n{policies}"));
    assert!(text.contains(policies));
    format!("{GROUND}{text}")
}

fn ships(strategy: &str, again: bool) {
    let product = Product::on_sandbox(&[]);
    product.write("s.deploy", &deployment(&policy("self.target_group", 100), strategy));
    let release = |args: &[&str], release: &str| -> Run {
        let variable = format!("release={release}");
        product.run(&[args, &["--var", &variable]].concat())
    };
    release(APPLY, "1.0").exits(0);
    release(SAME, "1.0").exits(0);
    if again {
        release(APPLY, "2.0").exits(0);
        release(SAME, "2.0").exits(0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut labels: Vec<(String, String)> = runtime.block_on(async {
        let scaling = product.cloud().await.autoscaling;
        let policies = scaling.describe_policies().send().await.expect("policies");
        let groups = scaling.describe_auto_scaling_groups().send().await.expect("groups");
        let of = |policy: &aws_sdk_autoscaling::types::ScalingPolicy| {
            let tracking = policy.target_tracking_configuration().expect("a target");
            let metric = tracking.predefined_metric_specification().expect("a metric");
            let mut groups = groups.auto_scaling_groups().iter();
            let group =
                groups.find(|group| group.auto_scaling_group_name() == policy.auto_scaling_group_name());
            let served = group.expect("a group").target_group_arns()[0].clone();
            (metric.resource_label().expect("a label").to_owned(), served)
        };
        policies.scaling_policies().iter().map(of).collect()
    });
    assert_eq!(labels.len(), 2, "{strategy}");
    for (label, served) in &labels {
        let (_, group) = label.split_once("/targetgroup/").expect("a label");
        assert!(served.ends_with(&format!(":targetgroup/{group}")), "{strategy}: {label} is not of {served}");
    }
    labels.dedup();
    assert_eq!(labels.len(), 2, "{strategy}");
    if again {
        // A state that is built again has the policies of both colours.
        std::fs::remove_dir_all(product.path("state")).expect("a state");
        release(&["state", "rebuild", "--auto-approve"], "2.0").exits(0);
        release(SAME, "2.0").exits(0);
        let rehearsal = ["rehearse", "s.deploy", "--from", "release=1.0", "--speed", "30", "--rps", "20"];
        release(&rehearsal, "2.0").exits(0);
    }
}

#[test]
fn each_colour_scales_by_the_requests_of_its_own_target_group() {
    let strategies = [
        ("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n", true),
        ("  strategy \"canary\" {\n    steps    = [50%]\n    interval = 1s\n  }\n", false),
        ("  strategy \"linear\" {\n    step     = 50%\n    interval = 1s\n  }\n", false),
        ("  strategy \"rolling\" {\n    min_healthy = 50%\n  }\n", false),
        ("  strategy \"in_place\" {\n    batch = 50%\n    run   = [\"true\"]\n  }\n", false),
    ];
    std::thread::scope(|scope| {
        for (strategy, again) in strategies {
            scope.spawn(move || ships(strategy, again));
        }
    });
}

#[test]
fn a_colour_is_not_named_where_each_has_its_own() {
    let product = Product::alone();
    let blue_green = "  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n";
    for (group, said, help) in [
        (
            "target_group.web[\"blue\"]",
            "`autoscaling_group` names target groups of `web` by their colour",
            "write self.target_group in place of target_group.web[...]",
        ),
        (
            "target_group.web[each.key]",
            "`autoscaling_group` names target groups of `web` by their colour",
            "write self.target_group in place of target_group.web[...]",
        ),
        ("self.launch_template", "`self` has no `launch_template`", "self.target_group is the colour's own"),
    ] {
        product.write("s.deploy", &deployment(&policy(group, 100), blue_green));
        product.run(&["validate"]).exits(2).says(said).says(help);
    }
    let text = deployment(&policy("self.target_group", 100), blue_green);
    product.write("s.deploy", &text);
    product.run(&["validate"]).exits(0);
    let elsewhere = text.replace("echo ${var.release}", "echo ${self.target_group.arn} ${var.release}");
    assert_ne!(elsewhere, text);
    product.write("s.deploy", &elsewhere);
    product.run(&["validate"]).exits(2).says("is each colour's own, and stands in `autoscaling_group` only");
}
