//! Services of containers outside of a deployment: one gets traffic of others, one is adopted.

use super::ecs::{containers, ground};
use super::{STACK, Scene, canary, none_failed};

/// A service of its own, and what it serves.
const SERVICE: &str = r#"
task_definition "web" {
  name   = "theirs"
  cpu    = 256
  memory = 512

  container {
    name  = "app"
    image = "bgform-hello:1.0"

    port {
      container_port = 8080
    }
  }
}

target_group "web" {
  name                 = "theirs"
  vpc                  = vpc.main
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  deregistration_delay = 2s

  health_check {
    path                = "/healthz"
    interval            = 5s
    timeout             = 2s
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

ecs_service "web" {
  name            = "theirs"
  cluster         = ecs_cluster.main
  task_definition = task_definition.web
  launch_type     = "FARGATE"
  subnets         = subnets.all
  min_count       = 2
  max_count       = 6
  target_groups   = [target_group.web]
  container       = "app"
  container_port  = 8080
}
"#;
const OUTPUT: &str = r#"
output "service" {
  value = ecs_service.web.arn
}
"#;

/// A rule that forwards so.
fn rule(forward: &str) -> String {
    format!(
        "
listener_rule \"web\" {{
  listener = listener.http
  priority = 10

  condition {{
    path_pattern = [\"/*\"]
  }}

  action \"forward\" {{
    {forward}
  }}
}}
"
    )
}

/// A rule does not turn to a service that ECS makes only after it: the service comes first, without weight.
#[test]
fn a_rule_with_traffic_turns_to_a_new_service_in_two_steps() {
    let old = "
target_group \"old\" {
  vpc      = vpc.main
  port     = 8080
  protocol = \"HTTP\"
}
";
    let scene = Scene::on(&ground(), &format!("{old}{}", rule("group = target_group.old")));
    let apply = |forward: &str| {
        scene.product.write(STACK, &format!("{}{old}{SERVICE}{}", ground(), rule(forward)));
        scene.product.run(&["apply", STACK, "--auto-approve"])
    };
    let run = apply("group = target_group.web").exits(1);
    run.says("whose targets AWS registers only once").says("--allow-outage");
    let both = |old: u32, new: u32| {
        format!(
            "target_group {{\n      group = target_group.old\n      weight = {old}\n    }}\n    target_group {{\n      \
             group = target_group.web\n      weight = {new}\n    }}"
        )
    };
    apply(&both(100, 0)).exits(0);
    apply(&both(0, 100)).exits(0);
    assert_eq!(scene.releases(), ["1.0"]);
}

/// A service that runs becomes the first colour without a task that is started or ended, and the next release ships
/// beside it.
#[test]
fn a_service_that_runs_is_adopted_as_it_is() {
    let plain = format!("{SERVICE}{}{OUTPUT}", rule("group = target_group.web"));
    let scene = Scene::on(&ground(), &plain);
    let told = scene.product.run(&["show", STACK, "--json"]).exits(0);
    let arn = told.out.split('"').find(|part| part.contains(":service/")).expect("an ARN").to_owned();
    for kind in ["listener_rule", "ecs_service", "target_group", "task_definition"] {
        scene.product.run(&["state", "rm", &format!("{kind}.web"), STACK]).exits(0);
    }
    let load = scene.load();
    let adopt = format!("\n  adopt {{\n    ecs_service = \"{arn}\"\n  }}\n");
    scene.product.write(STACK, &format!("{}{}", ground(), containers(&(canary(25, "1s") + &adopt))));
    scene.apply("1.0").exits(0).says("task definition theirs, version 1");
    let tasks = scene.calls("UpdateService");
    scene.stands("1.0");
    scene.apply("2.0").exits(0).says("2.0 is live on green");
    assert!(tasks == 0, "{tasks} updates of the service that was adopted");
    scene.stands("2.0");
    none_failed(&load.end());
}
