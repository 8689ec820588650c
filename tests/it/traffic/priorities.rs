//! Rules of a listener that change places: in one call, in one apply, and what is killed, moved by somebody
//! else or in the way beside it.

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, RuleCondition, RulePriorityPair,
};
use bgform::address::Address;
use bgform::cloud::Cloud;
use bgform::rollout::stage;

use super::deployment::{DEPLOYMENT, GROUND};
use crate::kit::inside::{Inside, program};
use crate::kit::local::Local;
use crate::kit::product::Product;
use crate::kit::wire::{Counted, Moment, is_read};

const FILE: &str = "rules.deploy";
const APPLY: &[&str] = &["apply", "--auto-approve"];
const SAME: &[&str] = &["plan", "--detailed-exitcode"];

/// A rule that answers the path of its name with this status.
fn rule(name: &str, priority: u32, status: u32) -> String {
    format!(
        "\nlistener_rule \"{name}\" {{\n  listener = listener.http\n  priority = {priority}\n\n  condition {{\n    \
         path_pattern = [\"/{name}\"]\n  }}\n\n  action \"fixed_response\" {{\n    status_code = {status}\n  }}\n}}\n"
    )
}

fn rules(rules: &[(&str, u32)]) -> String {
    let rules: Vec<_> = rules.iter().map(|(name, priority)| rule(name, *priority, 200)).collect();
    format!("{GROUND}{}", rules.concat())
}

/// The status of each path and its priority, as the API lists them.
async fn placed(cloud: &Cloud) -> BTreeMap<String, (String, String)> {
    let balancers = cloud.elbv2.describe_load_balancers().send().await.expect("load balancers");
    let arn = balancers.load_balancers()[0].load_balancer_arn().expect("an ARN");
    let listeners = cloud.elbv2.describe_listeners().load_balancer_arn(arn).send().await.expect("listeners");
    let listener = listeners.listeners()[0].listener_arn().expect("an ARN");
    let rules = cloud.elbv2.describe_rules().listener_arn(listener).send().await.expect("rules");
    let rules = rules.rules().iter().filter(|rule| rule.is_default() != Some(true));
    let of = |rule: &aws_sdk_elasticloadbalancingv2::types::Rule| {
        let path = rule.conditions()[0].path_pattern_config().expect("a path").values()[0].clone();
        let answer = rule.actions()[0].fixed_response_config();
        let status = answer.and_then(|answer| answer.status_code()).unwrap_or("forward").to_owned();
        (path, (rule.priority().expect("a priority").to_owned(), status))
    };
    rules.map(of).collect()
}

fn asked<T>(product: &Product, ask: impl AsyncFnOnce(Cloud) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { ask(product.cloud().await).await })
}

#[track_caller]
fn stand(product: &Product, wanted: &[(&str, u32)]) {
    let there = asked(product, async |cloud| placed(&cloud).await);
    let there: BTreeMap<_, _> =
        there.iter().map(|(path, (priority, _))| (path.trim_start_matches('/'), &**priority)).collect();
    let texts: Vec<_> = wanted.iter().map(|(name, priority)| (*name, priority.to_string())).collect();
    assert_eq!(there, texts.iter().map(|(name, priority)| (*name, &**priority)).collect());
}

#[test]
fn rules_that_change_places_do_so_in_one_call_of_one_apply() {
    let product = Product::on_sandbox(&[]);
    product.write(FILE, &rules(&[("a", 10), ("b", 20), ("c", 30)]));
    product.run(APPLY).exits(0);
    for (what, then) in [
        ("a swap", &[("a", 20), ("b", 10), ("c", 30)][..]),
        ("a shift", &[("a", 30), ("b", 20), ("c", 40)]),
        ("a circle of three", &[("a", 20), ("b", 40), ("c", 30)]),
        ("a new rule where another was", &[("new", 20), ("a", 40), ("b", 50), ("c", 30)]),
        ("a rule that goes, and others that follow", &[("a", 20), ("b", 40), ("c", 30)]),
        ("one rule where another was, that goes", &[("a", 30), ("b", 40)]),
        ("one rule that makes room for a new one", &[("new", 30), ("a", 20), ("b", 40)]),
    ] {
        product.write(FILE, &rules(then));
        product.wire.take();
        let run = product.run(APPLY);
        assert_eq!(run.code, 0, "{what}: {}", run.err);
        assert_eq!(product.wire.count("SetRulePriorities"), 1, "{what}");
        stand(&product, then);
        product.run(SAME).exits(0);
    }
}

