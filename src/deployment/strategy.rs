//! The stages of a rollout, from the strategy and the gates. One function a strategy; pure.

use std::time::Duration;

use super::declaration::{Declaration, Gate, Moment, Strategy};
use crate::state::deployment::Stage;

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

/// The stages of a deployment's first release: there is nothing to shift from.
pub fn first(declaration: &Declaration) -> Vec<Stage> {
    let mut stages = gates(declaration, Moment::BeforeLaunch);
    stages.push(Stage::Raise);
    stages.extend(gates(declaration, Moment::BeforeShift));
    stages.extend(gates(declaration, Moment::AfterShift));
    stages
}

fn shifts(strategy: &Strategy) -> Vec<Stage> {
    let (shares, held) = match strategy {
        Strategy::BlueGreen { overlap: 0, .. } => (Vec::new(), 0),
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
    // Nobody but bgform can pass a gate, so no scheduled action may empty the colour.
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
