//! A load balancer that is replaced while its target groups stay.

use crate::kit::product::Product;

const STACK: &str = r#"
stack "moved" {
  region = "us-east-1"
}

variable "scheme" {
  type    = string
  default = "internet-facing"
}

existing vpc "main" {
  default = true
}

existing subnets "public" {
  vpc = vpc.main
}

load_balancer "edge" {
  type    = "application"
  scheme  = var.scheme
  subnets = subnets.public
}

target_group "web" {
  for_each = { blue = 100, green = 0 }
  vpc      = vpc.main
  port     = 8080
  protocol = "HTTP"
}

listener "http" {
  load_balancer = load_balancer.edge
  port          = 80
  protocol      = "HTTP"

  default_action "forward" {
    group = target_group.web["blue"]
  }
}

listener_rule "both" {
  listener = listener.http
  priority = 10

  condition {
    path_pattern = ["/*"]
  }

  action "forward" {
    target_group {
      group  = target_group.web["blue"]
      weight = 100
    }
    target_group {
      group  = target_group.web["green"]
      weight = 0
    }
  }
}

listener_rule "preview" {
  listener = listener.http
  priority = 5

  condition {
    path_pattern = ["/preview"]
  }

  action "forward" {
    group = target_group.web["green"]
  }
}
"#;

/// A target group is of one load balancer at a time: there is a moment at which nothing forwards to
/// it, and so it has to be wanted.
#[test]
fn target_groups_leave_a_replaced_load_balancer_before_its_successor_has_them() {
    let product = Product::on_sandbox(&[]);
    product.write("moved.deploy", STACK);
    product.run(&["apply", "--auto-approve"]).exits(0);

    let moved = ["--var", "scheme=internal"];
    product
        .run(&[&["plan"][..], &moved].concat())
        .exits(1)
        .says("it has to go before")
        .says("--allow-outage");
    product.run(&[&["apply", "--auto-approve", "--allow-outage"][..], &moved].concat()).exits(0);
    let calls = product.local.as_ref().expect("a sandbox").calls();
    assert!(!calls.contains("TargetGroupAssociationLimit"), "{calls}");
    assert_eq!(calls.matches("CreateTargetGroup ok").count(), 2, "{calls}");
    product.run(&[&["plan", "--detailed-exitcode"][..], &moved].concat()).exits(0);

    // Its rules go with a listener that makes room for another on the same port.
    let again = ["apply", "--auto-approve", "--allow-outage", "--replace", "listener.http"];
    product.run(&[&again[..], &moved].concat()).exits(0);
    product.run(&["destroy", "--auto-approve"]).exits(0);
}
