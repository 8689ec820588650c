use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::address::Address;
use crate::object;
use crate::plan::diff::AttributeChange;
use crate::plan::step::{Action, Drift, DriftKind, Kept, OutputChange, Step, TrafficChange};
use crate::state::Record;
use crate::value::{Object, Value};

const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop-blue/1";
const GREEN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop-green/2";

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn record(id: &str, inputs: Value) -> Record {
    let inputs = inputs.as_object().cloned().unwrap();
    let mut outputs = Object::from_iter([("id".to_owned(), Value::string(id))]);
    if id.starts_with("arn:") {
        outputs.insert("arn".to_owned(), Value::string(id));
    }
    Record {
        id: id.to_owned(),
        inputs,
        outputs,
        generation: 0,
        depends_on: Vec::new(),
        prevent_destroy: false,
        unfinished: false,
    }
}

fn rule_inputs(blue: i32, green: i32) -> Value {
    let action = object! {
        "type" => "forward",
        "target_group" => vec![
            object! { "group" => BLUE, "weight" => blue },
            object! { "group" => GREEN, "weight" => green },
        ],
    };
    object! { "priority" => 10, "action" => vec![action] }
}

/// A state with both groups, an image and the rule.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::new("shop", "123456789012", "us-east-1", None);
    let resources = [
        (r#"target_group.shop["blue"]"#, record(BLUE, object! { "port" => 8080 })),
        (r#"target_group.shop["green"]"#, record(GREEN, object! { "port" => 8080 })),
        (r#"image.shop["green"]"#, record("ami-0123456789abcdef0", object! { "name" => "shop-1.0.1" })),
        ("listener_rule.shop", record("arn:rule", rule_inputs(100, 0))),
    ];
    snapshot.resources = resources.into_iter().map(|(at, record)| (address(at), record)).collect();
    snapshot
}

fn change(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> AttributeChange {
    AttributeChange {
        path: path.to_owned(),
        before: before.into(),
        after: after.into(),
        replaces: false,
        text: false,
    }
}

fn forcing(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> AttributeChange {
    AttributeChange { replaces: true, ..change(path, before, after) }
}

fn step(at: &str, action: Action, changes: Vec<AttributeChange>) -> Step {
    Step {
        address: address(at),
        action,
        changes,
        after: Vec::new(),
        together: Vec::new(),
        half: None,
        inputs: Object::new(),
        record: None,
        live: None,
        traffic: TrafficChange::default(),
    }
}

const CREATE: Action = Action::Create { generation: 0, replaces: None };

fn create(at: &str, inputs: Value) -> Step {
    Step { inputs: inputs.as_object().cloned().unwrap_or_default(), ..step(at, CREATE, Vec::new()) }
}

fn weights(blue: (u32, u32), green: (u32, u32)) -> TrafficChange {
    let weights = BTreeMap::from([
        (r#"target_group.shop["blue"]"#.to_owned(), blue),
        (r#"target_group.shop["green"]"#.to_owned(), green),
    ]);
    TrafficChange { weights, ..TrafficChange::default() }
}

fn shift() -> Step {
    let changes = vec![
        change("action[0].target_group[0].weight", 100, 0),
        change("action[0].target_group[1].weight", 0, 100),
    ];
    let mut step = step("listener_rule.shop", Action::Update, changes);
    step.traffic = weights((100, 0), (0, 100));
    step
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan { steps, resources: 14, ..Plan::default() }
}

fn shown(plan: &Plan) -> String {
    render(plan, &snapshot(), &Style { colour: false })
}

#[test]
fn a_cutover_is_one_line_about_traffic() {
    insta::assert_snapshot!(shown(&plan(vec![shift()])), @r#"
    To be done, in this order:

      ~ update listener_rule.shop
          traffic: target_group.shop["blue"] 100 → 0, target_group.shop["green"] 0 → 100

    Plan: 1 to update.
    "#);
}

#[test]
fn weights_that_the_line_about_traffic_does_not_account_for_are_shown_by_path() {
    let mut step = shift();
    step.changes.push(change("action[1].target_group[0].weight", 5, 6));
    let text = shown(&plan(vec![step]));
    assert!(text.contains("action[1].target_group[0].weight = 5 → 6"), "{text}");
}

#[test]
fn a_create_shows_what_is_declared_with_references_as_addresses() {
    let health = object! {
        "path" => "/healthz", "interval" => Duration::from_secs(5), "timeout" => Duration::from_secs(2),
        "healthy_threshold" => 2, "unhealthy_threshold" => 2,
    };
    let template = address("launch_template.shop[\"green\"]");
    let steps = vec![
        create("target_group.shop[\"green\"]", object! { "health_check" => health }),
        create("launch_template.shop", object! { "user_data" => "#!/bin/sh\necho \x1b[31mhello\n" }),
        create(
            "autoscaling_group.shop[\"green\"]",
            object! {
                "launch_template" => object! {
                    "id" => Value::unknown(&template, "id"),
                    "latest_version" => Value::unknown(&template, "latest_version"),
                },
                "target_groups" => vec![GREEN],
                "health_check_grace_period" => Duration::from_secs(60),
                "instance_refresh" => object! { "min_healthy" => Value::Percent(25.0) },
            },
        ),
    ];
    insta::assert_snapshot!(shown(&plan(steps)), @r#"
    To be done, in this order:

      + create target_group.shop["green"]
          health_check = {
            path                = "/healthz"
            interval            = 5s
            timeout             = 2s
            healthy_threshold   = 2
            unhealthy_threshold = 2
          }

      + create launch_template.shop
          user_data <<
              #!/bin/sh
              echo \u001b[31mhello

      + create autoscaling_group.shop["green"]
          launch_template           = {
            id             = launch_template.shop["green"] (known after apply)
            latest_version = (known after apply)
          }
          target_groups             = [target_group.shop["green"]]
          health_check_grace_period = 1m
          instance_refresh          = { min_healthy = 25% }

    Plan: 3 to create.
    "#);
}

#[test]
fn a_replacement_is_one_thing_told_where_the_new_one_is_made() {
    let id = "ami-0123456789abcdef0".to_owned();
    let green = address(r#"image.shop["green"]"#);
    let made = step(
        r#"image.shop["green"]"#,
        Action::Create { generation: 1, replaces: Some(id.clone()) },
        vec![forcing("name", "shop-1.0.1", "shop-1.0.2"), change("tags.release", Value::Null, "1.0.2")],
    );
    let user = step(
        r#"launch_template.shop["green"]"#,
        Action::Update,
        vec![change("image", id.as_str(), Value::unknown(&green, "id"))],
    );
    let gone = step(r#"image.shop["green"]"#, Action::Delete { id, deposed: true }, Vec::new());
    insta::assert_snapshot!(shown(&plan(vec![made, user, gone])), @r#"
    To be done, in this order:

    -/+ replace image.shop["green"]
          ~ name         = "shop-1.0.1" → "shop-1.0.2"  # forces replacement
          + tags.release = "1.0.2"

      ~ update launch_template.shop["green"]
          ~ image = image.shop["green"] (ami-0123456789abcdef0) → image.shop["green"] (known after apply)

      - delete image.shop["green"] (ami-0123456789abcdef0, replaced above)

    Plan: 1 to update, 1 to replace.
    "#);
}

#[test]
fn a_replacement_that_nothing_forces_was_asked_for() {
    let id = "ami-0123456789abcdef0".to_owned();
    let mut plan = plan(vec![step(
        r#"image.shop["green"]"#,
        Action::Create { generation: 1, replaces: Some(id.clone()) },
        Vec::new(),
    )]);
    plan.kept.push(Kept {
        address: address(r#"image.shop["green"]"#),
        id,
        by: address(r#"launch_template.shop["green"]"#),
    });
    insta::assert_snapshot!(shown(&plan), @r#"
    To be done, in this order:

    -/+ replace image.shop["green"]
          # asked for by --replace

    Replaced, and still in use:

        image.shop["green"] ami-0123456789abcdef0 is kept while launch_template.shop["green"] uses it

    Plan: 1 to replace.
    "#);
}

#[test]
fn a_replacement_that_deletes_first_says_so_in_both_places() {
    let mut old =
        step("listener_rule.shop", Action::Delete { id: "arn:rule".to_owned(), deposed: false }, Vec::new());
    old.traffic = weights((100, 0), (0, 0));
    let mut new = step("listener_rule.shop", CREATE, vec![forcing("listener", "arn:old", "arn:new")]);
    new.traffic = weights((0, 100), (0, 0));
    insta::assert_snapshot!(shown(&plan(vec![old, new])), @r#"
    To be done, in this order:

      - delete listener_rule.shop (makes room for the new one below)
          traffic: target_group.shop["blue"] 100 → 0, target_group.shop["green"] 0

    -/+ replace listener_rule.shop (the old one is deleted first: only one can hold its place)
          traffic: target_group.shop["blue"] 0 → 100, target_group.shop["green"] 0
          ~ listener = "arn:old" → "arn:new"  # forces replacement

    Plan: 1 to replace.
    "#);
}

#[test]
fn drift_stands_first_and_says_who_has_moved_what() {
    let mut plan = plan(vec![shift()]);
    plan.drift = vec![
        Drift {
            address: address("listener_rule.shop"),
            kind: DriftKind::Changed {
                changes: vec![
                    change("action[0].target_group[0].weight", 100, 50),
                    change("action[0].target_group[1].weight", 0, 50),
                    change("priority", 10, 11),
                ],
                weights: true,
            },
        },
        Drift {
            address: address(r#"image.shop["green"]"#),
            kind: DriftKind::Gone { id: "ami-0123456789abcdef0".to_owned() },
        },
    ];
    insta::assert_snapshot!(shown(&plan), @r#"
    Changed outside bgform since the last apply:

      ~ listener_rule.shop  the traffic was moved from outside, and this plan moves it again
          traffic: target_group.shop["blue"] 100 → 50, target_group.shop["green"] 0 → 50
          ~ priority = 10 → 11
      - image.shop["green"] is gone (ami-0123456789abcdef0)

    To be done, in this order:

      ~ update listener_rule.shop
          traffic: target_group.shop["blue"] 100 → 0, target_group.shop["green"] 0 → 100

    Plan: 1 to update.
    "#);
}

#[test]
fn long_texts_differ_line_by_line() {
    let before: String = (1..=12).map(|n| format!("line {n}\n")).collect();
    let after = before.replace("line 6\n", "line six\n");
    let step = step(
        "launch_template.shop",
        Action::Update,
        vec![AttributeChange { text: true, ..change("user_data", before, after) }],
    );
    insta::assert_snapshot!(shown(&plan(vec![step])), @r#"
    To be done, in this order:

      ~ update launch_template.shop
          ~ user_data
                …
                line 3
                line 4
                line 5
              - line 6
              + line six
                line 7
                line 8
                line 9
                …

    Plan: 1 to update.
    "#);
}

#[test]
fn long_lists_differ_line_by_line() {
    let rule = |port: i32| object! { "protocol" => "tcp", "port" => port, "cidr" => vec!["10.0.0.0/8"] };
    let step = step(
        "security_group.web",
        Action::Update,
        vec![
            change("ingress", vec![rule(80), rule(443)], vec![rule(80), rule(8443)]),
            change("description", "a", "b"),
            change("tags.old", "x", Value::Null),
        ],
    );
    insta::assert_snapshot!(shown(&plan(vec![step])), @r#"
    To be done, in this order:

      ~ update security_group.web
          ~ ingress
                [
                  { protocol = "tcp", port = 80, cidr = ["10.0.0.0/8"] },
              -   { protocol = "tcp", port = 443, cidr = ["10.0.0.0/8"] },
              +   { protocol = "tcp", port = 8443, cidr = ["10.0.0.0/8"] },
                ]
          ~ description = "a" → "b"
          - tags.old    = "x"

    Plan: 1 to update.
    "#);
}

#[test]
fn no_part_of_a_sensitive_value_is_shown() {
    let secret = |text: &str| Value::string(text).sensitive();
    let mut plan = plan(vec![
        create(
            "launch_template.shop",
            object! {
                "user_data" => secret("hunter2\nhunter2\n"),
                "security_groups" => vec![secret("hunter2"), "open".into()],
            },
        ),
        step(
            "launch_template.web",
            Action::Update,
            vec![
                AttributeChange { text: true, ..change("user_data", "hunter2\nx\n", secret("hunter2\ny\n")) },
                change(
                    "env",
                    object! { "password" => "hunter2", "user" => "shop" },
                    object! {
                        "password" => secret("hunter22"), "user" => "web",
                    },
                ),
                change("list", vec!["hunter2"], vec![secret("hunter22")]),
            ],
        ),
    ]);
    plan.drift.push(Drift {
        address: address("launch_template.web"),
        kind: DriftKind::Changed {
            changes: vec![change("key", secret("hunter2"), "hunter22")],
            weights: false,
        },
    });
    plan.outputs.push(OutputChange {
        name: "password".into(),
        before: "hunter2".into(),
        after: secret("hunter22"),
    });
    let text = shown(&plan);
    assert!(!text.contains("hunter"), "{text}");
    assert!(text.contains("\"open\"") && text.contains("\"web\""), "{text}");
    assert!(!show_value(&Value::List(vec![secret("hunter2")])).contains("hunter"));
}

#[test]
fn outputs_that_change_are_told_and_counted_where_nothing_else_is() {
    let mut plan = plan(Vec::new());
    let later = Value::unknown(&address("load_balancer.edge"), "dns_name");
    plan.outputs.push(OutputChange { name: "url".into(), before: "http://a/".into(), after: later });
    insta::assert_snapshot!(shown(&plan), @r#"
    Outputs:

      ~ url = "http://a/" → (known after apply)

    Plan: 1 output changes, and no resource.
    "#);
}

#[test]
fn what_was_cut_short_is_finished() {
    let mut step = step("load_balancer.edge", Action::Update, Vec::new());
    step.record = Some(Record { unfinished: true, ..record("arn:edge", object! {}) });
    let text = shown(&plan(vec![step]));
    assert!(text.contains("~ update load_balancer.edge (finish the interrupted change)"), "{text}");
}

#[test]
fn an_empty_plan_says_that_there_is_nothing_to_do_and_why() {
    let mut empty = plan(Vec::new());
    assert_eq!(shown(&empty), "Nothing to do: the 14 resources of stack \"shop\" are as the stack says.\n");
    empty.drift.push(Drift {
        address: address("listener_rule.shop"),
        kind: DriftKind::Changed { changes: vec![change("priority", 10, 11)], weights: false },
    });
    let text = shown(&empty);
    assert!(!text.contains("are as the stack says"), "{text}");
    assert!(text.contains("priority = 10 → 11"), "{text}");
}

#[test]
fn a_destroy_is_a_short_list() {
    let gone =
        |at: &str, id: &str| step(at, Action::Delete { id: id.to_owned(), deposed: false }, Vec::new());
    let mut rule = gone("listener_rule.shop", "arn:rule");
    rule.traffic = weights((100, 0), (0, 0));
    let forgotten =
        Action::Forget { id: GREEN.to_owned(), deposed: false, why: "it is gone already".to_owned() };
    let mut plan = plan(vec![
        rule,
        gone(r#"image.shop["green"]"#, "ami-0123456789abcdef0"),
        step(r#"target_group.shop["green"]"#, forgotten, Vec::new()),
    ]);
    plan.destroys = true;
    insta::assert_snapshot!(shown(&plan), @r#"
    To be taken away, in this order:

      - delete listener_rule.shop
      - delete image.shop["green"] (ami-0123456789abcdef0)
        forget target_group.shop["green"] (it is gone already)

    Plan: 2 to delete, 1 to forget.
    "#);
}

#[test]
fn colours_are_put_in_only_when_asked_for() {
    assert!(!shown(&plan(vec![shift()])).contains('\x1b'));
    assert!(render(&plan(vec![shift()]), &snapshot(), &Style { colour: true }).contains('\x1b'));
}

#[test]
fn a_text_is_shown_as_the_language_reads_it() {
    assert_eq!(show_value(&"a\n\"${b}\" \u{202e}\x1b".into()), r#""a\n\"$${b}\" \u202e\u001b""#);
    assert_eq!(
        show_value(&object! { "a-b" => Duration::from_secs(90), "c d" => 1 }),
        r#"{ a-b = 90s, "c d" = 1 }"#
    );
}
