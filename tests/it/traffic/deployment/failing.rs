//! Releases that are not fit: the old one ends with all traffic, no more requests have failed than
//! the step's weight explains, and who reads the last lines knows why.

use super::{Scene, canary, none_failed, side_by_side};
use crate::kit::load::Tally;
use crate::kit::product::Run;

/// Ships 2.0, which does not go through; what clients saw meanwhile.
fn fails(scene: &Scene) -> (Run, Tally) {
    let load = scene.load();
    let run =
        scene.apply("2.0").exits(5).says("web: 2.0 was taken back; 1.0 on blue carries all traffic. Why:");
    load.mark();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let tally = load.end();
    println!("{} of {} requests failed", tally.failed.len(), tally.sent);
    assert!(tally.late.keys().eq(["1.0"]), "{tally:?}");
    scene.stands("1.0");
    (run, tally)
}

/// So much of all requests failed at most, in percent.
fn at_most(tally: &Tally, share: usize) {
    let (failed, sent) = (tally.failed.len(), tally.sent);
    assert!(failed * 100 <= sent * share, "{failed} of {sent} failed, more than {share}%");
}

fn never_healthy() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.rewrite("= 25s", "= 15s");
    scene.fault("never-healthy=ship-web-green*");
    let (run, tally) = fails(&scene);
    none_failed(&tally);
    let run = run.says("it did not come within 15s; last seen: i-");
    let why = run.out.lines().find(|line| line.contains("Why:")).expect("the cause");
    // Target by target.
    assert_eq!(
        why.matches("is unhealthy (Target.FailedHealthChecks: Health checks failed)").count(),
        2,
        "{why}"
    );
    // The cause is mended, and the same command ships it.
    scene.mend();
    scene.apply("2.0").exits(0);
    scene.stands("2.0");
}

fn answers_500() {
    let scene = Scene::of(&canary(20, "1m"));
    scene.fault("fails=ship-web-green*:200");
    let (run, tally) = fails(&scene);
    run.says("green is not healthy under its share of the traffic:")
        .says("of 2 targets are healthy, i-")
        .says("is unhealthy (Target.ResponseCodeMismatch: Health checks failed with these codes: [500])");
    assert!(tally.failed.iter().all(|why| why == "500") && !tally.failed.is_empty(), "{tally:?}");
    at_most(&tally, 20);
}

fn dies_in_the_middle() {
    let scene = Scene::of(&canary(20, "1m"));
    scene.fault("dies=ship-web-green*:9s");
    let (run, tally) = fails(&scene);
    run.says("green has 20% of the traffic").says("green is not healthy under its share of the traffic:");
    assert!(!tally.failed.is_empty(), "{tally:?}");
    at_most(&tally, 20);
}

/// A metric sees it before the health checks do.
fn metric_gate() {
    let gate = r#"
  gate "few errors" {
    at = "shift"
    metric {
      namespace  = "AWS/ApplicationELB"
      name       = "HTTPCode_Target_5XX_Count"
      dimensions = { LoadBalancer = load_balancer.web.arn_suffix, TargetGroup = new.target_group.arn_suffix }
      statistic  = "Sum"
      max        = 20
    }
  }
"#;
    let scene = Scene::of(&format!("{}{gate}", canary(20, "1m")));
    scene.fault("fails=ship-web-green*:100");
    let (run, tally) = fails(&scene);
    run.says("gate \"few errors\" did not pass: the Sum of HTTPCode_Target_5XX_Count is");
    at_most(&tally, 20);
}

/// Gates before the shift: no request ever meets 2.0.
fn smoke_gates() {
    let http = r#"
  preview {
    header = { "X-Preview" = "next" }
  }

  gate "smoke" {
    at = "before_shift"
    http {
      path     = "/selftest"
      attempts = 2
      interval = 1s
    }
  }
"#;
    // The first release was shipped before there were gates.
    let (before, strategy) = (canary(25, "3s"), canary(25, "2s"));
    let scene = Scene::of(&before);
    scene.rewrite(&before, &format!("{strategy}{http}"));
    let (run, tally) = fails(&scene);
    none_failed(&tally);
    assert!(!tally.releases.contains_key("2.0"), "{tally:?}");
    run.says("gate \"smoke\" did not pass: GET /selftest was answered with 404, not 200");

    let command = r#"
  gate "smoke" {
    at      = "before_shift"
    command = ["sh", "-c", "echo $BGFORM_RELEASE is not good enough; exit 3"]
  }
"#;
    scene.rewrite(http, command);
    let (run, tally) = fails(&scene);
    none_failed(&tally);
    assert!(!tally.releases.contains_key("2.0"), "{tally:?}");
    run.says("gate \"smoke\" did not pass: `sh` ended with exit status: 3").says("2.0 is not good enough");
}

