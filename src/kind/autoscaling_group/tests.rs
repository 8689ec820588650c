use std::collections::BTreeSet;
use std::time::Duration;

use super::group::Group;
use super::*;
use crate::kind::AnyKind;
use crate::kind::fleet::{Member, Standing, Template};
use crate::object;

pub fn template(version: u64) -> Template {
    Template { id: "lt-1".to_owned(), version: version.to_string() }
}

/// A group pinned to version 2 with these instances: id, lifecycle state, version.
pub fn fleet(desired: i32, members: &[(&str, &str, u64)]) -> Group {
    let member = |(id, state, version): &(&str, &str, u64)| Member {
        id: (*id).to_owned(),
        target: (*id).to_owned(),
        phase: super::group::phase(state),
        state: (*state).to_owned(),
        healthy: true,
        template: Some(template(*version)),
        units: 1,
        protected: false,
    };
    let standing = Standing {
        name: "shop".to_owned(),
        arn: String::new(),
        deleting: false,
        min: 0,
        max: 10,
        desired,
        members: members.iter().map(member).collect(),
        template: Some(template(2)),
        target_groups: BTreeSet::new(),
        suspended: BTreeSet::new(),
    };
    Group {
        standing,
        judged_by_targets: false,
        metrics: BTreeSet::new(),
        tags: BTreeMap::new(),
        deletion_protection: None,
        mixed: None,
    }
}

#[test]
fn what_a_person_reads_counts_instances_and_not_units_of_capacity() {
    let mut fleet = fleet(8, &[("i-1", "InService", 2), ("i-2", "InService", 2), ("i-3", "Pending", 2)]);
    fleet.standing.members.iter_mut().for_each(|member| member.units = 2);
    assert_eq!(fleet.summary(), "2 of 4 in service, 1 Pending");
    assert!(!fleet.settled());
}

/// Canonical inputs of a complete block.
fn inputs(set: Value) -> Object {
    let base = object! {
        "launch_template" => object! { "id" => "lt-1", "latest_version" => 2 },
        "subnets" => vec!["subnet-1", "subnet-2"],
        "min_size" => 1,
        "max_size" => 4,
    };
    let mut inputs = base.as_object().cloned().unwrap();
    inputs.extend(set.as_object().cloned().unwrap_or_default());
    schema::SCHEMA.canonical(&inputs)
}

fn spec(set: Value) -> Spec {
    crate::kind::typed(&AutoscalingGroup, &inputs(set)).unwrap()
}

fn mistakes(set: Value) -> Vec<String> {
    AnyKind::check(&AutoscalingGroup, &inputs(set)).into_iter().map(|(_, message, _)| message).collect()
}

#[test]
fn a_group_is_settled_when_it_has_what_it_wants_and_no_whole_instance_more() {
    assert!(!fleet(2, &[("i-1", "InService", 2), ("i-2", "Pending", 2)]).settled());
    assert!(fleet(1, &[("i-1", "InService", 2), ("i-2", "Terminating", 2)]).settled());
    let mut grown = fleet(1, &[("i-1", "InService", 2), ("i-2", "InService", 2)]);
    assert!(!grown.settled());
    grown.standing.members[0].protected = true;
    assert!(grown.settled());
    let mut halted = fleet(2, &[("i-1", "InService", 2)]);
    halted.standing.suspended.insert("Launch".to_owned());
    assert!(halted.settled());
    let mut heavy = fleet(3, &[("i-1", "InService", 2)]);
    heavy.standing.members[0].units = 4;
    assert!(heavy.settled());
    heavy.standing.members[0].healthy = false;
    assert!(!heavy.settled());
    assert_eq!(heavy.summary(), "0 of 1 in service, 1 unhealthy");
}

