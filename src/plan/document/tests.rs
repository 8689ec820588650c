use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::address::Address;
use crate::object;
use crate::plan::step::{Beside, Kept, OutputChange, TrafficChange};
use crate::value::Object;

fn change(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> AttributeChange {
    AttributeChange {
        path: path.to_owned(),
        before: before.into(),
        after: after.into(),
        replaces: true,
        text: false,
    }
}

/// A plan with a value in every field.
fn plan() -> Plan {
    let image: Address = r#"image.shop["green"]"#.parse().unwrap();
    let made = Step {
        address: image.clone(),
        action: Action::Create { generation: 1, replaces: Some("ami-1".to_owned()) },
        changes: vec![
            change("name", "a", "b"),
            change("source", "i-1", Value::unknown(&Address::new("instance", "source"), "id")),
            change(
                "env",
                object! { "user" => "shop", "key" => "hunter2" },
                object! {
                    "user" => "shop", "key" => Value::string("hunter22").sensitive(),
                },
            ),
        ],
        after: vec![],
        together: Vec::new(),
        half: None,
        inputs: Object::new(),
        record: None,
        live: None,
        traffic: TrafficChange {
            weights: BTreeMap::from([("target_group.blue".to_owned(), (100, 0))]),
            serves: vec!["target_group.blue".to_owned()],
            ..TrafficChange::default()
        },
    };
    let gone = Step {
        action: Action::Delete { id: "ami-1".to_owned(), deposed: true },
        changes: Vec::new(),
        after: vec![0],
        together: Vec::new(),
        half: None,
        traffic: TrafficChange::default(),
        ..made.clone()
    };
    Plan {
        drift: vec![Drift {
            address: Address::new("listener_rule", "shop"),
            kind: DriftKind::Changed { changes: vec![change("priority", 10, 11)], weights: true },
        }],
        beside: BTreeMap::from([(
            image.clone(),
            Beside {
                release: "1.0".to_owned(),
                changes: vec![change("env.key", "hunter1", Value::string("hunter22").sensitive())],
            },
        )]),
        steps: vec![made, gone],
        outputs: vec![OutputChange {
            name: "key".to_owned(),
            before: "hunter2".into(),
            after: Value::string("hunter22").sensitive(),
        }],
        kept: vec![Kept {
            address: image,
            id: "ami-0".to_owned(),
            by: Address::new("launch_template", "shop"),
        }],
        resources: 14,
        ..Plan::default()
    }
}

fn emitted() -> Json {
    document(&plan(), &Snapshot::new("shop", "123456789012", "us-east-1", None), json!([]))
}

/// The path of every field; the content of `before` and `after` is the author's.
fn paths(json: &Json, at: &str, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                found.insert(path.clone());
                if name != "before" && name != "after" {
                    paths(value, &path, found);
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}[]"), found)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented_and_every_documented_field_is_there() {
    let documented: BTreeSet<String> = include_str!("../document.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! - `")?.split('`').next().map(str::to_owned))
        .collect();
    let mut found = BTreeSet::new();
    paths(&emitted(), "", &mut found);
    // Documented once, with the steps.
    found.retain(|path| {
        !["drift[].changes[].", "steps[].beside.changes[]."].iter().any(|start| path.starts_with(start))
    });
    assert_eq!(found, documented);
}

#[test]
fn no_part_of_a_sensitive_value_is_in_it() {
    let json = emitted();
    assert!(!json.to_string().contains("hunter"), "{json:#}");
    let env = &json["steps"][0]["changes"][2];
    assert_eq!(env["after"], json!({ "user": "shop", "key": null }));
    assert_eq!(env["sensitive"], true);
}

#[test]
fn a_replacement_is_a_create_and_a_delete_that_name_each_other() {
    let json = emitted();
    assert_eq!(json["summary"]["replace"], 1);
    assert_eq!(json["summary"]["delete"], 0);
    assert_eq!(json["steps"][0]["replaces"], "ami-1");
    assert_eq!(json["steps"][0]["forced_by"], json!(["name", "source", "env"]));
    assert_eq!(json["steps"][1]["replaced_by"], 0);
    assert_eq!(json["steps"][1]["after"], json!([0]));
}

#[test]
fn what_is_known_only_after_apply_is_null_and_said_to_be_unknown() {
    let json = emitted();
    let source = &json["steps"][0]["changes"][1];
    assert_eq!((&source["after"], &source["unknown"]), (&Json::Null, &json!(true)));
}
