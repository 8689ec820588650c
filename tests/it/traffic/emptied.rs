//! Groups whose instances carry traffic and that are emptied: refused, or after others have their place.

use super::deployment::GROUND;
use crate::kit::load::Load;
use crate::kit::product::Product;

const APPLY: &[&str] = &["apply", "--auto-approve"];

/// One target group with a rule, and these Auto Scaling groups in it: name, size, subnets' number.
fn stack(groups: &[(&str, u32)]) -> String {
    let group = |(name, size): &(&str, u32)| {
        format!(
            "
autoscaling_group \"{name}\" {{
  launch_template  = launch_template.shop
  subnets          = subnets.all
  min_size         = {size}
  max_size         = {size}
  desired_capacity = {size}
  target_groups    = [target_group.shop]
}}
"
        )
    };
    let groups: String = groups.iter().map(group).collect();
    format!(
        "{GROUND}
launch_template \"shop\" {{
  image         = image.hello
  instance_type = \"t3.micro\"
  user_data     = \"#!/bin/sh\\necho 1.0 > release\\n\"
}}

target_group \"shop\" {{
  vpc                  = vpc.main
  port                 = 8080
  protocol             = \"HTTP\"
  deregistration_delay = 2s

  health_check {{
    path                = \"/healthz\"
    interval            = 5s
    timeout             = 2s
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }}
}}

listener_rule \"shop\" {{
  listener = listener.http
  priority = 10

  condition {{
    path_pattern = [\"/*\"]
  }}

  action \"forward\" {{
    group = target_group.shop
  }}
}}
{groups}"
    )
}

fn start(groups: &[(&str, u32)]) -> (Product, String) {
    let product = Product::on_sandbox(&[]);
    product.write("s.deploy", &stack(groups));
    let run = product.run(APPLY).exits(0);
    let url = run.out.lines().find_map(|line| line.trim().strip_prefix("url = ")).expect("a url");
    (product, url.trim_matches('"').to_owned())
}

#[test]
fn a_group_that_carries_traffic_is_not_emptied_without_a_question() {
    let (product, _) = start(&[("old", 2)]);
    product.write("s.deploy", &stack(&[("old", 0)]));
    product
        .run(APPLY)
        .exits(1)
        .says("it is emptied of 2 targets of `target_group.shop`")
        .says("--allow-outage");
    // Fewer than go.
    product.write("s.deploy", &stack(&[("old", 0), ("new", 1)]));
    product.run(APPLY).exits(1).says("it is emptied of 2 targets of `target_group.shop`");
    // As many as one of two, each of which goes.
    product.write("s.deploy", &stack(&[("old", 2), ("older", 2)]));
    product.run(APPLY).exits(0);
    product.write("s.deploy", &stack(&[("old", 0), ("older", 0), ("new", 2)]));
    product.run(APPLY).exits(1).says("it is emptied of 2 targets of `target_group.shop`");
    product.write("s.deploy", &stack(&[("old", 2), ("older", 0), ("new", 2)]));
    product.run(APPLY).exits(0);
    product.write("s.deploy", &stack(&[("old", 1), ("new", 2)]));
    product.run(&[APPLY, &["--allow-outage"]].concat()).exits(0);
    product.write("s.deploy", &stack(&[("old", 1)]));
    product.run(&[APPLY, &["--allow-outage"]].concat()).exits(0);
    product.write("s.deploy", &stack(&[("old", 1)]));
    product.run(APPLY).exits(0);
    product.write("s.deploy", &stack(&[("old", 0)]));
    product.run(&[APPLY, &["--allow-outage"]].concat()).exits(0);
}

/// By size, by another group, and by a replacement.
#[test]
fn a_group_goes_once_as_many_healthy_targets_are_beside_it() {
    let (product, url) = start(&[("one", 2)]);
    let load = Load::on(&url, 2, 2);
    for groups in [&[("one", 0), ("two", 2)][..], &[("one", 0), ("three", 2)], &[("one", 2), ("three", 0)]] {
        product.write("s.deploy", &stack(groups));
        let run = product.run(APPLY);
        assert_eq!(run.code, 0, "{groups:?}: {}", run.err);
        product.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
    product.run(&[APPLY, &["--replace", "autoscaling_group.one"]].concat()).exits(0);
    let tally = load.end();
    assert!(tally.failed.is_empty(), "{} of {}: {:?}", tally.failed.len(), tally.sent, tally.failed.first());
    assert!(tally.sent > 100);
}
