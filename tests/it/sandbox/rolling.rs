//! Releases that take the place of the old one in the colour that carries the traffic: by an
//! instance refresh, and by commands on running instances; under load, forth and back.

use super::load::{Load, Tally};
use crate::product::{Product, Run};

const FILE: &str = "web.deploy";

/// Three instances; `KIND` is the strategy and `DATA` what their user data does for the release.
/// Their service is started again by its supervisor whenever it ends.
const STACK: &str = r#"
stack "rolling" {
  region = "us-east-1"
}

variable "release" {
  type    = string
  default = "1.0"
}

variable "gate" {
  type    = string
  default = "true"
}

existing vpc "main" {
  default = true
}

existing subnets "all" {
  vpc = vpc.main
}

existing image "hello" {
  owners      = ["amazon"]
  name        = "bgform-hello-*"
  most_recent = true
}

load_balancer "web" {
  type    = "application"
  subnets = subnets.all
}

listener "http" {
  load_balancer = load_balancer.web
  port          = 80
  protocol      = "HTTP"

  default_action "fixed_response" {
    status_code  = 404
    content_type = "text/plain"
    message_body = "nothing here"
  }
}

deployment "web" {
  release = var.release
  settle  = 1s

  launch_template {
    image         = image.hello
    instance_type = "t3.micro"

    user_data = <<-EOT
      #!/bin/sh
      echo '#!/bin/sh' > boot
      echo 'while :; do "$BGFORM" sandbox serve & echo $! > service.pid; wait $!; done' >> boot
      chmod +x boot
      DATA
    EOT
  }

  autoscaling_group {
    subnets                 = subnets.all
    min_size                = 3
    max_size                = 4
    default_instance_warmup = 0s
    ready_timeout           = 15s
  }

  target_group {
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

  KIND

  gate "smoke" {
    at      = "after_shift"
    command = ["sh", "-c", var.gate]
  }
}

output "url" {
  value = "http://${load_balancer.web.dns_name}/"
}
"#;

const ROLLING: &str = r#"strategy "rolling" {
    min_healthy      = 50%
    max_healthy      = 150%
    checkpoints      = [50%]
    checkpoint_delay = 1s
  }"#;

/// Stops the service of the release `stuck`, so that it answers no health check.
const IN_PLACE: &str = r#"strategy "in_place" {
    batch = 50%
    run = [
      "echo ${var.release} > release",
      "if [ -f service.pid ]; then kill $(cat service.pid); sleep 1; fi",
      "if [ ${var.release} = stuck ] && [ -f service.pid ]; then kill -STOP $(cat service.pid); fi",
    ]
  }"#;

fn rolling() -> Product {
    // What is stuck never gets as far as its service.
    let data = "if [ ${var.release} = stuck ]; then exec sleep 600; fi; echo ${var.release} > release";
    product(ROLLING, data)
}

fn in_place() -> Product {
    product(IN_PLACE, ":")
}

fn product(strategy: &str, data: &str) -> Product {
    let product = Product::on_sandbox(&[]);
    product.write(FILE, &STACK.replace("KIND", strategy).replace("DATA", data));
    product
}

fn apply(product: &Product, release: &str, gate: &str) -> Run {
    let (release, gate) = (format!("release={release}"), format!("gate={gate}"));
    product.run(&["apply", FILE, "--auto-approve", "--var", &release, "--var", &gate])
}

fn url(run: &Run) -> String {
    let line = run.out.lines().find_map(|line| line.trim().strip_prefix("url = "));
    line.unwrap_or_else(|| panic!("no url in\n{}", run.out)).trim_matches('"').to_owned()
}

/// Every request was answered, in the end by this release alone.
fn only(url: &str, release: &str) {
    let load = Load::on(url, 1, 1);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let tally = load.end();
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), [release]);
}

/// First release, then `release` under load; the exit code is this.
fn ships(product: &Product, release: &str, gate: &str, code: i32) -> (Run, Tally) {
    let first = apply(product, "1.0", "true").exits(0);
    let load = Load::on(&url(&first), 2, 2);
    let run = apply(product, release, gate);
    let tally = load.end();
    println!("{}{}\n{} requests, {:?}", run.out, run.err, tally.sent, tally.releases);
    let run = run.exits(code);
    assert!(tally.failed.is_empty(), "{:?}", tally.failed);
    (run, tally)
}

fn calls(product: &Product, action: &str) -> usize {
    product.local.as_ref().expect("a sandbox").calls().matches(&format!("{action} ok")).count()
}

#[test]
fn rolling_ships_with_no_failed_request_and_its_file_is_then_as_it_stands() {
    let product = rolling();
    let (run, tally) = ships(&product, "2.0", "true", 0);
    let run = run.says("1.0 on blue, live → 2.0 there as well, rolling").says("50% → 100%");
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0", "2.0"]);
    only(&url(&run), "2.0");
    assert_eq!(calls(&product, "StartInstanceRefresh"), 1);
    product.run(&["plan", FILE, "--detailed-exitcode", "--var", "release=2.0"]).exits(0);
    product.run(&["destroy", FILE, "--auto-approve"]).exits(0);
}

#[test]
fn rolling_goes_back_after_a_gate_with_no_failed_request() {
    let product = rolling();
    let (run, _) = ships(&product, "2.0", "exit 7", 1);
    let run = run.says("gate \"smoke\" did not pass");
    only(&url(&run), "1.0");
    assert_eq!(calls(&product, "StartInstanceRefresh"), 2);
}

#[test]
fn rolling_turns_round_when_its_instances_never_get_healthy() {
    let product = rolling();
    let (run, tally) = ships(&product, "stuck", "true", 1);
    let run = run.says("no further instance became healthy");
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0"]);
    only(&url(&run), "1.0");
    assert_eq!(calls(&product, "RollbackInstanceRefresh"), 1);
}

#[test]
fn in_place_ships_on_the_same_instances_with_no_failed_request() {
    let product = in_place();
    let (run, tally) = ships(&product, "2.0", "true", 0);
    let run = run.says("50% at a time on standby");
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0", "2.0"]);
    only(&url(&run), "2.0");
    assert_eq!(calls(&product, "TerminateInstanceInAutoScalingGroup"), 0);
    assert_eq!(calls(&product, "EnterStandby"), 3);
    product.run(&["plan", FILE, "--detailed-exitcode", "--var", "release=2.0"]).exits(0);
    product.run(&["destroy", FILE, "--auto-approve"]).exits(0);
}

#[test]
fn in_place_goes_back_after_a_gate_with_no_failed_request() {
    let product = in_place();
    let (run, _) = ships(&product, "2.0", "exit 7", 1);
    only(&url(&run), "1.0");
    assert_eq!(calls(&product, "TerminateInstanceInAutoScalingGroup"), 3);
}

#[test]
fn in_place_gives_no_traffic_to_a_batch_that_does_not_get_healthy_and_goes_back() {
    let product = in_place();
    let (run, tally) = ships(&product, "stuck", "true", 1);
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0"]);
    only(&url(&run), "1.0");
}

#[test]
fn another_target_group_is_refused_where_the_live_one_would_have_to_change() {
    let product = rolling();
    apply(&product, "1.0", "true").exits(0);
    let text = std::fs::read_to_string(product.path(FILE)).expect("the stack");
    product.write(FILE, &text.replace("/healthz", "/other"));
    product
        .run(&["plan", FILE, "--var", "release=2.0"])
        .exits(1)
        .says("changes its target group")
        .says("blue_green");
}