/// What a gate's command and an instance's script print that fail.
fn what_they_print_acts_in_no_terminal() {
    const PRINTS: &str = r"printf '\033]0;pwned\007\033[2Ja\rb\bc\302\2332J\342\200\256\n'; exit 3";
    for gate in [
        format!("command = [\"sh\", \"-c\", \"{}\"]", PRINTS.replace('\\', "\\\\")),
        format!("remote = [\"{}\"]", PRINTS.replace('\\', "\\\\")),
    ] {
        let scene = Scene::of(&canary(25, "1s"));
        scene.rewrite(
            "  strategy",
            &format!("  gate \"smoke\" {{\n    at = \"after_shift\"\n    {gate}\n  }}\n\n  strategy"),
        );
        let run = scene.apply("2.0").exits(5).says("2.0 was taken back");
        let history = scene.product.run(&["history", super::STACK]).exits(0);
        for text in [&run.out, &run.err, &history.out] {
            let acts = text.chars().find(|c| !matches!(c, '\n' | '\t') && bgform::terminal::acts(*c));
            assert_eq!(acts, None, "{text:?}");
        }
        for text in [&run.out, &history.out] {
            assert!(text.contains(r"\u001b]0;pwned\u0007\u001b[2Ja\rb\u0008c\u009b2J\u202e"), "{text}");
        }
    }
}

/// What is shown of the next release is what it changes of the live one, and not of the one that was taken back.
fn the_next_plan_is_beside_what_is_live() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.rewrite("= 25s", "= 8s");
    scene.fault("never-healthy=ship-web-green*");
    scene.apply("2.0").exits(5);
    let asked = |more: &[&str]| {
        let args = ["plan", super::STACK, "--var", "release=3.0"];
        scene.product.run(&[&args, more].concat()).exits(0)
    };
    let plan = asked(&[]).says("update launch_template.web (beside 1.0, which is live)");
    let plan = plan.says("- echo 1.0 > release").says("+ echo 3.0 > release");
    assert!(!plan.out.contains("echo 2.0"), "{}", plan.out);
    let plan: serde_json::Value = serde_json::from_str(&asked(&["--json"]).out).expect("JSON");
    let steps = plan["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["kind"] == "launch_template").expect("a template's step");
    let text = |changes: &serde_json::Value| changes[0]["before"].as_str().expect("a text").to_owned();
    assert_eq!(step["beside"]["release"], "1.0");
    assert!(text(&step["beside"]["changes"]).contains("1.0") && text(&step["changes"]).contains("2.0"));
    // Where the template stands at the release that is live, there is one truth.
    scene.mend();
    scene.apply("3.0").exits(0);
    let plan = scene.product.run(&["plan", super::STACK, "--var", "release=4.0"]).exits(0);
    let plan = plan.says("- echo 3.0 > release").says("+ echo 4.0 > release");
    assert!(!plan.out.contains("which is live)"), "{}", plan.out);
    // A way back is another place where both differ.
    super::commands::type_in(&scene, &["rollback"]).exits(0);
    let plan = scene.product.run(&["plan", super::STACK, "--var", "release=4.0"]).exits(0);
    plan.says("(beside 1.0, which is live)").says("- echo 1.0 > release").says("+ echo 4.0 > release");
    // The idle colour's target group is as its last release had it; beside the live one nothing changes.
    scene.rewrite("deregistration_delay = 2s", "deregistration_delay = 3s");
    scene.apply("4.0").exits(0);
    let plan = scene.product.run(&["plan", super::STACK, "--var", "release=5.0", "--json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).expect("JSON");
    let steps = plan["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["kind"] == "target_group").expect("a target group's step");
    assert!(step["changes"].as_array().is_some_and(|changes| !changes.is_empty()), "{step:#}");
    assert_eq!(step["beside"], serde_json::json!({ "release": "4.0", "changes": [] }), "{step:#}");
}

#[test]
fn what_is_not_fit_is_gone_back_from_and_the_cause_is_told() {
    side_by_side(&[
        ("never healthy", &never_healthy),
        ("answers 500", &answers_500),
        ("dies", &dies_in_the_middle),
        ("metric", &metric_gate),
        ("smoke", &smoke_gates),
        ("prints", &what_they_print_acts_in_no_terminal),
        ("beside", &the_next_plan_is_beside_what_is_live),
    ]);
}
