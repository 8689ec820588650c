//! Every fault that a sandbox can make, and what bgform makes of it: tried again, waited out, or
//! told clearly with nothing lost.

use std::collections::BTreeMap;

use super::load::{Load, Tally, get};
use crate::product::{Product, Run};

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

/// Blue answers, the stack is as it says, and all of it goes away.
fn stands_whole(product: &Product, run: &Run) {
    let address = url(run).trim_start_matches("http://").trim_end_matches('/').to_owned();
    let answer = get(&address, "/", false, &mut None).expect("an answer");
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
    let product = hello(&["throttle=elbv2:4/4", "throttle=ec2:8/8", "throttle=autoscaling:2/4"]);
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
            first.exits(1).says(action);
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

/// Ships green while clients send requests, and says what they saw.
fn shipped(product: &Product, run: &Run) -> (Run, Tally) {
    let load = Load::on(&url(run), 2, 2);
    let shipped = apply(product, &["green=2.0", "live=green"]);
    std::thread::sleep(std::time::Duration::from_secs(1));
    (shipped, load.end())
}

#[test]
fn a_change_that_spreads_slowly_fails_no_request() {
    let product = hello(&["propagation=3:2s"]);
    let run = apply(&product, &[]).exits(0);
    let (run, tally) = shipped(&product, &run);
    run.exits(0);
    assert!(tally.failed.is_empty() && tally.sent > 100, "{tally:?}");
    assert!(tally.releases.contains_key("1.0"), "{tally:?}");
}

/// Green is faulty: nothing shifts, every request is answered by blue, and the message tells why.
fn is_held_back(fault: &str, says: &[&str]) {
    let product = hello(&[]);
    let run = apply(&product, &[]).exits(0);
    product.local.as_ref().unwrap().faults.add(fault.parse().expect("a fault"));
    let (run, tally) = shipped(&product, &run);
    let run = run.exits(1);
    for text in says {
        run_says(&run, text);
    }
    assert!(tally.failed.is_empty(), "{tally:?}");
    assert_eq!(tally.releases, BTreeMap::from([("1.0".to_owned(), tally.sent)]));
}

fn run_says(run: &Run, text: &str) {
    assert!(
        format!("{}{}", run.out, run.err).contains(text),
        "`{text}` is not said in\n{}\n{}",
        run.out,
        run.err
    );
}
