//! Releases that take the place of the old one in the colour that carries the traffic: by an
//! instance refresh, and by commands on running instances; under load, forth and back.

use super::{STACK, Scene, none_failed, side_by_side};
use crate::kit::load::Tally;
use crate::kit::product::{Run, Under};

mod changes;
mod cut_short;
mod failing;
mod led;

/// Three instances; KIND is the strategy and DATA what their user data does for the release. Their
/// service is started again by its supervisor whenever it ends. The gate `smoke` passes unless there
/// is a file `code` with another exit code.
const DEPLOYMENT: &str = r#"
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
    command = ["sh", "-c", "echo $BGFORM_RELEASE >> passed; exit $(cat code 2>/dev/null || echo 0)"]
  }
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
      "echo ${var.release} > release; echo ${var.release} >> given",
      "if [ -f service.pid ]; then kill $(cat service.pid); sleep 1; fi",
      "if [ ${var.release} = stuck ] && [ -f service.pid ]; then kill -STOP $(cat service.pid); fi",
    ]
  }"#;

/// What is stuck never gets as far as its service; what is flaky stops answering after a while.
const DATA: &str = "if [ ${var.release} = stuck ]; then exec sleep 600; fi; \
                    if [ ${var.release} = flaky ]; then (sleep 20; while :; do kill -STOP $(cat service.pid); sleep 1; done) & fi; \
                    echo ${var.release} > release";

fn rolling() -> Scene {
    scene(ROLLING, DATA)
}

fn in_place() -> Scene {
    scene(IN_PLACE, ":")
}

fn scene(strategy: &str, data: &str) -> Scene {
    Scene::with(&DEPLOYMENT.replace("KIND", strategy).replace("DATA", data))
}

/// A refresh that waits long enough for half of the instances to have the release.
fn rolling_slowly() -> Scene {
    scene(&ROLLING.replace("= 1s", "= 20s"), DATA)
}

/// Commands that take a while.
fn in_place_slowly() -> Scene {
    scene(&IN_PLACE.replace("sleep 1; fi", "sleep 4; fi"), ":")
}

/// Begins 2.0 and waits until an instance has it.
fn begun(scene: &Scene) -> Under {
    let mut under = scene.begin("2.0");
    under.until_so("both releases", || scene.releases() == ["1.0", "2.0"]);
    under
}

/// Another verdict of the gate.
fn smoke(scene: &Scene, code: i32) {
    scene.product.write("code", &code.to_string());
}

/// `release` under load; the exit code is this, and this release answers everything then.
fn ships(scene: &Scene, release: &str, code: i32, stands: &str) -> (Run, Tally) {
    let load = scene.load();
    let run = scene.apply(release);
    load.mark();
    // A request that an instance that hangs had taken may have to be given up first.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let tally = load.end();
    println!("{}{}\n{} requests, {:?}", run.out, run.err, tally.sent, tally.releases);
    let run = run.exits(code);
    assert!(tally.late.keys().eq([stands]), "{tally:?}");
    scene.stands(stands);
    (run, tally)
}

fn rolling_ships() {
    let scene = rolling();
    let (run, tally) = ships(&scene, "2.0", 0, "2.0");
    none_failed(&tally);
    run.says("1.0 on blue, live → 2.0 there as well, rolling").says("50% → 100%");
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0", "2.0"]);
    assert_eq!(scene.calls("StartInstanceRefresh"), 1);
    scene.product.run(&["destroy", STACK, "--auto-approve"]).exits(0);
}

fn rolling_goes_back_after_a_gate() {
    let scene = rolling();
    smoke(&scene, 7);
    let (run, tally) = ships(&scene, "2.0", 5, "1.0");
    none_failed(&tally);
    run.says("gate \"smoke\" did not pass");
    assert_eq!(scene.calls("StartInstanceRefresh"), 2);
    // The way back is no faster than the way there.
    super::ends::with_group(&scene.product, "blue", async |cloud, name| {
        let asked = cloud.autoscaling.describe_instance_refreshes().auto_scaling_group_name(name);
        let refreshes = asked.send().await.expect("an answer").instance_refreshes.unwrap_or_default();
        let pace = refreshes.iter().filter_map(|refresh| refresh.preferences());
        let pace: Vec<_> =
            pace.map(|pace| (pace.min_healthy_percentage(), pace.max_healthy_percentage())).collect();
        assert_eq!(pace, [(Some(50), Some(150)); 2]);
    });
}

fn in_place_ships_on_the_same_instances() {
    let scene = in_place();
    let (run, tally) = ships(&scene, "2.0", 0, "2.0");
    none_failed(&tally);
    run.says("50% at a time on standby");
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0", "2.0"]);
    assert_eq!(scene.calls("TerminateInstanceInAutoScalingGroup"), 0);
    assert_eq!(scene.calls("EnterStandby"), 3);
    scene.product.run(&["destroy", STACK, "--auto-approve"]).exits(0);
}

fn in_place_goes_back_after_a_gate() {
    let scene = in_place();
    smoke(&scene, 7);
    let (_, tally) = ships(&scene, "2.0", 5, "1.0");
    none_failed(&tally);
    assert_eq!(scene.calls("TerminateInstanceInAutoScalingGroup"), 3);
}

fn another_target_group_is_refused() {
    let scene = rolling();
    scene.rewrite("/healthz", "/other");
    scene
        .product
        .run(&["plan", STACK, "--var", "release=2.0"])
        .exits(1)
        .says("changes its target group")
        .says("blue_green");
}

#[test]
fn what_keeps_its_colour_ships_and_goes_back_with_no_failed_request() {
    side_by_side(&[
        ("rolling", &rolling_ships),
        ("rolling back", &rolling_goes_back_after_a_gate),
        ("in place", &in_place_ships_on_the_same_instances),
        ("in place back", &in_place_goes_back_after_a_gate),
        ("target group", &another_target_group_is_refused),
    ]);
}