#[test]
fn a_group_stands_at_the_oldest_version_that_an_instance_runs() {
    let stands = |members: &[(&str, &str, u64)]| fleet(2, members).stands_at().unwrap();
    assert_eq!(stands(&[]), template(2));
    assert_eq!(stands(&[("i-1", "InService", 2)]), template(2));
    assert_eq!(stands(&[("i-1", "InService", 2), ("i-2", "InService", 1)]), template(1));
    assert_eq!(stands(&[("i-1", "InService", 2), ("i-2", "Terminating", 1)]), template(2));
    let mut other = fleet(1, &[("i-1", "InService", 7)]);
    let moved = Template { id: "lt-0".to_owned(), version: "7".to_owned() };
    other.standing.members[0].template = Some(moved.clone());
    assert_eq!(other.stands_at(), Some(moved));
}

#[test]
fn sizes_out_of_order_are_mistakes_and_unknown_ones_are_not() {
    assert!(mistakes(object! { "desired_capacity" => 2 }).is_empty());
    assert_eq!(mistakes(object! { "min_size" => 5 }), ["min_size is 5 and max_size is 4"]);
    assert_eq!(mistakes(object! { "desired_capacity" => 5 }), ["desired_capacity is 5 and max_size is 4"]);
    let later = Value::unknown(&crate::address::Address::new("instance", "one"), "count");
    assert!(mistakes(object! { "max_size" => later }).is_empty());
}

#[test]
fn checkpoints_rise_and_end_at_a_hundred() {
    let refresh = |checkpoints: &[f64]| {
        let checkpoints: Vec<_> = checkpoints.iter().map(|one| Value::Percent(*one)).collect();
        object! { "instance_refresh" => object! { "checkpoints" => checkpoints } }
    };
    assert!(mistakes(refresh(&[20.0, 50.0])).is_empty());
    assert_eq!(mistakes(refresh(&[50.0, 50.0])), ["checkpoints must rise, each one once"]);
    let last = |checkpoints: &[f64]| {
        spec(refresh(checkpoints)).instance_refresh.and_then(|one| one.checkpoint_percentages())
    };
    assert_eq!(last(&[20.0, 50.0]), Some(vec![20, 50, 100]));
    assert_eq!(last(&[100.0]), Some(vec![100]));
    assert_eq!(last(&[]), None);
}

#[test]
fn the_healthy_share_of_a_refresh_spans_at_most_a_hundred_percent() {
    let refresh = |min, max| {
        let members = object! { "min_healthy" => Value::Percent(min), "max_healthy" => Value::Percent(max) };
        mistakes(object! { "instance_refresh" => members })
    };
    assert!(refresh(90.0, 110.0).is_empty());
    assert_eq!(refresh(50.0, 200.0), ["min_healthy and max_healthy are more than 100% apart"]);
}

#[test]
fn hooks_and_policies_have_names_of_their_own_and_a_policy_one_metric() {
    let hook = || object! { "name" => "warm", "transition" => schema::LAUNCHING };
    let twice = object! { "lifecycle_hook" => vec![hook(), hook()] };
    // Equal blocks are folded, as in any set; different ones of the same name are not.
    assert!(mistakes(twice).is_empty());
    let other = object! { "name" => "warm", "transition" => schema::TERMINATING };
    assert_eq!(
        mistakes(object! { "lifecycle_hook" => vec![hook(), other] }),
        ["two lifecycle_hook blocks have the name `warm`"]
    );
    let policy = |set: Value| {
        let mut policy = set.as_object().cloned().unwrap();
        policy.insert("name".into(), "load".into());
        policy.insert("target_value".into(), 50.into());
        mistakes(object! { "scaling_policy" => vec![Value::Object(policy)] })
    };
    assert!(policy(object! { "predefined_metric" => "ASGAverageCPUUtilization" }).is_empty());
    assert_eq!(policy(object! {}), ["`load` needs either predefined_metric or customized_metric"]);
    assert_eq!(
        policy(object! { "predefined_metric" => schema::REQUESTS_PER_TARGET }),
        ["`load` counts requests per target and does not say of which target group"]
    );
}