#[test]
fn what_else_changes_in_rules_that_change_places_is_changed_too() {
    let product = Product::on_sandbox(&[]);
    product.write(FILE, &rules(&[("a", 10), ("b", 20)]));
    product.run(APPLY).exits(0);
    product.write(FILE, &format!("{GROUND}{}{}", rule("a", 20, 201), rule("b", 10, 202)));
    product.run(APPLY).exits(0).says("2 updated");
    let there = asked(&product, async |cloud| placed(&cloud).await);
    let of = |priority: &str, status: &str| (priority.to_owned(), status.to_owned());
    assert_eq!(there, [("/a".to_owned(), of("20", "201")), ("/b".to_owned(), of("10", "202"))].into());
    product.run(SAME).exits(0);
}

#[test]
fn a_priority_that_somebody_else_keeps_is_refused_before_anything_is_changed() {
    let product = Product::on_sandbox(&[]);
    product.write(FILE, &rules(&[("a", 10), ("b", 20)]));
    product.run(APPLY).exits(0);
    let foreign = asked(&product, async |cloud| {
        let balancers = cloud.elbv2.describe_load_balancers().send().await.expect("load balancers");
        let arn = balancers.load_balancers()[0].load_balancer_arn().expect("an ARN");
        let listeners = cloud.elbv2.describe_listeners().load_balancer_arn(arn).send().await;
        let listener = listeners.expect("listeners").listeners()[0].listener_arn().map(str::to_owned);
        let answer = FixedResponseActionConfig::builder().status_code("418").build();
        let action = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(answer);
        let condition = RuleCondition::builder().field("path-pattern").values("/theirs").build();
        let create = cloud.elbv2.create_rule().set_listener_arn(listener).priority(30).conditions(condition);
        let made = create.actions(action.build()).send().await.expect("a rule");
        made.rules()[0].rule_arn().expect("an ARN").to_owned()
    });
    for then in [&[("a", 30), ("b", 10)][..], &[("a", 10), ("b", 20), ("new", 30)]] {
        product.write(FILE, &rules(then));
        product.wire.take();
        product.run(APPLY).exits(1).says("is to have priority 30").says(&foreign);
        assert!(product.wire.take().iter().all(|call| is_read(call)));
    }
    // A half of a swap.
    product.write(FILE, &rules(&[("a", 20), ("b", 10)]));
    let half = [APPLY, &["--target", "listener_rule.a"]].concat();
    product.run(&half).exits(1).says("which `listener_rule.b` has and keeps").says("without --target");
    stand(&product, &[("a", 10), ("b", 20), ("theirs", 30)]);
    product.run(APPLY).exits(0);
    stand(&product, &[("a", 20), ("b", 10), ("theirs", 30)]);
}

#[test]
fn a_kill_around_the_call_that_moves_rules_loses_nothing() {
    let product = Product::on_sandbox(&[]);
    let (one, other) = (rules(&[("a", 10), ("b", 20)]), rules(&[("a", 20), ("b", 10)]));
    product.write(FILE, &one);
    product.run(APPLY).exits(0);
    for (moment, text) in [
        (Moment::BeforeIt, &other),
        (Moment::BeforeItsAnswer, &other),
        (Moment::AfterItsAnswer, &one),
        (Moment::BeforeItsAnswer, &other),
    ] {
        product.write(FILE, text);
        let child = product.begin(APPLY).child;
        let call = Counted::Of("SetRulePriorities".to_owned());
        let killed = product.wire.kill_around(child, call, 0, moment);
        assert!(killed.is_ok(), "{moment:?}");
        if moment == Moment::BeforeIt {
            continue;
        }
        let again = product.run(APPLY).exits(0);
        assert!(!again.out.contains("outside of bgform"), "{}", again.out);
        product.run(SAME).exits(0);
        let wanted = if *text == one { [("a", 10), ("b", 20)] } else { [("a", 20), ("b", 10)] };
        stand(&product, &wanted);
    }
}

