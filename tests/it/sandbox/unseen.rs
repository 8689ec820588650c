//! What was made just before a kill and shows itself only after recovery has looked: the create that
//! follows goes on as the same operation, so that it is not made twice.

use std::collections::BTreeMap;

use crate::lifecycle::everything;
use crate::product::Product;
use crate::wire::{Counted, Fault, Moment};

const STACK: &str = r#"
stack "late" {
  region = "us-east-1"
}

existing vpc "main" {
  default = true
}

existing subnets "all" {
  vpc = vpc.main
}

existing image "base" {
  owners      = ["amazon"]
  name        = "bgform-hello-*"
  most_recent = true
}

security_group "web" {
  vpc = vpc.main
}

launch_template "web" {
  image         = image.base
  instance_type = "t3.micro"
}

instance "main" {
  image           = image.base
  instance_type   = var.type
  security_groups = [security_group.web]
}

variable "type" {
  type    = string
  default = "t3.micro"
}
"#;

const BALANCED: &str = r#"
target_group "web" {
  vpc      = vpc.main
  port     = 8080
  protocol = "HTTP"
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

listener_rule "web" {
  listener = listener.http
  priority = 10

  condition {
    path_pattern = ["/*"]
  }

  action "forward" {
    group = target_group.web
  }
}
"#;

const APPLY: &[&str] = &["apply", "--auto-approve", "--parallelism", "1"];

fn killed_at(product: &Product, action: &str) {
    let under = product.begin(APPLY);
    let wire = &product.wire;
    let killed = wire.kill_around(under.child, Counted::Of(action.to_owned()), 0, Moment::BeforeItsAnswer);
    let said = std::fs::read_to_string(product.path("err")).unwrap();
    assert!(killed.is_some(), "no {action}: {said}");
}

/// How many there are of each kind.
fn listed(product: &Product) -> BTreeMap<&'static str, usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { everything(&product.cloud().await).await })
}

/// Of these there is one more than before, and a plan finds nothing to do.
fn stands_once(product: &Product, before: &BTreeMap<&str, usize>, kinds: &[&str], plan: &[&str]) {
    let there = listed(product);
    for kind in kinds {
        assert_eq!(there.get(kind), before.get(kind).map(|count| count + 1).as_ref(), "{kind}: {there:?}");
    }
    product.run(&[&["plan", "--detailed-exitcode"], plan].concat()).exits(0);
}

#[test]
fn what_ec2_shows_only_after_recovery_has_looked_is_not_made_twice() {
    let product = Product::on_sandbox(&["eventual=14s"]);
    product.write("late.deploy", STACK);
    let before = listed(&product);
    for action in ["CreateSecurityGroup", "CreateLaunchTemplate", "RunInstances"] {
        killed_at(&product, action);
    }
    product.run(APPLY).exits(0).says("nothing had been made");
    product.local.as_ref().unwrap().faults.clear();
    stands_once(&product, &before, &["instances", "security groups", "launch templates"], &[]);
}

/// Said again with other parameters, AWS refuses the token: the repeat stays in doubt, and by then the first
/// one shows.
#[test]
fn what_shows_late_and_is_wanted_otherwise_by_then_is_not_made_twice() {
    let product = Product::on_sandbox(&["eventual=14s"]);
    product.write("late.deploy", STACK);
    let before = listed(&product);
    killed_at(&product, "RunInstances");
    let changed_by = &["--var", "type=t3.small"];
    let changed = [APPLY, changed_by].concat();
    product.run(&changed).exits(1).says("IdempotentParameterMismatch");
    product.local.as_ref().unwrap().faults.clear();
    product.run(&changed).exits(0).says("it had been made, and is adopted");
    stands_once(&product, &before, &["instances"], changed_by);
}

#[test]
fn what_elastic_load_balancing_shows_only_after_recovery_has_looked_is_not_made_twice() {
    let product = Product::on_sandbox(&[]);
    product.write("late.deploy", &format!("{STACK}{BALANCED}"));
    let before = listed(&product);
    let none = "<DescribeTagsResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><DescribeTagsResult>\
                <TagDescriptions/></DescribeTagsResult></DescribeTagsResponse>";
    for action in ["CreateTargetGroup", "CreateLoadBalancer", "CreateListener", "CreateRule"] {
        killed_at(&product, action);
        // Four looks within three seconds, and one after the repeat was refused.
        for _ in 0..5 {
            product.wire.fault_once("DescribeTags", 0, Fault::Answer(200, none.to_owned()));
        }
    }
    product.run(APPLY).exits(0).says("nothing had been made");
    stands_once(&product, &before, &["load balancers", "target groups", "rules"], &[]);
}
