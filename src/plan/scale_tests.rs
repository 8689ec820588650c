//! Checks that the work for n resources grows as n log n, by counting it for a stack and for one four times
//! as large. Every stage touches addresses (compares, hashes, copies them). A stage that goes through all
//! resources for each resource does so sixteen times as often for four times as many.

use aws_credential_types::Credentials;

use super::document::document;
use super::render::{Style, render};
use super::step::Action;
use super::{Basis, Made, Options, make};
use crate::address::{Address, touched};
use crate::clock::Clock;
use crate::cloud::{Cloud, Target};
use crate::stack::program_tests::load;
use crate::stack::{Facts, Known, Program, View};
use crate::state::{Change, Record, Snapshot};
use crate::value::{Object, Value};

const FEW: usize = 60;
const MANY: usize = 4 * FEW;
/// Linear growth is 4; with a logarithm it is below 6.
const MOST: f64 = 6.0;

/// A stack of declared target groups, each third naming the one before it, a rule for each of them, and as
/// many by `for_each` that name each other by key.
fn stack(n: usize) -> String {
    let mut text = format!(
        "stack \"s\" {{\n}}\nexisting vpc \"main\" {{\n  default = true\n}}\n\
         existing listener \"edge\" {{\n  load_balancer = load_balancer.edge\n  port = 80\n}}\n\
         existing load_balancer \"edge\" {{\n  name = \"edge\"\n}}\n\
         locals {{\n  ports = {{ for n in range({n}) : \"g${{n}}\" => 1024 + n }}\n}}\n"
    );
    for (block, tag) in [("first", "each.key"), ("second", "target_group.first[each.key].name")] {
        text.push_str(&format!(
            "target_group \"{block}\" {{\n  for_each = toset(keys(local.ports))\n  vpc = vpc.main\n  \
             port = local.ports[each.key]\n  protocol = \"HTTP\"\n  tags = {{ of = {tag} }}\n}}\n"
        ));
    }
    for index in 0..n {
        let beside = match index % 3 {
            2 => format!("target_group.web-{}.name", index - 1),
            _ => "\"none\"".to_owned(),
        };
        text.push_str(&format!(
            "target_group \"web-{index}\" {{\n  vpc = vpc.main\n  port = 80\n  protocol = \"HTTP\"\n  \
             tags = {{ beside = {beside} }}\n}}\n\
             listener_rule \"web-{index}\" {{\n  listener = listener.edge\n  priority = {}\n  \
             condition {{\n    path_pattern = [\"/{index}\"]\n  }}\n  \
             action \"forward\" {{\n    target_group {{\n      group = target_group.web-{index}\n      \
             weight = 100\n    }}\n  }}\n}}\n",
            index + 1
        ));
    }
    text
}

fn read(n: usize) -> Program {
    let (program, mistakes) = load(&stack(n), &[]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    program
}

/// The answers of `existing` blocks: nothing is read.
fn existing() -> Known {
    let answer = |kind: &str, name: &str, id: &str| {
        let outputs = ["id", "arn", "name"].map(|output| (output.to_owned(), Value::string(id)));
        let facts = Facts { inputs: Object::new(), outputs: Object::from_iter(outputs), members: None };
        (Address::new(kind, name), facts)
    };
    Known::from_iter([
        answer("vpc", "main", "vpc-0a1b2c3d"),
        answer(
            "listener",
            "edge",
            "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/edge/1",
        ),
        answer(
            "load_balancer",
            "edge",
            "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/1",
        ),
    ])
}

/// Runs a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn plan(program: &View<'_>, snapshot: &Snapshot, options: Options) -> Made {
    let options = &Options { no_refresh: true, ..options };
    now(async {
        let target = Target {
            region: Some("eu-central-1".to_owned()),
            profile: None,
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
        };
        let anyone = Credentials::new("test", "test", None, None, "test");
        let cloud = Cloud::connect_as(Some(anyone), &target, Clock::real(), false).await.unwrap();
        let existing = Some((Vec::new(), existing()));
        make(Basis { cloud: &cloud, program, snapshot, options, existing, part: None }).await.unwrap()
    })
}

fn empty() -> Snapshot {
    Snapshot::new("s", "123456789012", "eu-central-1", None)
}

