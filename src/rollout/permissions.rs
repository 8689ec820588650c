//! The IAM actions of a deployment beyond those of the kinds that it nests, for `bgform permissions`.
//! Whoever adds a call to a rollout adds it here; tests/it/moto/examples.rs compares with the wire.

use crate::address::Address;
use crate::cloud::metrics;
use crate::deployment::declaration::{Declaration, Gate, Strategy};
use crate::kind::fleet::Fleet;
use crate::kind::{self, shell};

/// Actions, and the part of the stack that needs them: `gate "smoke"`.
pub struct Needed {
    pub actions: &'static [&'static str],
    pub whom: String,
}

/// The actions that shipping and taking back need, for a deployment with this fleet and these routers. Even a
/// strategy that leaves no old colour may find one that another strategy left.
pub fn needed(name: &str, declaration: &Declaration, seam: &dyn Fleet, routers: &[Address]) -> Vec<Needed> {
    let whom = format!("deployment \"{name}\"");
    let kinds = [seam.kind(), seam.source(), seam.targets()];
    let kinds = kinds.into_iter().filter_map(kind::find_managed);
    let mut all: Vec<Needed> =
        kinds.map(|kind| Needed { actions: kind.permissions().ship, whom: whom.clone() }).collect();
    // To count the requests of a colour without weight.
    all.push(Needed { actions: &metrics::POINTS, whom });
    if let (Strategy::InPlace { .. }, Some(rested)) = (&declaration.strategy, seam.rested()) {
        let whom = format!("strategy \"{}\"", declaration.strategy.name());
        all.push(Needed { actions: &shell::ACTIONS, whom: whom.clone() });
        // For commands that an earlier run sent.
        all.push(Needed { actions: &shell::EARLIER, whom: whom.clone() });
        all.push(Needed { actions: rested.permissions(), whom });
    }
    if declaration.preview.is_some() {
        // The preview stands above a router, which may be of another kind.
        let above = routers.iter().filter_map(|router| Some(kind::router(&router.kind)?.preview_kind()));
        for kind in above.filter_map(kind::find_managed) {
            let (whom, permissions) = (format!("preview of \"{name}\""), kind.permissions());
            all.push(Needed { actions: permissions.read, whom: whom.clone() });
            all.push(Needed { actions: permissions.write, whom });
        }
    }
    let first = routers.first().and_then(|router| kind::router(&router.kind));
    let doors = first.map(|router| router.door_permissions()).unwrap_or_default();
    all.extend(
        declaration.gate.iter().map(|gate| Needed {
            actions: of_gate(gate, doors, seam),
            whom: format!("gate \"{}\"", gate.name),
        }),
    );
    all
}

fn of_gate(gate: &Gate, doors: &'static [&'static str], seam: &dyn Fleet) -> &'static [&'static str] {
    // `command` and `approval` need nothing from AWS.
    match gate {
        Gate { http: Some(_), .. } => doors,
        Gate { alarm: Some(_), .. } => &metrics::ALARMS,
        Gate { metric: Some(_), .. } => &metrics::POINTS,
        Gate { remote: Some(_), .. } => &shell::ACTIONS,
        Gate { task: Some(_), .. } => seam.runs().map(|runs| runs.permissions()).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::fleet;
    use serde_json::{Value, json};

    fn actions(strategy: Value, gates: &[Value]) -> Vec<&'static str> {
        let gates: Vec<Value> = gates
            .iter()
            .map(|check| {
                let mut gate =
                    json!({ "name": "go", "at": "after_shift", "irreversible": false, "timeout": 60 });
                gate.as_object_mut().unwrap().extend(check.as_object().unwrap().clone());
                gate
            })
            .collect();
        let declaration =
            json!({ "release": "", "on_failure": "hold", "settle": 1, "strategy": strategy, "gate": gates });
        let all = needed(
            "web",
            &serde_json::from_value(declaration).unwrap(),
            fleet("autoscaling_group").unwrap(),
            &[],
        );
        let whoever = "deployment \"web\"";
        let own = all.iter().filter(|needed| needed.whom != whoever);
        own.flat_map(|needed| needed.actions).copied().collect()
    }

    #[test]
    fn a_deployment_needs_what_its_strategy_and_its_gates_call() {
        let canary =
            json!({ "type": "canary", "min_healthy": 90, "steps": [5], "interval": 1, "retire_after": 1 });
        let ask = json!({ "approval": { "message": "" } });
        let remote = json!({ "remote": ["true"] });
        let alarm = json!({ "alarm": { "names": ["a"] } });
        assert!(actions(canary.clone(), &[ask, json!({ "command": ["true"] })]).is_empty());
        assert_eq!(actions(canary.clone(), &[remote]), shell::ACTIONS);
        assert_eq!(actions(canary, &[alarm]), ["cloudwatch:DescribeAlarms"]);
        let in_place = json!({ "type": "in_place", "batch": 50, "run": ["true"], "timeout": 60 });
        let standby =
            ["autoscaling:EnterStandby", "autoscaling:ExitStandby", "autoscaling:SetDesiredCapacity"];
        assert_eq!(actions(in_place, &[]), [&shell::ACTIONS[..], &shell::EARLIER, &standby].concat());
    }
}