#[test]
fn what_auto_scaling_takes_only_together_or_never_is_told() {
    let hook = |more: Value| {
        let mut hook = object! { "name" => "warm", "transition" => schema::LAUNCHING };
        if let (Value::Object(hook), Value::Object(more)) = (&mut hook, more) {
            hook.extend(more);
        }
        mistakes(object! { "lifecycle_hook" => vec![hook] }).len()
    };
    assert_eq!(hook(object! { "role" => "arn:role" }), 1);
    assert_eq!(hook(object! { "notification_target" => "arn:queue" }), 1);
    assert_eq!(hook(object! { "notification_target" => "arn:queue", "role" => "arn:role" }), 0);
    let pools = |strategy: Option<&str>| {
        let distribution = object! { "spot_instance_pools" => 2, "spot_allocation_strategy" => strategy };
        mistakes(object! { "mixed_instances" => object! { "instances_distribution" => distribution } }).len()
    };
    let strategies = [None, Some("lowest-price"), Some("capacity-optimized")];
    assert_eq!(strategies.map(pools), [0, 0, 1]);
    let rolls = |image: &str, back: bool| {
        let inputs =
            object! { "launch_template" => "t", "instance_refresh" => object! { "auto_rollback" => back } };
        let named = |_: &Value| object! { "image" => image }.as_object().cloned();
        check::beside(inputs.as_object().expect("an object"), &named).is_some()
    };
    assert!(rolls("resolve:ssm:/web", true));
    assert!(!rolls("resolve:ssm:/web", false) && !rolls("ami-1", true));
}

#[test]
fn parts_are_put_where_they_differ_and_deleted_where_they_are_no_longer_declared() {
    let hook = |name: &str, wait: u64| {
        object! {
            "name" => name, "transition" => schema::LAUNCHING, "heartbeat_timeout" => Duration::from_secs(wait)
        }
    };
    let hooks = |hooks: Vec<Value>| spec(object! { "lifecycle_hook" => hooks }).lifecycle_hook;
    let before = hooks(vec![hook("same", 60), hook("other", 60), hook("gone", 60)]);
    let after = hooks(vec![hook("same", 60), hook("other", 90), hook("new", 60)]);
    let (put, gone) = parts::changes(&before, &after);
    let mut put: Vec<_> = put.into_iter().map(|hook| hook.name.as_str()).collect();
    put.sort_unstable();
    assert_eq!((put, gone), (vec!["new", "other"], vec!["gone"]));
}

#[test]
fn a_new_version_is_refused_under_traffic_unless_it_is_an_instance_refresh() {
    let refused = |changed: &str, set: Value| {
        let changed = BTreeSet::from([changed.to_owned()]);
        AnyKind::refused_under_traffic(&AutoscalingGroup, &changed, &inputs(set)).is_some()
    };
    assert!(refused("launch_template", object! {}));
    assert!(!refused("launch_template", object! { "instance_refresh" => object! {} }));
    assert!(!refused("launch_template", object! { "outdated_instances" => "keep" }));
    assert!(!refused("max_size", object! {}));
    assert!(!refused("launch_template", object! { "min_size" => 0, "desired_capacity" => 0 }));
    assert!(!refused("launch_template", object! { "min_size" => 0, "max_size" => 0 }));
}

#[test]
fn with_mixed_instances_the_template_goes_inside_the_policy() {
    let weighted = object! { "instance_type" => "t3.large", "weighted_capacity" => 2 };
    let spec = spec(object! { "mixed_instances" => object! { "override" => vec![weighted] } });
    let input = spec.creation("shop", Vec::new()).unwrap().build().unwrap();
    assert!(input.launch_template().is_none());
    let template = input.mixed_instances_policy().unwrap().launch_template().unwrap();
    assert_eq!(template.launch_template_specification().unwrap().version(), Some("2"));
    assert_eq!(template.overrides()[0].weighted_capacity(), Some("2"));
}

#[test]
fn the_traffic_of_a_group_is_that_of_its_target_groups() {
    let serves = AnyKind::traffic(&AutoscalingGroup, &inputs(object! { "target_groups" => vec!["arn:a"] }));
    assert_eq!(serves.serves, [Value::string("arn:a")]);
    assert!(serves.forwards.is_empty());
}
