use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::address::Address;
use crate::deployment::declaration::{Declaration, Moment, Strategy};
use crate::facts::{Colour, Deployment, Release, Rollout, Sizing};
use crate::kind::preflight::Finding;
use crate::plan::{self, Options};
use crate::rollout::verify::Proof;
use crate::state::Snapshot;

fn gate() -> Gate {
    Gate {
        name: "smoke".to_owned(),
        at: Moment::BeforeShift,
        irreversible: false,
        timeout: 300,
        http: None,
        alarm: None,
        metric: None,
        command: Some(vec!["./smoke.sh".to_owned()]),
        remote: None,
        task: None,
        approval: None,
    }
}

/// 2.0 on green beside 1.0 on blue, which has 3 instances.
fn rollouts() -> Rollouts {
    let stages = vec![
        Stage::Raise,
        Stage::Gate { name: "smoke".to_owned() },
        Stage::Shift { new: 25 },
        Stage::Hold { time: Duration::from_secs(600) },
        Stage::Shift { new: 100 },
        Stage::Settle,
        Stage::Retire { after: Duration::ZERO },
    ];
    let rollout = Rollout::new(Release::of("2.0"), Colour::Green, "canary", stages);
    let facts = Deployment {
        live: Some(Colour::Blue),
        releases: [(Colour::Blue, Release::of("1.0"))].into(),
        sizing: [(Colour::Blue, Sizing::File), (Colour::Green, Sizing::Empty)].into(),
        rollout: Some(rollout),
        ..Deployment::first()
    };
    let declaration = Declaration {
        release: "2.0".to_owned(),
        on_failure: OnFailure::Rollback,
        settle: 120,
        strategy: Strategy::BlueGreen { overlap: 0, min_healthy: 90.0, retire_after: 0 },
        adopt: None,
        preview: None,
        gate: vec![gate()],
        members: "instances",
    };
    let note = Finding {
        address: Address::new("target_group", "web"),
        refuses: false,
        message: "it sticks".to_owned(),
        help: "take it away".to_owned(),
        page: "https://docs.aws.amazon.com/",
    };
    let idle = Intent {
        name: "api".to_owned(),
        declaration: declaration.clone(),
        what: What::Nothing,
        facts: Deployment::first(),
    };
    Rollouts {
        intents: vec![Intent { name: "web".to_owned(), declaration, what: What::Ship, facts }, idle],
        capacities: [("web".to_owned(), 3)].into(),
        findings: vec![note],
        proofs: [("web".to_owned(), Proof { points: 40, moves: 6 })].into(),
        ..Rollouts::default()
    }
}

/// The path of every field; colours are no fields.
fn paths(json: &Json, at: &str, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| *name != "blue" && *name != "green") {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                found.insert(path.clone());
                paths(value, &path, found);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}[]"), found)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented_and_every_documented_field_is_there() {
    let documented: BTreeSet<String> = include_str!("document.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! - `")?.split('`').next().map(str::to_owned))
        .collect();
    let mut found = BTreeSet::new();
    paths(&rollouts().documents()["web"], "", &mut found);
    assert_eq!(found, documented);
}

#[test]
fn a_whole_plan_has_the_rollouts_that_go_with_their_weights_and_capacity_after_each_stage() {
    let snapshot = Snapshot::new("shop", "123456789012", "us-east-1", None);
    let plan = Plan::of(snapshot, plan::Plan::default(), rollouts(), Options::default());
    let document = plan.document();
    assert_eq!((&document["format"], &document["version"]), (&json!("bgform.plan"), &json!(2)));
    let all = document["rollouts"].as_array().unwrap();
    assert_eq!(all.len(), 1, "api has nowhere to go");
    let web = &all[0];
    assert_eq!(
        (&web["old"]["release"], &web["release"], &web["to"]),
        (&json!("1.0"), &json!("2.0"), &json!("green"))
    );
    assert_eq!(web["waits"], 720);
    assert_eq!(web["proved"], json!({ "points": 40, "moves": 6 }));
    let said: Vec<Json> = web["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            json!([
                one["stage"],
                one["weights"]["green"],
                one["capacity"]["blue"],
                one["capacity"]["green"],
                one["back"]
            ])
        })
        .collect();
    assert_eq!(
        json!(said),
        json!([
            ["raise", 0, 3, 3, "nothing to undo"],
            ["gate", 0, 3, 3, "nothing to undo"],
            ["shift", 25, 3, 3, "one change of weights"],
            ["hold", 25, 3, 3, "one change of weights"],
            ["shift", 100, 3, 3, "one change of weights"],
            ["settle", 100, 3, 3, "one change of weights"],
            ["retire", 100, 0, 3, "blue is raised again"],
        ])
    );
}
