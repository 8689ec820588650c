//! A deployment of containers: two services of ECS behind one rule, under load.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::{STACK, Scene, canary, none_failed, side_by_side};
use crate::kit::product::Run;

/// The ground of the other deployments, with a cluster in place of an image of machines.
pub(super) fn ground() -> String {
    let ground = super::GROUND;
    let (before, image) = ground.split_once("existing image").expect("an image");
    let (_, after) = image.split_once("\n}\n").expect("its end");
    format!("{before}ecs_cluster \"main\" {{\n}}\n{after}")
}

/// The deployment `web` of containers, with this in it.
pub(super) fn containers(more: &str) -> String {
    let text = r#"
deployment "web" {
  release = var.release
  settle  = 1s

  task_definition {
    cpu    = 256
    memory = 512

    container {
      name  = "app"
      image = "bgform-hello:${var.release}"

      port {
        container_port = 8080
      }
    }
  }

  ecs_service {
    cluster        = ecs_cluster.main
    launch_type    = "FARGATE"
    subnets        = subnets.all
    min_count      = 2
    max_count      = 6
    container      = "app"
    container_port = 8080
    ready_timeout  = 40s
  }

  target_group {
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

  listener_rule {
    listener = listener.http
    priority = 10

    condition {
      path_pattern = ["/*"]
    }
  }

MORE
}
"#;
    text.replace("MORE", more)
}

fn scene(more: &str) -> Scene {
    Scene::on(&ground(), &containers(more))
}

fn gates() -> String {
    r#"
  preview {
    header = { "X-Preview" = "next" }
  }

  gate "answers" {
    at = "before_shift"
    http {
      path = "/"
      body = var.release
    }
  }

  gate "no errors" {
    at = "shift"
    metric {
      namespace  = "AWS/ApplicationELB"
      name       = "HTTPCode_Target_5XX_Count"
      dimensions = { LoadBalancer = load_balancer.web.arn_suffix, TargetGroup = new.target_group.arn_suffix }
      statistic  = "Sum"
      period     = 1m
      max        = 0
    }
  }
"#
    .to_owned()
        + &canary(25, "2s")
}

/// The desired number of tasks of each colour.
fn sizes(scene: &Scene) -> BTreeMap<String, i32> {
    let services = Runtime::new().expect("a runtime").block_on(async {
        let ecs = scene.product.cloud().await.ecs;
        let clusters = ecs.list_clusters().send().await.expect("clusters");
        let cluster = clusters.cluster_arns().first().expect("a cluster").clone();
        let arns = ecs.list_services().cluster(&cluster).send().await.expect("services").service_arns;
        let describe = ecs.describe_services().cluster(&cluster).set_services(arns);
        describe.send().await.expect("services").services.unwrap_or_default()
    });
    let colour = |name: &str| if name.contains("blue") { "blue" } else { "green" }.to_owned();
    services.iter().map(|one| (colour(one.service_name().unwrap_or_default()), one.desired_count())).collect()
}

/// The releases follow each other, one is gone back from, and one is aborted on its way: nobody who sends requests
/// sees any of it.
#[test]
fn containers_are_shipped_taken_back_and_aborted_with_no_failed_request() {
    let scene = scene(&gates());
    scene.stands("1.0");
    let load = scene.load();
    let run = scene.apply("2.0").exits(0).says("gate \"answers\" passed");
    run.says("web: 2.0 is live on green. blue stands by until");
    scene.stands("2.0");
    scene.product.run(&["rollback", STACK, "--auto-approve"]).exits(0);
    assert_eq!(scene.releases(), ["1.0"]);
    scene.apply("3.0").exits(0);
    let mut under = scene.begin("4.0");
    under.until("has 25% of the traffic");
    scene.abort();
    under.end().exits(5).says("4.0 was taken back; 3.0 on");
    scene.stands("3.0");
    let tally = load.end();
    none_failed(&tally);
    for release in ["1.0", "2.0", "3.0", "4.0"] {
        assert!(tally.releases.contains_key(release), "{release}: {:?}", tally.releases);
    }
}

/// The old colour is emptied at its time by Application Auto Scaling, while no process of bgform runs, and everything
/// goes with a destroy.
#[test]
fn an_old_colour_of_containers_is_retired_without_a_process_and_destroyed() {
    let scene = scene(&canary(50, "1s").replace("10m", "5s"));
    let load = scene.load();
    scene.apply("2.0").exits(0);
    let began = bgform::clock::monotonic();
    while sizes(&scene)["blue"] > 0 {
        let waits = bgform::clock::monotonic().saturating_sub(began);
        assert!(waits < Duration::from_secs(60), "{:?}", sizes(&scene));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(sizes(&scene)["green"], 2);
    scene.stands("2.0");
    none_failed(&load.end());
    // The way back raises it again.
    scene.product.run(&["rollback", STACK, "--auto-approve"]).exits(0);
    assert_eq!(scene.releases(), ["1.0"]);
    scene.product.run(&["destroy", STACK, "--auto-approve"]).exits(0);
    let left = Runtime::new().expect("a runtime").block_on(async {
        let ecs = scene.product.cloud().await.ecs;
        let clusters = ecs.list_clusters().send().await.expect("clusters").cluster_arns.unwrap_or_default();
        let active = ecs.list_task_definitions().send().await.expect("revisions").task_definition_arns;
        [clusters, active.unwrap_or_default()].concat()
    });
    assert!(left.is_empty(), "{left:?}");
}

/// Ships 2.0, which fails before it gets a request; what was told.
fn fails(scene: &Scene) -> Run {
    let load = scene.load();
    let run =
        scene.apply("2.0").exits(5).says("web: 2.0 was taken back; 1.0 on blue carries all traffic. Why:");
    none_failed(&load.end());
    scene.stands("1.0");
    assert_eq!(sizes(scene), BTreeMap::from([("blue".to_owned(), 2), ("green".to_owned(), 0)]));
    run
}

fn no_image() {
    let scene = scene(&canary(25, "1s"));
    scene.rewrite(
        "bgform-hello:${var.release}",
        "${var.release == \"1.0\" ? \"bgform-hello:1.0\" : \"team/none:2\"}",
    );
    let run = fails(&scene).says("CannotPullContainerError");
    run.says("team/none:2");
}

fn exits_at_once() {
    let scene = scene(&canary(25, "1s"));
    scene.fault("dies=bgform-hello:2.0:300ms");
    fails(&scene).says("Essential container in task exited");
}

fn never_healthy() {
    let scene = scene(&canary(25, "1s"));
    scene.rewrite("= 40s", "= 20s");
    scene.fault("never-healthy=bgform-hello:2.0");
    fails(&scene).says("Task failed ELB health checks in (target-group ");
}

/// The old colour carries everything, and who reads the last lines knows why.
#[test]
fn containers_that_are_not_fit_are_taken_back_and_told() {
    side_by_side(&[("no image", &no_image), ("exits", &exits_at_once), ("never healthy", &never_healthy)]);
}

/// What a fleet of tasks cannot do is told before anything is done.
#[test]
fn what_tasks_cannot_do_is_told_by_validate() {
    let product = crate::kit::product::Product::alone();
    let told = |more: &str, text: &str| {
        product.write(STACK, &format!("{}{}", ground(), containers(more)));
        product.run(&["validate", STACK]).exits(2).says(text);
    };
    told(
        "  strategy \"in_place\" {\n    run = [\"true\"]\n  }\n",
        "strategy \"in_place\" is not for `ecs_service`: a task runs the image",
    );
    told(
        "  strategy \"rolling\" {\n    min_healthy = 50%\n  }\n",
        "strategy \"rolling\" is not for `ecs_service`: a deployment does not turn",
    );
    let remote = "\n  gate \"look\" {\n    at     = \"after_shift\"\n    remote = [\"true\"]\n  }\n";
    told(&(canary(25, "1s") + remote), "a gate runs no commands in the tasks of `ecs_service`");
    let gate = "\n  gate \"go\" {\n    at = \"before_launch\"\n    task {\n      container = \"app\"\n      command = [\"true\"]\n    }\n  }\n";
    let of_instances = super::deployment("web", "var.release", "/*", 10, &(canary(25, "1s") + gate));
    product.write(STACK, &format!("{}{of_instances}", super::GROUND));
    product
        .run(&["validate", STACK])
        .exits(2)
        .says("a `task` is one run of a container, and `autoscaling_group`");
    let other = "\n  launch_template {\n    instance_type = \"t3.micro\"\n  }\n";
    told(&(canary(25, "1s") + other), "`launch_template` is of another fleet than `ecs_service`");
}

/// A migration runs as a task of the new release before it is launched: once, whatever happens to bgform meanwhile, and
/// its exit code decides.
#[test]
fn a_task_of_the_new_release_is_a_gate_that_runs_once() {
    let gate = r#"
  gate "migrate" {
    at = "before_launch"
    task {
      container = "app"
      command   = ["sh", "-c", "test $BGFORM_RELEASE != 3.0 || exit 7; test $BGFORM_RELEASE != 4.0 || sleep 4"]
    }
  }
"#;
    let scene = scene(&(gate.to_owned() + &canary(25, "1s")));
    let load = scene.load();
    scene.apply("2.0").exits(0).says("gate \"migrate\" passed");
    assert_eq!(scene.calls("RunTask"), 2);
    let run =
        scene.apply("3.0").exits(5).says("web: 3.0 was taken back; 2.0 on green carries all traffic. Why:");
    run.says("gate \"migrate\" did not pass").says("app ended with 7");
    let mut under = scene.begin("4.0");
    under.until_so("the task", || scene.calls("RunTask") == 4);
    under.signal(rustix::process::Signal::KILL);
    under.end();
    scene.apply("4.0").exits(0).says("gate \"migrate\" passed");
    assert_eq!(scene.calls("RunTask"), 4, "the task of the killed run was found again");
    scene.stands("4.0");
    none_failed(&load.end());
}

/// A plan that changes nothing asks for each thing once.
#[test]
fn a_plan_of_containers_without_changes_makes_few_calls() {
    let scene = scene(&canary(25, "1s"));
    let calls = || scene.product.local.as_ref().expect("a sandbox").calls();
    let before = calls().lines().count();
    scene.product.run(&["plan", STACK, "--detailed-exitcode", "--var", "release=1.0"]).exits(0);
    let made: Vec<String> = calls().lines().skip(before).map(str::to_owned).collect();
    // Four calls read the resources and four look at the live service as it runs. The rest is the load balancer's:
    // attributes of each target group, tags of each kind.
    let own = made
        .iter()
        .filter(|call| [" ecs ", " application-autoscaling "].iter().any(|one| call.contains(one)));
    assert!(own.count() <= 8 && made.len() <= 22, "{} calls: {made:#?}", made.len());
}

/// After it the live release stays live, and the one that stands by is gone back to.
#[test]
fn a_lost_state_of_containers_is_built_again_from_the_account() {
    let scene = scene(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    std::fs::remove_dir_all(scene.product.path("state")).expect("a state");
    scene.apply("2.0").exits(1).says("there is no state for stack `ship`").says("`bgform state rebuild`");
    let load = scene.load();
    let rebuild = ["state", "rebuild", STACK, "--var", "release=2.0", "--auto-approve"];
    let run = scene.product.run(&rebuild).exits(0).says("web: 2.0 on green is live and has all traffic");
    run.says("blue runs another release than the file's 2.0, which differs in task_definition.container")
        .says("web: version-1 on blue stands by with 2 tasks");
    scene.stands("2.0");
    scene.product.run(&["rollback", STACK, "--auto-approve"]).exits(0).says("version-1 is live on blue");
    assert_eq!(scene.releases(), ["1.0"]);
    none_failed(&load.end());
}