#[test]
fn a_rule_that_somebody_has_moved_since_the_plan_stays_where_it_is() {
    let local = Local::start(&[]);
    let inside = Inside::of(&local, 1.0);
    inside.runtime.block_on(async {
        let of = |text: String| program(Path::new(FILE), text, &[]);
        let first = inside.ship(&of(rules(&[("a", 10), ("b", 20)])), &stage::of).await.expect("shipped");
        assert!(first.outcome.is_complete());
        let moved = async || {
            let record = &first.snapshot.resources[&Address::new("listener_rule", "b")];
            let pair = RulePriorityPair::builder().rule_arn(&record.id).priority(25).build();
            inside.cloud.elbv2.set_rule_priorities().rule_priorities(pair).send().await.expect("moved");
        };
        let swapped = of(rules(&[("a", 20), ("b", 10)]));
        let shipped = inside.ship_after(&swapped, &stage::of, moved).await.expect("shipped");
        let errors: Vec<_> = shipped.outcome.failed.iter().map(|failed| failed.error.to_string()).collect();
        assert_eq!(
            errors,
            [
                "it was changed from outside since the plan was made: `listener_rule.b.priority` is 25, and was 20"
            ]
        );
        let there = placed(&inside.cloud).await;
        assert_eq!((&*there["/a"].0, &*there["/b"].0), ("10", "25"));
    });
}

/// The rule of a deployment keeps its weights, and its release is shipped by the same apply.
#[test]
fn the_rule_of_a_deployment_changes_places_with_another() {
    let product = Product::on_sandbox(&[]);
    let text = |priority: u32, other: u32| {
        let more = "  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n";
        let web = DEPLOYMENT.replace("NAME", "web").replace("RELEASE", "var.release").replace("PATH", "/web");
        let web = web.replace("PRIORITY", &priority.to_string()).replace("MORE", more);
        format!("{GROUND}{web}{}", rule("other", other, 200))
    };
    let shares = || {
        asked(&product, async |cloud| {
            let (mut shares, mut place) = (Vec::new(), String::new());
            let balancers = cloud.elbv2.describe_load_balancers().send().await.expect("load balancers");
            let arn = balancers.load_balancers()[0].load_balancer_arn().expect("an ARN");
            let listeners = cloud.elbv2.describe_listeners().load_balancer_arn(arn).send().await;
            let listener = listeners.expect("listeners").listeners()[0].listener_arn().map(str::to_owned);
            let rules = cloud.elbv2.describe_rules().set_listener_arn(listener).send().await.expect("rules");
            for rule in rules.rules() {
                let Some(forward) = rule.actions()[0].forward_config() else { continue };
                shares.extend(forward.target_groups().iter().filter_map(|group| group.weight()));
                place = rule.priority().expect("a priority").to_owned();
            }
            shares.sort_unstable();
            (place, shares)
        })
    };
    product.write(FILE, &text(10, 20));
    product.run(APPLY).exits(0);
    product.write(FILE, &text(20, 10));
    product.wire.take();
    product.run(APPLY).exits(0);
    assert_eq!(product.wire.count("SetRulePriorities"), 1);
    assert_eq!(shares(), ("20".to_owned(), vec![0, 100]));
    product.run(SAME).exits(0);
    product.write(FILE, &text(10, 20));
    product.run(&[APPLY, &["--var", "release=2.0"]].concat()).exits(0);
    assert_eq!(shares(), ("10".to_owned(), vec![0, 100]));
    product.run(&[SAME, &["--var", "release=2.0"]].concat()).exits(0);
}
