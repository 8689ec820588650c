//! What apply does with a plan: saved ones, failures in the middle, targets, replacements.

use crate::kit::product::Product;
use crate::kit::wire::{Fault, is_read};

const STACK: &str = r#"
stack "s" {
  region = "us-east-1"
}

variable "port" {
  type    = number
  default = 80
}

variable "secret" {
  type      = string
  default   = "hunter2-hunter2"
  sensitive = true
}

existing vpc "main" {
  default = true
}

existing image "base" {
  owners      = ["amazon"]
  name        = "amzn2-ami-hvm-2.0.*-x86_64-gp2"
  most_recent = true
}

security_group "web" {
  vpc         = vpc.main
  description = "web"

  ingress {
    protocol = "tcp"
    port     = var.port
    cidr     = ["10.0.0.0/8"]
  }
}

target_group "web" {
  vpc      = vpc.main
  port     = 8080
  protocol = "HTTP"
}

launch_template "web" {
  image           = image.base
  instance_type   = "t3.small"
  security_groups = [security_group.web]
  user_data       = <<-EOT
    #!/bin/sh
    export KEY=${var.secret}
    exec /opt/serve
  EOT
}

output "group" {
  value = target_group.web.arn
}
"#;

fn product() -> Product {
    let product = Product::on_moto();
    product.write("s.deploy", STACK);
    product
}

