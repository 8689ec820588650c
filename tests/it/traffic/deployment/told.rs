//! What a command says beside the end of a release: what was done, who does it, whose clock it was.

use std::time::Duration;

use bgform::clock;
use bgform::facts::Colour;
use bgform::state::{Change, Entry, Store};
use rustix::process::{Pid, Signal, test_kill_process};

use super::commands::{status, type_in};
use super::ends::{move_by_hand, with_group};
use super::{Scene, canary, deployment, side_by_side};
use crate::kit::product::Run;

/// Puts this into the stack, before its strategy.
fn with(scene: &Scene, text: &str) {
    scene.rewrite("  strategy", &format!("{text}\n  strategy"));
}

fn gate(at: &str, command: &str) -> String {
    format!(
        "  gate \"look\" {{\n    at      = \"{at}\"\n    command = [\"sh\", \"-c\", \"{command}\"]\n  }}\n"
    )
}

/// A time for the retirement that has passed when AWS takes the call is no reason to hold a release.
fn a_retirement_that_comes_too_late() {
    let scene = Scene::of(&canary(25, "1s").replace("10m", "1s"));
    let mut under = scene.begin("2.0");
    under.until("green has 100% of the traffic");
    scene.fault("latency=autoscaling:2s");
    under.end().exits(0).says("2.0 is live on green");
    scene.mend();
    let stands = status(&scene);
    assert_eq!(stands["rollout"], serde_json::Value::Null, "{stands}");
    let group = "autoscaling:DescribeScheduledActions";
    with_group(&scene.product, "blue", async |cloud, name| {
        let asked = cloud.autoscaling.describe_scheduled_actions().auto_scaling_group_name(name);
        let there = asked.send().await.expect(group);
        let empty = there.scheduled_update_group_actions().is_empty();
        let asked = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
        let groups = asked.send().await.expect("an answer");
        // AWS may have been fast.
        assert!(!empty || groups.auto_scaling_groups()[0].desired_capacity() == Some(0));
    });
}

/// What a release has changed is counted, in one run and in the one that goes on.
fn what_was_done_is_counted() {
    let scene = Scene::of(&canary(25, "1s"));
    with(&scene, &gate("before_launch", "test -e passes"));
    scene.apply("2.0").exits(5);
    scene.product.write("passes", "");
    let first = scene.apply("2.0").exits(0);
    // The template, green's sizes, the rule twice.
    assert!(first.out.contains("Applied: 0 created, ") && !first.out.contains("0 updated"), "{}", first.out);
    let mut killed = scene.begin("3.0");
    killed.until("blue has 25% of the traffic");
    killed.signal(Signal::KILL);
    killed.end();
    let next = scene.apply("3.0").exits(0);
    assert!(next.out.contains("Applied: 0 created, ") && !next.out.contains("0 updated"), "{}", next.out);
}

/// Somebody moves the weights in the middle: what the end says is what the rule has.
fn the_traffic_of_a_held_release_is_the_rules() {
    let scene = Scene::of(&canary(25, "20s"));
    with(&scene, "  on_failure = \"hold\"\n");
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    move_by_hand(&scene.product, 40, 60);
    let run = under.end().exits(6).says("2.0 is held where it is").says("green 60%");
    assert!(run.out.contains("blue 40%"), "{}", run.out);
}

/// A release that somebody drives is told from one that nobody does.
fn who_drives_is_told() {
    let scene = Scene::of(&canary(25, "10m"));
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    let driver = status(&scene)["rollout"]["driver"].clone();
    assert!(driver.as_str().is_some_and(|driver| driver.contains("bgform apply")), "{driver}");
    under.signal(Signal::KILL);
    under.end();
    assert_eq!(status(&scene)["rollout"]["driver"], serde_json::Value::Null);
    type_in(&scene, &["status"]).exits(0).says("no process drives it");
}

/// A run whose clock was a day ahead makes nobody wait for a day.
fn a_clock_that_was_ahead() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.rewrite("settle  = 1s", "settle  = 10s");
    let mut under = scene.begin("2.0");
    under.until("green has 100% of the traffic");
    under.signal(Signal::KILL);
    under.end();
    let store = Store::at(scene.product.path("state/ship"));
    let lock = store.lock("a test").expect("the lock");
    let snapshot = store.load().expect("it reads").expect("a state").snapshot;
    let mut facts = snapshot.deployments["web"].clone();
    let ahead = clock::now().checked_add(Duration::from_secs(86_400)).expect("a time");
    facts.unweighted.insert(Colour::Blue, Some(ahead));
    let journal = store.begin_session(&lock, snapshot).expect("a journal");
    let change = Change::Deployment { name: "web".to_owned(), facts: Some(Box::new(facts)) };
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(journal.append(Entry::Fact { change }))
        .expect("it is written");
    let mut snapshot = journal.snapshot();
    drop(journal);
    store.checkpoint(&lock, &mut snapshot).expect("it is kept");
    drop(lock);
    scene.apply("2.0").exits(0).says("2.0 is live on green");
}

