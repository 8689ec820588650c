//! The IAM actions of a deployment beyond those of the kinds that it nests, for `bgform permissions`.
//! Whoever adds a call to a rollout adds it here; tests/it/examples.rs compares with the wire.

use super::preflight;
use crate::address::Address;
use crate::deployment::declaration::{Declaration, Gate, Strategy};
use crate::kind;

/// Actions, and who needs them: `gate "smoke"`.
pub struct Needed {
    pub actions: &'static [&'static str],
    pub whom: String,
}

/// Every rollout: the subnets' free addresses before it, the health of what has weight in its course,
/// the requests of what has none any more, the retirement of the old colour. Also what leaves no old colour may find one that another strategy
/// has left.
const ROLLOUT: [&str; 6] = [
    "autoscaling:DeleteScheduledAction",
    "autoscaling:PutScheduledUpdateGroupAction",
    "cloudwatch:GetMetricStatistics",
    "ec2:DescribeSubnets",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetHealth",
];
/// Commands by Systems Manager (`kind::shell`).
const COMMANDS: [&str; 3] = ["ssm:CancelCommand", "ssm:GetCommandInvocation", "ssm:SendCommand"];
/// Batches on standby (`kind::autoscaling_group::standby`), and commands that an earlier run has sent.
const STANDBY: [&str; 4] = [
    "autoscaling:EnterStandby",
    "autoscaling:ExitStandby",
    "autoscaling:SetDesiredCapacity",
    "ssm:ListCommands",
];
/// Where a request reaches the listener of the deployment's rule.
const LISTENER: [&str; 2] =
    ["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers"];

/// What shipping and taking back needs, of a deployment with these routers.
pub fn needed(name: &str, declaration: &Declaration, routers: &[Address]) -> Vec<Needed> {
    let whom = format!("deployment \"{name}\"");
    let mut all =
        vec![Needed { actions: &ROLLOUT, whom: whom.clone() }, Needed { actions: &preflight::ACTIONS, whom }];
    if let Strategy::InPlace { .. } = declaration.strategy {
        let whom = format!("strategy \"{}\"", declaration.strategy.name());
        all.push(Needed { actions: &COMMANDS, whom: whom.clone() });
        all.push(Needed { actions: &STANDBY, whom });
    }
    if declaration.preview.is_some() {
        // It stands above a router, which may be of another kind.
        let above = routers.iter().filter_map(|router| Some(kind::router(&router.kind)?.preview_kind()));
        for kind in above.filter_map(kind::find_managed) {
            let (whom, permissions) = (format!("preview of \"{name}\""), kind.permissions());
            all.push(Needed { actions: permissions.read, whom: whom.clone() });
            all.push(Needed { actions: permissions.write, whom });
        }
    }
    all.extend(
        declaration
            .gate
            .iter()
            .map(|gate| Needed { actions: of_gate(gate), whom: format!("gate \"{}\"", gate.name) }),
    );
    all
}

fn of_gate(gate: &Gate) -> &'static [&'static str] {
    // `command` and `approval` ask AWS for nothing.
    match gate {
        Gate { http: Some(_), .. } => &LISTENER,
        Gate { alarm: Some(_), .. } => &["cloudwatch:DescribeAlarms"],
        Gate { metric: Some(_), .. } => &["cloudwatch:GetMetricStatistics"],
        Gate { remote: Some(_), .. } => &COMMANDS,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let all = needed("web", &serde_json::from_value(declaration).unwrap(), &[]);
        let whoever = "deployment \"web\"";
        let own = all.iter().filter(|needed| needed.whom != whoever);
        own.flat_map(|needed| needed.actions).copied().collect()
    }

    #[test]
    fn a_deployment_needs_what_its_strategy_and_its_gates_call() {
        let canary = json!({ "type": "canary", "steps": [5], "interval": 1, "retire_after": 1 });
        let ask = json!({ "approval": { "message": "" } });
        let remote = json!({ "remote": ["true"] });
        let alarm = json!({ "alarm": { "names": ["a"] } });
        assert!(actions(canary.clone(), &[ask, json!({ "command": ["true"] })]).is_empty());
        assert_eq!(actions(canary.clone(), &[remote]), COMMANDS);
        assert_eq!(actions(canary, &[alarm]), ["cloudwatch:DescribeAlarms"]);
        let in_place = json!({ "type": "in_place", "batch": 50, "run": ["true"], "timeout": 60 });
        assert_eq!(actions(in_place, &[]), [&COMMANDS[..], &STANDBY[..]].concat());
    }
}