/// The state after the plan from nothing was carried out: the id of each resource is its address.
fn applied(program: &View<'_>) -> Snapshot {
    let mut snapshot = empty();
    let mut known = existing();
    for step in plan(program, &snapshot, Options::default()).plan.steps {
        let node = program.nodes.iter().find(|node| node.address == step.address).unwrap();
        let evaluated = program.evaluate(node, &known, &mut Vec::new()).unwrap();
        let kind = crate::kind::find_managed(&step.address.kind).unwrap();
        let id = format!("arn:{}", step.address).replace(['[', ']', '"'], ":");
        let output = |name: &str| (name.to_owned(), Value::string(&id));
        let outputs: Object = kind.schema().outputs.iter().map(|one| output(one.name)).collect();
        let record = Record {
            id: id.clone(),
            inputs: super::resolve::resolve(kind.schema(), &evaluated.inputs, &known),
            outputs: outputs.clone(),
            depends_on: evaluated.depends_on.into_iter().collect(),
            ..Record::default()
        };
        let facts = Facts { inputs: evaluated.inputs, outputs, members: None };
        known.insert(step.address.clone(), facts);
        snapshot.apply(&Change::Put { address: step.address, record });
    }
    snapshot
}

#[track_caller]
fn grows_with_the_stack(what: &str, count: impl Fn(usize) -> u64) {
    let (few, many) = (count(FEW), count(MANY));
    let ratio = many as f64 / few as f64;
    assert!(few > 0 && ratio < MOST, "{what}: {few} for {FEW}, {many} for {MANY}, {ratio:.1} times as often");
}

#[test]
fn reading_a_stack_is_no_worse_than_n_log_n() {
    grows_with_the_stack("read", |n| touched::count(|| read(n)).0);
}

#[test]
fn a_view_of_a_stack_is_no_worse_than_n_log_n() {
    let viewed = |n| {
        let stack = read(n);
        touched::count(|| stack.unreleased().nodes.len()).0
    };
    grows_with_the_stack("view", viewed);
}

#[test]
fn a_plan_from_nothing_is_no_worse_than_n_log_n() {
    let planned = |n| {
        let (stack, snapshot) = (read(n), empty());
        let program = stack.unreleased();
        let (touched, made) = touched::count(|| plan(&program, &snapshot, Options::default()));
        assert_eq!(made.plan.steps.len(), 4 * n);
        touched
    };
    grows_with_the_stack("plan from nothing", planned);
}

#[test]
fn what_is_shown_of_a_plan_is_no_worse_than_n_log_n() {
    let shown = |n| {
        let (stack, snapshot) = (read(n), empty());
        let program = stack.unreleased();
        let made = plan(&program, &snapshot, Options::default());
        touched::count(|| {
            (
                render(&made.plan, &snapshot, &Style { colour: false }),
                document(&made.plan, &snapshot, serde_json::Value::Null),
            )
        })
        .0
    };
    // The rest of the output touches no address.
    assert!(shown(MANY) <= 6 * shown(FEW).max(100));
}

#[test]
fn a_plan_without_changes_is_no_worse_than_n_log_n() {
    let planned = |n| {
        let stack = read(n);
        let program = stack.unreleased();
        let snapshot = applied(&program);
        let (touched, made) = touched::count(|| plan(&program, &snapshot, Options::default()));
        assert!(made.plan.is_empty(), "{}", render(&made.plan, &snapshot, &Style { colour: false }));
        touched
    };
    grows_with_the_stack("plan without changes", planned);
}

#[test]
fn a_plan_that_replaces_half_is_no_worse_than_n_log_n() {
    let planned = |n| {
        let stack = read(n);
        let program = stack.unreleased();
        let snapshot = applied(&program);
        let replace = ["first", "second"].map(|block| Address::new("target_group", block)).to_vec();
        let options = Options { replace, ..Options::default() };
        let (touched, made) = touched::count(|| plan(&program, &snapshot, options));
        assert_eq!(made.plan.steps.iter().filter(|step| step.action.is_delete()).count(), 2 * n);
        touched
    };
    grows_with_the_stack("plan that replaces", planned);
}

#[test]
fn a_plan_to_take_everything_away_is_no_worse_than_n_log_n() {
    let planned = |n| {
        let stack = read(n);
        let program = stack.unreleased();
        let snapshot = applied(&program);
        let options = Options { destroy: true, ..Options::default() };
        let (touched, made) = touched::count(|| plan(&program, &snapshot, options));
        let deletes = |action: &Action| matches!(action, Action::Delete { .. });
        assert_eq!(made.plan.steps.iter().filter(|step| deletes(&step.action)).count(), 4 * n);
        touched
    };
    grows_with_the_stack("plan to destroy", planned);
}