/// A command that takes too long ends with all that it has begun.
fn a_command_ends_with_its_children() {
    let scene = Scene::of(&canary(25, "1s"));
    let limited =
        gate("before_shift", "sleep 300 & echo $! > child; wait").replace("  }\n", "    timeout = 1s\n  }\n");
    with(&scene, &limited);
    scene.apply("2.0").exits(5).says("`sh` did not end within 1s");
    let child = std::fs::read_to_string(scene.product.path("child")).expect("a child");
    let child = Pid::from_raw(child.trim().parse().expect("a number")).expect("a process");
    let is_there = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()));
        // One that has ended may wait for somebody to ask how.
        test_kill_process(child).is_ok() && !stat.is_ok_and(|stat| stat.contains(") Z "))
    };
    let began = clock::monotonic();
    while is_there() {
        assert!(clock::monotonic().saturating_sub(began) < Duration::from_secs(30), "it runs on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// In a CI the history names who asked for the job, and the job.
fn a_ci_is_named_by_its_actor() {
    let scene = Scene::of(&canary(25, "1s"));
    let arguments = Scene::arguments("2.0");
    let mut command = scene.product.command(&arguments.each_ref().map(String::as_str));
    command.envs([
        ("GITHUB_ACTOR", "ada"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "77"),
    ]);
    crate::kit::product::ended(&mut command).exits(0);
    type_in(&scene, &["history"]).exits(0).says("ada, https://github.com/acme/shop/actions/runs/77");
}

/// A label alone ships nothing, and that is said.
fn a_label_alone() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.rewrite("release = var.release", "release = \"9.9\"");
    scene
        .apply("1.0")
        .exits(0)
        .says("web: the file says release 9.9, and 1.0 is live on blue")
        .says("Nothing that ships differs from 1.0")
        .says("`bgform plan --upgrade --var release=1.0` looks again");
}

/// Commands that are told run as they are told: with the deployment where there are several, and with the variables.
fn commands_run_as_told() {
    let standing = "  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n";
    let web = deployment("web", "var.release", "/*", 10, standing);
    let api = deployment("api", "\"7\"", "/api", 20, standing);
    let scene = Scene::with(&format!("{web}{api}"));
    let run = scene.apply("2.0").exits(0);
    let told = |run: &Run, name: &str| -> String {
        let from = run.out.split(&format!("`bgform {name}")).nth(1).unwrap_or_else(|| panic!("{}", run.out));
        format!("{name}{}", from.split('`').next().expect("its end"))
    };
    let back = told(&run, "rollback");
    assert_eq!(back, "rollback --deployment web");
    scene.product.run(&back.split(' ').collect::<Vec<_>>()).exits(0).says("web: 1.0 is live on blue");
    let status = type_in(&scene, &["status"]).exits(0);
    assert!(status.out.contains("(`bgform rollback --deployment web`)"), "{}", status.out);
    type_in(&scene, &["promote", "--deployment", "web"])
        .exits(1)
        .says("`bgform status --deployment web` shows what is live");
}

/// How it ended, for the job that called it: shipped, taken back, refused, and killed.
fn the_result_is_in_a_file() {
    let scene = Scene::of(&canary(25, "1s"));
    let apply = |release: &str, more: &[&str]| {
        let arguments = Scene::arguments(release);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        scene.product.begin(&arguments)
    };
    let result = || -> serde_json::Value {
        let text = std::fs::read_to_string(scene.product.path("result.json")).expect("a result");
        serde_json::from_str(&text).expect("JSON")
    };
    apply("2.0", &["--result", "none/result.json"]).end().exits(2).says("cannot be written");
    assert_eq!(scene.releases(), ["1.0"]);
    let with = ["--result", "result.json"];
    apply("2.0", &with).end().exits(0);
    let told = result();
    assert_eq!((&told["exit"], &told["error"]), (&0.into(), &serde_json::Value::Null), "{told:#}");
    let rollout = &told["rollouts"][0];
    assert_eq!(
        (&rollout["deployment"], &rollout["release"], &rollout["end"], &rollout["colour"]),
        (&"web".into(), &"2.0".into(), &"shipped".into(), &"green".into())
    );
    assert!(told["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{told:#}");
    assert_eq!(told["outputs"]["url"], scene.url);
    let mut killed = apply("3.0", &with);
    killed.until("blue has 25% of the traffic");
    killed.signal(Signal::KILL);
    killed.end();
    assert_eq!(result()["exit"], serde_json::Value::Null);
    apply("4.0", &with).end().exits(1);
    let told = result();
    assert_eq!(told["exit"], 1);
    assert!(
        told["error"].as_str().is_some_and(|error| error.contains("`web` is still shipping 3.0")),
        "{told:#}"
    );
    // What does not even read leaves no older result behind.
    apply("3.0", &["--var", "nonsense=1", "--result", "result.json"]).end().exits(2);
    let told = result();
    assert_eq!((&told["exit"], &told["rollouts"]), (&2.into(), &serde_json::json!([])), "{told:#}");
    assert!(told["error"].as_str().is_some_and(|error| error.contains("nonsense")), "{told:#}");
    apply("3.0", &with).end().exits(0);
    scene.fault("never-healthy=ship-web-green*");
    scene.rewrite("= 25s", "= 8s");
    apply("5.0", &with).end().exits(5);
    let told = result();
    assert_eq!((&told["exit"], &told["rollouts"][0]["end"]), (&5.into(), &"taken_back".into()), "{told:#}");
    assert!(told["rollouts"][0]["reason"].as_str().is_some_and(|why| why.contains("unhealthy")), "{told:#}");
}

#[test]
fn what_is_said_is_what_is_so() {
    side_by_side(&[
        ("a retirement", &a_retirement_that_comes_too_late),
        ("counts", &what_was_done_is_counted),
        ("traffic", &the_traffic_of_a_held_release_is_the_rules),
        ("driver", &who_drives_is_told),
        ("a clock", &a_clock_that_was_ahead),
        ("children", &a_command_ends_with_its_children),
        ("a CI", &a_ci_is_named_by_its_actor),
        ("a label", &a_label_alone),
        ("commands", &commands_run_as_told),
        ("a result", &the_result_is_in_a_file),
    ]);
}
