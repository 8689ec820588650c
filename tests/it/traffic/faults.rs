//! Every fault that a sandbox can make, and what bgform makes of it: tried again, waited out, or
//! told clearly with nothing lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::kit::load::{Answer, Load, Tally, get};
use crate::kit::local::Local;
use crate::kit::product::{Product, Run};

const HELLO: &str = "hello.deploy";

fn hello(faults: &[&str]) -> Product {
    let product = Product::on_sandbox(faults);
    product.copy_stack(HELLO);
    product
}

/// The address that the stack's `url` names.
fn url(run: &Run) -> String {
    let line = run.out.lines().find_map(|line| line.trim().strip_prefix("url = "));
    line.unwrap_or_else(|| panic!("no url in\n{}", run.out)).trim_matches('"').to_owned()
}

fn apply(product: &Product, variables: &[&str]) -> Run {
    let variables = variables.iter().flat_map(|variable| ["--var", variable]);
    let arguments: Vec<&str> = ["apply", HELLO, "--auto-approve"].into_iter().chain(variables).collect();
    product.run(&arguments)
}

/// One request on a connection of its own.
fn ask(url: &str) -> Answer {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    get(address, "/", false, &mut None).expect("an answer")
}

/// Asks until `enough` answers in a row are as wanted.
#[track_caller]
fn until(url: &str, enough: usize, wanted: impl Fn(&Answer) -> bool) {
    let mut row = 0;
    for _ in 0..3000 {
        row = if wanted(&ask(url)) { row + 1 } else { 0 };
        if row == enough {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the last answer is {:?}", ask(url));
}

/// Blue answers, the stack is as it says, and all of it goes away.
fn stands_whole(product: &Product, run: &Run) {
    let answer = ask(&url(run));
    assert_eq!((answer.status, answer.release.as_str()), (200, "1.0"), "{}", answer.body);
    product.run(&["plan", HELLO, "--detailed-exitcode"]).exits(0);
    product.run(&["destroy", HELLO, "--auto-approve"]).exits(0);
}

/// How often the log of calls has this action with this outcome.
fn outcomes(product: &Product, action: &str, outcome: &str) -> usize {
    let calls = product.local.as_ref().expect("a sandbox").calls();
    calls.lines().filter(|line| line.ends_with(&format!(" {action} {outcome}"))).count()
}

#[test]
fn slow_answers_are_waited_for() {
    let product = hello(&["latency=all:150ms", "latency=elbv2:100ms"]);
    let run = apply(&product, &[]).exits(0);
    stands_whole(&product, &run);
}

#[test]
fn throttled_calls_are_made_again() {
    let product = hello(&["throttle=elbv2:4/4", "throttle=ec2:4/4", "throttle=autoscaling:2/4"]);
    let run = apply(&product, &[]).exits(0);
    let calls = product.local.as_ref().unwrap().calls();
    assert!(calls.contains(" Throttling\n") && calls.contains(" RequestLimitExceeded\n"), "{calls}");
    stands_whole(&product, &run);
}

/// A call that ends in `fault` at its first time: the apply, or at most the one after it, ends with
/// the stack as it says, and nothing is there twice.
fn converges(fault: &str, action: &str) {
    let product = hello(&[fault]);
    let first = apply(&product, &[]);
    let run = match first.code {
        0 => first,
        _ => {
            first.exits(6).says(action);
            apply(&product, &[]).exits(0)
        }
    };
    assert_eq!(
        outcomes(&product, action, "ok"),
        times_of(action),
        "{}",
        product.local.as_ref().unwrap().calls()
    );
    stands_whole(&product, &run);
}

/// How often a stack's creation calls it.
fn times_of(action: &str) -> usize {
    match action {
        "CreateTargetGroup" | "CreateLaunchTemplate" | "CreateAutoScalingGroup" => 2,
        _ => 1,
    }
}

#[test]
fn a_server_error_is_told_or_tried_again() {
    for action in ["CreateLaunchTemplate", "CreateRule", "CreateAutoScalingGroup"] {
        converges(&format!("error={action}:1"), action);
    }
}

#[test]
fn a_dropped_connection_is_no_lost_work() {
    for action in ["CreateLaunchTemplate", "CreateTargetGroup", "CreateLoadBalancer"] {
        converges(&format!("drop={action}:1"), action);
    }
}

#[test]
fn what_was_done_and_not_answered_is_found_again() {
    for action in ["CreateLaunchTemplate", "CreateRule", "CreateAutoScalingGroup", "CreateTargetGroup"] {
        let product = hello(&[&format!("lost={action}:1")]);
        let first = apply(&product, &[]);
        let run = if first.code == 0 { first } else { apply(&product, &[]).exits(0) };
        stands_whole(&product, &run);
    }
}

#[test]
fn what_is_not_seen_yet_is_waited_for() {
    let product = hello(&["eventual=2s"]);
    let run = apply(&product, &[]).exits(0);
    stands_whole(&product, &run);
}

/// Ships green while clients send requests, and says what they saw. `lag`: how long blue may still
/// answer after that.
fn shipped(product: &Product, run: &Run, lag: Duration) -> (Run, Tally) {
    let load = Load::on(&url(run), 2, 2);
    let shipped = apply(product, GREEN);
    std::thread::sleep(lag);
    load.mark();
    std::thread::sleep(Duration::from_secs(1));
    (shipped, load.end())
}

const GREEN: &[&str] = &["green=2.0", "live=green"];

fn only(release: &str, counted: &BTreeMap<String, usize>) -> bool {
    counted.keys().eq([release])
}

#[test]
fn a_change_that_spreads_slowly_fails_no_request() {
    let product = hello(&["propagation=3:2s"]);
    let run = apply(&product, &[]).exits(0);
    // A node that has not heard of the rule answers 404, as the listener's default action says.
    until(&url(&run), 200, |answer| answer.status == 200);
    let (run, tally) = shipped(&product, &run, Duration::from_secs(3));
    run.exits(0);
    assert!(tally.failed.is_empty() && tally.sent > 100, "{tally:?}");
    assert!(tally.releases.contains_key("1.0") && only("2.0", &tally.late), "{tally:?}");
}

#[test]
fn a_slow_boot_is_waited_out() {
    let product = hello(&[]);
    let run = apply(&product, &[]).exits(0);
    product.local.as_ref().unwrap().faults.add("slow-boot=hello-hello-green*:8s".parse().unwrap());
    let (run, tally) = shipped(&product, &run, Duration::ZERO);
    run.exits(0);
    assert!(tally.failed.is_empty(), "{tally:?}");
    assert!(tally.releases.contains_key("1.0") && only("2.0", &tally.late), "{tally:?}");
    product.run(&["plan", HELLO, "--detailed-exitcode", "--var", GREEN[0], "--var", GREEN[1]]).exits(0);
}

/// The stack whose groups are judged by their target groups, and not waited for as long.
fn judged(grace: &str) -> Product {
    let product = hello(&[]);
    let stack = product.path(HELLO);
    let text = std::fs::read_to_string(&stack).unwrap();
    let size = "  desired_capacity = 2\n";
    let more = "  ready_timeout = 30s\n  health_check_type = \"ELB\"\n  health_check_grace_period =";
    let judged = text.replace(size, &format!("{size}{more} {grace}\n"));
    assert_ne!(text, judged);
    product.write(HELLO, &judged);
    product
}

#[test]
fn what_never_gets_healthy_gets_no_request() {
    let product = judged("5m");
    let first = apply(&product, &[]).exits(0);
    let faults = product.local.as_ref().unwrap().faults.clone();
    faults.add("never-healthy=hello-hello-green*".parse().unwrap());
    let (run, tally) = shipped(&product, &first, Duration::ZERO);
    run.exits(6)
        .says("could not update `autoscaling_group.hello[\"green\"]`: waited until `hello-hello-green-")
        .says("it did not come within 30s; last seen: i-")
        .says("is unhealthy (Target.FailedHealthChecks: Health checks failed) in target group `hello-hello-green-")
        .says("not done: update listener_rule.hello, which waits for autoscaling_group.hello[\"green\"]")
        .says("mend the cause and run `bgform apply --var green=2.0 --var live=green` again: it goes on from here");
    assert!(tally.failed.is_empty() && only("1.0", &tally.releases), "{tally:?}");
    assert_eq!(outcomes(&product, "ModifyRule", "ok"), 0);

    // The cause is mended, and the same command goes on from there.
    faults.clear();
    let (run, tally) = shipped(&product, &first, Duration::ZERO);
    run.exits(0);
    assert!(tally.failed.is_empty() && only("2.0", &tally.late), "{tally:?}");
}

/// The instance that answered.
fn by(answer: &Answer) -> String {
    answer.body.split(' ').find(|word| word.starts_with("i-")).unwrap_or_default().to_owned()
}

#[test]
fn one_that_dies_costs_what_it_had_until_its_checks_fail() {
    let product = judged("0s");
    let run = apply(&product, &[]).exits(0);
    let first: BTreeSet<String> = (0..50).map(|_| by(&ask(&url(&run)))).collect();
    let [dead, alive] = Vec::from_iter(first).try_into().expect("two");
    let faults = product.local.as_ref().unwrap().faults.clone();

    let load = Load::on(&url(&run), 2, 2);
    faults.add(format!("dies={dead}:0s").parse().unwrap());
    // While it counts as healthy, every other request meets it.
    until(&url(&run), 200, |answer| answer.status == 200);
    let tally = load.end();
    let failed: BTreeSet<&str> = tally.failed.iter().map(String::as_str).collect();
    assert_eq!(failed, BTreeSet::from(["502"]));
    assert!(tally.failed.len() < tally.sent / 2, "{} of {}", tally.failed.len(), tally.sent);

    // A release and the way back go through: the way back waits until the group has replaced it.
    let load = Load::on(&url(&run), 2, 2);
    apply(&product, GREEN).exits(0);
    apply(&product, &["green=2.0", "live=blue"]).exits(0);
    let back: BTreeSet<String> = (0..50).map(|_| by(&ask(&url(&run)))).collect();
    let tally = load.end();
    assert!(tally.failed.is_empty() && tally.releases.contains_key("2.0"), "{:?}", tally.failed);
    assert!(back.len() == 2 && back.contains(&alive) && !back.contains(&dead), "{back:?}, dead: {dead}");
}

#[test]
fn what_fails_under_traffic_is_gone_back_from_in_one_apply() {
    let product = hello(&[]);
    let run = apply(&product, &[]).exits(0);
    product.local.as_ref().unwrap().faults.add("fails=hello-hello-green*:50".parse().unwrap());
    let (shipped, tally) = shipped(&product, &run, Duration::ZERO);
    // The health checks were good when it was shipped.
    shipped.exits(0);
    assert!(tally.failed.iter().all(|why| why == "500"), "{tally:?}");
    until(&url(&run), 1, |answer| answer.status == 500);

    apply(&product, &["green=2.0", "live=blue"]).exits(0).says("Applied: 0 created, 1 updated, 0 deleted");
    let load = Load::on(&url(&run), 2, 2);
    std::thread::sleep(Duration::from_secs(1));
    let tally = load.end();
    assert!(tally.failed.is_empty() && only("1.0", &tally.releases), "{tally:?}");
    product.run(&["plan", HELLO, "--detailed-exitcode", "--var", "green=2.0"]).exits(0).says("Nothing to do");
}

#[test]
fn a_shift_to_what_never_gets_healthy_is_not_made() {
    // By the clock of the rehearsal it is waited for 15 minutes.
    let product = hello(&[]);
    let rehearse =
        ["rehearse", HELLO, "--from", "green=1.0", "--from", "live=blue", "--speed", "60", "--rps", "50"];
    let green = ["--var", GREEN[0], "--var", GREEN[1], "--fault", "never-healthy=hello-hello-green*"];
    let run = product.run(&[&rehearse[..], &green].concat()).exits(1);
    run.says("could not update `listener_rule.hello`: waited until the targets that are to get traffic are healthy")
        .says("it did not come within 15m; last seen: 0 of 2 targets of `hello-hello-green-")
        .says("is unhealthy (Target.FailedHealthChecks: Health checks failed)")
        .says("No request was shifted: the weights are as they were")
        .says(" requests sent, 0 failed;")
        .says("This release is not ready: it did not go through.");
}

#[test]
fn where_there_is_one_address_everything_has_a_port_of_its_own() {
    let product = Product::on(Local::on_one_address());
    product.copy_stack(HELLO);
    let run = apply(&product, &[]).exits(0);
    let (host, port) =
        url(&run).trim_end_matches('/').rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(host == "http://127.0.0.1" && port.parse::<u16>().unwrap() >= 1024, "{host} {port}");
    let (green, tally) = shipped(&product, &run, Duration::ZERO);
    green.exits(0);
    assert!(tally.failed.is_empty() && only("2.0", &tally.late), "{tally:?}");
    apply(&product, &[]).exits(0);
    stands_whole(&product, &run);
}
