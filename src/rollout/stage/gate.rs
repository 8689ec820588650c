//! Passes a gate. bgform cannot undo the outside effects of a gate's commands: an irreversible gate closes
//! the way back.

use futures_util::FutureExt;

use super::{Act, Doing, Setting};
use crate::deployment::declaration;
use crate::rollout::run::Rolling;

pub struct Gate {
    pub name: String,
}

impl Act for Gate {
    fn words(&self, of: &Setting<'_>) -> String {
        let gate = of.declaration.gate.iter().find(|gate| gate.name == self.name);
        format!("gate   {}{}", self.name, gate.map(how).unwrap_or_default())
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        rolling.gate(&self.name).boxed_local()
    }
}

fn how(gate: &declaration::Gate) -> String {
    let irreversible = if gate.irreversible { "; no way back once it has passed" } else { "" };
    format!(" ({}{irreversible})", looks(gate))
}

/// The check of a gate, for people: `GET /smoke answers 200`.
pub fn looks(gate: &declaration::Gate) -> String {
    match gate {
        declaration::Gate { http: Some(http), .. } => format!("GET {} answers {}", http.path, http.status),
        declaration::Gate { alarm: Some(alarm), .. } => format!("alarms {} are OK", alarm.names.join(", ")),
        declaration::Gate { metric: Some(metric), .. } => format!("{} within its bounds", metric.name),
        declaration::Gate { command: Some(command), .. } => command.join(" "),
        declaration::Gate { remote: Some(_), .. } => "commands on an instance".to_owned(),
        declaration::Gate { task: Some(task), .. } => format!("task: {}", task.command.join(" ")),
        _ => "somebody approves".to_owned(),
    }
}
