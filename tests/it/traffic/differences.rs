//! Where the sandbox and moto answer bgform differently, and which of them AWS agrees with.
//!
//! The same life of the same stack runs on both; what was answered becomes facts (an action, the
//! elements of its answers, the states they named, its errors). Every fact that only one of them has
//! stands in `differences`, with the AWS page that decides it; a line that meets no difference fails
//! too, unless it says that it comes and goes with timing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::STACK;
use crate::kit::product::Product;
use crate::kit::wire::Exchange;

/// One line of the list: side, fact, page, why; parted by ` | `.
struct Listed {
    line: &'static str,
    side: &'static str,
    fact: &'static str,
    /// It depends on how fast a machine is whether this is seen in a run.
    sometimes: bool,
}

fn listed() -> Vec<Listed> {
    let lines = include_str!("differences").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split(" | ").collect();
            let [side, fact, page, why] = parts[..] else { panic!("four parts, not {line}") };
            assert!(page.starts_with("https://docs.aws.amazon.com/"), "no page of AWS decides {line}");
            assert!(!why.is_empty(), "{line}");
            let (side, sometimes) = match side.split_once(", ") {
                Some((side, "sometimes")) => (side, true),
                _ => (side, false),
            };
            assert!(["sandbox", "moto"].contains(&side), "{line}");
            Listed { line, side, fact, sometimes }
        })
        .collect()
}

/// What was answered, without what differs from run to run.
fn facts(exchanges: &[Exchange]) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for Exchange { action, status, answer } in exchanges {
        let mut add = |fact: String| facts.insert(format!("{action} {fact}"));
        if *status >= 300 {
            let code = ["<Code>", "\"__type\":\""].iter().find_map(|mark| {
                let rest = answer.split_once(mark)?.1;
                rest.split(['<', '"']).next()
            });
            add(format!("refused {status} {}", code.unwrap_or("?").rsplit('#').next().unwrap_or_default()));
            continue;
        }
        match serde_json::from_str::<Value>(answer) {
            Ok(value) => from_json(&value, String::new(), &mut add),
            Err(_) => from_xml(answer, &mut add),
        }
    }
    facts
}

/// Names of elements whose text is one of a few words of AWS's.
const WORDS: &[&str] = &[
    "state",
    "State",
    "Code",
    "Status",
    "status",
    "name",
    "LifecycleState",
    "HealthStatus",
    "Reason",
    "Type",
    "Scheme",
    "Field",
    "Protocol",
    "StatusDetails",
    "architecture",
    "virtualizationType",
    "HealthCheckType",
];

fn word(element: &str, text: &str) -> bool {
    WORDS.contains(&element) && text.len() < 40 && !text.contains(|c: char| c.is_ascii_digit())
}

fn from_json(value: &Value, path: String, add: &mut impl FnMut(String) -> bool) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                from_json(value, format!("{path}/{name}"), add);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| from_json(item, path.clone(), add)),
        leaf => {
            let text = leaf.as_str().unwrap_or_default();
            let element = path.rsplit('/').next().unwrap_or_default();
            if word(element, text) {
                add(format!("{path} = {text}"));
            }
            add(path);
        }
    }
}

fn from_xml(text: &str, add: &mut impl FnMut(String) -> bool) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut path, mut content, mut leaf) = (Vec::<String>::new(), String::new(), false);
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                (content, leaf) = (String::new(), true);
            }
            Event::Empty(_) => leaf = false,
            Event::Text(text) => content.push_str(&text),
            Event::End(_) => {
                let shown: Vec<_> =
                    path.iter().skip(1).map(String::as_str).filter(|part| unlike_a_wrapper(part)).collect();
                let element = path.last().map(String::as_str).unwrap_or_default();
                // An empty list is no fact.
                if leaf && !content.is_empty() && !["requestId", "RequestId"].contains(&element) {
                    let shown = format!("/{}", shown.join("/"));
                    if word(element, &content) {
                        add(format!("{shown} = {content}"));
                    }
                    add(shown);
                }
                leaf = false;
                path.pop();
            }
            Event::Eof => return,
            _ => {}
        }
    }
}

fn unlike_a_wrapper(part: &str) -> bool {
    !["item", "member", "entry"].contains(&part) && !part.ends_with("Result")
}

/// Create, plan, cutover, destroy.
fn life(product: &Product) -> BTreeSet<String> {
    product.write(STACK.0, &super::stack());
    product.wire.record();
    let green = ["--var", "live=green"];
    product.run(&["apply", STACK.0, "--auto-approve"]).exits(0);
    product.run(&["plan", STACK.0, "--detailed-exitcode"]).exits(0);
    product.run(&["apply", STACK.0, "--auto-approve", green[0], green[1]]).exits(0);
    product.run(&["destroy", STACK.0, "--auto-approve", green[0], green[1]]).exits(0);
    facts(&product.wire.recorded())
}

#[test]
fn the_sandbox_and_moto_differ_only_where_aws_decides_it() {
    let sandbox = life(&Product::on_sandbox(&[]));
    let moto = life(&Product::on_moto());
    let listed = listed();
    let meets = |listed: &Listed, side: &str, fact: &str| {
        listed.side == side && bgform::sandbox::api::wildcard(listed.fact, fact)
    };
    let differ: Vec<(&str, &String)> = (sandbox.difference(&moto).map(|fact| ("sandbox", fact)))
        .chain(moto.difference(&sandbox).map(|fact| ("moto", fact)))
        .collect();
    let unlisted: Vec<String> = differ
        .iter()
        .filter(|(side, fact)| !listed.iter().any(|listed| meets(listed, side, fact)))
        .map(|(side, fact)| format!("{side} | {fact}"))
        .collect();
    let stale: Vec<&str> = listed
        .iter()
        .filter(|listed| !listed.sometimes && !differ.iter().any(|(side, fact)| meets(listed, side, fact)))
        .map(|listed| listed.line)
        .collect();
    println!("{} facts of both, {} of one", sandbox.intersection(&moto).count(), differ.len());
    assert!(unlisted.is_empty(), "not in tests/it/traffic/differences:\n{}", unlisted.join("\n"));
    assert!(stale.is_empty(), "no difference any more:\n{}", stale.join("\n"));
}