#[test]
fn a_saved_plan_is_applied_as_it_was_shown_or_not_at_all() {
    let product = product();
    product.run(&["plan", "--out", "first.bgplan"]).exits(0).says("bgform apply first.bgplan");
    product.run(&["apply", "first.bgplan"]).exits(0).says("3 created");
    // The state has moved on.
    product.run(&["apply", "first.bgplan"]).exits(1).says("plan --out");

    product.run(&["plan", "--var", "port=81", "--out", "second.bgplan"]).exits(0).says("1 to update");
    product.write("s.deploy", &STACK.replace("10.0.0.0/8", "10.0.0.0/16"));
    product.wire.take();
    product.run(&["apply", "second.bgplan"]).exits(1).says("stack");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
    product.write("s.deploy", STACK);
    product.run(&["apply", "second.bgplan", "--var", "port=82"]).exits(2).says("fixes its variables");
    product.run(&["apply", "second.bgplan"]).exits(0).says("1 updated");
    product.run(&["plan", "--var", "port=81", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_failed_step_stops_what_waits_for_it_and_nothing_else() {
    let product = product();
    let refused = "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>no such thing</Message></Error>\
                   </Errors><RequestID>r</RequestID></Response>";
    product.wire.fault_once("CreateSecurityGroup", 0, Fault::Answer(400, refused.to_owned()));
    product
        .run(&["apply", "--auto-approve"])
        .exits(6)
        .says("could not create `security_group.web`: EC2 CreateSecurityGroup answered InvalidParameterValue: no such thing")
        .says("not done: create launch_template.web, which waits for security_group.web")
        .says("1 created");
    product.run(&["plan"]).exits(0).says("Plan: 2 to create.");
    product.run(&["apply", "--auto-approve"]).exits(0).says("2 created").says("group = arn:");
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_throttled_call_is_repeated_and_a_dropped_read_too() {
    let product = product();
    let throttled = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow down</Message></Error>\
                     </Errors><RequestID>r</RequestID></Response>";
    product.wire.fault_once("CreateSecurityGroup", 0, Fault::Answer(503, throttled.to_owned()));
    product.wire.fault_once("DescribeVpcs", 0, Fault::AnswerLost);
    product.run(&["apply", "--auto-approve"]).exits(0).says("3 created");
}

#[test]
fn a_target_brings_what_it_needs_and_leaves_the_rest() {
    let product = product();
    let target = ["apply", "--auto-approve", "--target", "launch_template.web"];
    product.run(&target).exits(0).says("2 created");
    product.run(&["plan"]).exits(0).says("Plan: 1 to create.");
    product
        .run(&["plan", "--target", "launch_template.wbe"])
        .exits(2)
        .says("did you mean `launch_template.web`?");
}

#[test]
fn a_replacement_is_made_before_the_old_one_goes() {
    let product = product();
    product.run(&["apply", "--auto-approve"]).exits(0);
    product.wire.take();
    product.run(&["apply", "--auto-approve", "--replace", "target_group.web"]).exits(0);
    let calls: Vec<_> = product.wire.take().into_iter().filter(|call| !is_read(call)).collect();
    assert_eq!(calls, ["CreateTargetGroup", "DeleteTargetGroup"]);
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn what_is_taken_out_of_the_stack_goes_and_what_is_protected_stays() {
    let product = product();
    product.run(&["apply", "--auto-approve"]).exits(0);
    let without = STACK.replace("output \"group\" {\n  value = target_group.web.arn\n}\n", "");
    let start = without.find("target_group \"web\"").unwrap();
    let end = without.find("launch_template \"web\"").unwrap();
    let without = format!("{}{}", &without[..start], &without[end..]);
    product.write("s.deploy", &without);
    product.run(&["plan"]).exits(0).says("- delete target_group.web").says("1 to delete");
    product.run(&["apply", "--auto-approve"]).exits(0).says("1 deleted");
    let protected = without.replace(
        "description = \"web\"",
        "description = \"web\"\n  lifecycle {\n    prevent_destroy = true\n  }",
    );
    product.write("s.deploy", &protected);
    product.run(&["apply", "--auto-approve"]).exits(0);
    product.run(&["destroy", "--auto-approve"]).exits(1).says("prevent_destroy");
}

#[test]
fn a_secret_is_shown_nowhere() {
    let product = product();
    let apply = product.run(&["apply", "--auto-approve", "-v"]).exits(0);
    let runs = [
        apply,
        product.run(&["plan", "--var", "secret=hunter3-hunter3"]),
        product.run(&["plan", "--var", "secret=hunter3-hunter3", "--json"]),
        product.run(&["show", "launch_template.web"]),
        product.run(&["show", "--json"]),
    ];
    for run in runs {
        assert!(!run.out.contains("hunter") && !run.err.contains("hunter"), "{}\n{}", run.out, run.err);
    }
    product.run(&["plan", "--var", "secret=hunter3-hunter3"]).exits(0).says("(sensitive)");
}

#[test]
fn an_interrupt_ends_what_is_under_way_and_the_next_apply_goes_on() {
    let product = Product::on_moto();
    product.copy_stack("explicit.deploy");
    let apply = product
        .command(&["apply", "explicit.deploy", "--auto-approve"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // The images, the templates and the groups wait for this call's answer.
    while !product.wire.take().iter().any(|call| call == "RunInstances") {
        std::thread::yield_now();
    }
    let interrupt = std::process::Command::new("kill").args(["-INT", &apply.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    let ended = apply.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(4), "{said}");
    assert!(said.contains("Interrupted: no new step begins"), "{said}");
    assert!(said.contains("not done: create autoscaling_group.shop[\"blue\"]"), "{said}");
    assert!(said.contains("created instance.source"), "what was under way has ended: {said}");
    product.run(&["apply", "explicit.deploy", "--auto-approve"]).exits(0);
    product.run(&["plan", "explicit.deploy", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_rule_that_carries_traffic_is_not_deleted_unasked() {
    let product = Product::on_moto();
    product.copy_stack("explicit.deploy");
    product.run(&["apply", "explicit.deploy", "--auto-approve"]).exits(0);
    let text = std::fs::read_to_string(product.path("explicit.deploy")).unwrap();
    let (start, end) = (text.find("listener_rule \"shop\"").unwrap(), text.find("output \"url\"").unwrap());
    product.write("explicit.deploy", &format!("{}{}", &text[..start], &text[end..]));
    product
        .run(&["plan", "explicit.deploy"])
        .exits(1)
        .says("nothing else forwards to")
        .says("--allow-outage");
    product.run(&["plan", "explicit.deploy", "--allow-outage"]).exits(0).says("- delete listener_rule.shop");
}
