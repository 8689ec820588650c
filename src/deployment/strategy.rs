//! The stages of a rollout, from the strategy and the gates: a pure function for each strategy.

use std::time::Duration;

use super::declaration::{Declaration, Gate, Moment, Strategy};
use crate::facts::Stage;

/// The stages that ship a release beside an old colour, in order.
pub fn stages(declaration: &Declaration) -> Vec<Stage> {
    let preview = declaration.preview.is_some();
    let mut stages = gates(declaration, Moment::BeforeLaunch);
    stages.push(Stage::Raise);
    if preview {
        stages.push(Stage::Preview { on: true });
    }
    stages.extend(gates(declaration, Moment::BeforeShift));
    stages.extend(shifts(&declaration.strategy));
    stages.push(Stage::Settle);
    if preview {
        stages.push(Stage::Preview { on: false });
    }
    stages.extend(gates(declaration, Moment::AfterShift));
    stages.extend(retirement(declaration));
    stages
}

/// The stages of a deployment's first release: there is nothing to shift from, and only a gate keeps traffic
/// from it.
pub fn first(declaration: &Declaration) -> Vec<Stage> {
    let mut stages = gates(declaration, Moment::BeforeLaunch);
    stages.push(Stage::Raise);
    let before = gates(declaration, Moment::BeforeShift);
    if !before.is_empty() {
        let preview = declaration.preview.is_some();
        stages.extend(preview.then_some(Stage::Preview { on: true }));
        stages.extend(before);
        stages.push(Stage::Shift { new: 100 });
        stages.extend(preview.then_some(Stage::Preview { on: false }));
    }
    stages.extend(gates(declaration, Moment::AfterShift));
    stages
}

/// The stages of a release that replaces the old one in the live colour.
pub fn in_one_colour(declaration: &Declaration) -> Vec<Stage> {
    let mut stages = gates(declaration, Moment::BeforeLaunch);
    stages.extend(gates(declaration, Moment::BeforeShift));
    match &declaration.strategy {
        Strategy::InPlace { batch, .. } => stages.extend([Stage::InPlace { batch: *batch }, Stage::Pin]),
        _ => stages.push(Stage::Refresh),
    }
    // There is no old colour to retire: gates of its retirement come right after the shift.
    for moment in [Moment::AfterShift, Moment::BeforeRetire, Moment::AfterRetire] {
        stages.extend(gates(declaration, moment));
    }
    stages
}

fn shifts(strategy: &Strategy) -> Vec<Stage> {
    let (shares, held) = match strategy {
        Strategy::BlueGreen { overlap: 0, .. } | Strategy::Rolling { .. } | Strategy::InPlace { .. } => {
            (Vec::new(), 0)
        }
        Strategy::BlueGreen { overlap, .. } => (vec![50], *overlap),
        Strategy::Canary { steps, interval, .. } => {
            (steps.iter().map(|step| percent(*step)).collect(), *interval)
        }
        Strategy::Linear { step, interval, .. } => {
            let step = percent(*step).max(1);
            (
                std::iter::successors(Some(step), |share| share.checked_add(step))
                    .take_while(|share| *share < 100)
                    .collect(),
                *interval,
            )
        }
    };
    let time = Duration::from_secs(held);
    let mut stages: Vec<Stage> =
        shares.into_iter().flat_map(|new| [Stage::Shift { new }, Stage::Hold { time }]).collect();
    stages.push(Stage::Shift { new: 100 });
    stages
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the schema bounds it from 1 to 99"
)]
fn percent(share: f64) -> u8 {
    share.round() as u8
}

fn retirement(declaration: &Declaration) -> Vec<Stage> {
    let after = declaration.strategy.retire_after();
    let (before, afterwards) =
        (gates(declaration, Moment::BeforeRetire), gates(declaration, Moment::AfterRetire));
    if before.is_empty() && afterwards.is_empty() {
        return vec![Stage::Retire { after }];
    }
    // Only bgform can pass a gate, so no scheduled action may empty the colour.
    let mut stages = vec![Stage::Hold { time: after }];
    stages.extend(before);
    stages.push(Stage::Retire { after: Duration::ZERO });
    stages.extend(afterwards);
    stages
}

fn gates(declaration: &Declaration, at: Moment) -> Vec<Stage> {
    let named = declaration.gate.iter().filter(|gate| gate.at == at);
    named.map(|gate: &Gate| Stage::Gate { name: gate.name.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(strategy: serde_json::Value) -> Declaration {
        let gate = |name: &str, at: &str| {
            serde_json::json!({
                "name": name, "at": at, "irreversible": false, "timeout": 60, "command": ["true"]
            })
        };
        serde_json::from_value(serde_json::json!({
            "release": "2.0",
            "on_failure": "rollback",
            "settle": 120,
            "strategy": strategy,
            "gate": [
                gate("contract", "after_retire"),
                gate("smoke", "after_shift"),
                gate("expand", "before_launch"),
                gate("ask", "before_shift"),
            ]
        }))
        .unwrap()
    }

    fn gate(name: &str) -> Stage {
        Stage::Gate { name: name.to_owned() }
    }

    #[test]
    fn rolling_refreshes_the_live_colour_between_its_gates_and_retires_nothing() {
        let rolling = serde_json::json!({ "type": "rolling", "min_healthy": 90, "max_healthy": 110 });
        let stages = in_one_colour(&declaration(rolling));
        let wanted = [gate("expand"), gate("ask"), Stage::Refresh, gate("smoke"), gate("contract")];
        assert_eq!(stages, wanted);
    }

    #[test]
    fn in_place_pins_the_version_once_every_instance_has_the_release() {
        let in_place = serde_json::json!({ "type": "in_place", "batch": 25, "run": ["true"], "timeout": 60 });
        let stages = in_one_colour(&declaration(in_place));
        assert_eq!(stages[2..4], [Stage::InPlace { batch: 25.0 }, Stage::Pin]);
    }

    #[test]
    fn the_release_that_stands_by_comes_back_with_one_shift_whatever_the_strategy_is_now() {
        let rolling = serde_json::json!({ "type": "rolling", "min_healthy": 90, "max_healthy": 110 });
        let stages = stages(&declaration(rolling));
        let shifts = stages.iter().filter(|stage| matches!(stage, Stage::Shift { .. }));
        assert_eq!(shifts.collect::<Vec<_>>(), [&Stage::Shift { new: 100 }]);
    }
}
