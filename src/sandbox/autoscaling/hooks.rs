//! Lifecycle hooks: instances wait on their way in or out until a call lets them go on (user guide,
//! lifecycle-hooks-overview).

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::group::Group;
use super::{changed_group, later, named_group, sooner, uuid};
use crate::api::{Actions, Call, Params, Refusal};

/// The calls about lifecycle hooks, by name.
pub const ACTIONS: Actions = &[
    ("CompleteLifecycleAction", complete),
    ("DeleteLifecycleHook", delete),
    ("DescribeLifecycleHooks", describe),
    ("PutLifecycleHook", put_call),
    ("RecordLifecycleActionHeartbeat", heartbeat),
];

pub const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// Hooks of a group at most (user guide, ec2-auto-scaling-quotas).
const MOST: usize = 50;
/// However often a heartbeat comes (API_PutLifecycleHook): 48 hours, or 100 timeouts.
const LONGEST: i64 = 172_800;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    pub transition: String,
    /// `CONTINUE` or `ABANDON`.
    pub default_result: String,
    /// Seconds.
    pub timeout: i64,
    pub metadata: Option<String>,
    pub target: Option<String>,
    pub role: Option<String>,
}

/// The wait of an instance: one action for each hook of its transition, by the hook's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    pub actions: IndexMap<String, Waiting>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    pub token: String,
    pub until: Timestamp,
    /// The limit of all heartbeats.
    pub at_most: Timestamp,
    pub timeout: i64,
    pub default_result: String,
    pub result: Option<String>,
}

/// The outcome of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Waits(Option<Timestamp>),
    Continue,
    Abandon,
}

impl Wait {
    /// The wait that begins with this transition; `None` if it has no hook.
    pub fn begin(group: &Group, transition: &str, now: Timestamp) -> Option<Self> {
        let hooks = group.hooks.iter().filter(|(_, hook)| hook.transition == transition);
        let actions: IndexMap<String, Waiting> = hooks
            .map(|(name, hook)| {
                let waiting = Waiting {
                    token: uuid(),
                    until: later(now, hook.timeout),
                    at_most: later(now, hook.longest()),
                    timeout: hook.timeout,
                    default_result: hook.default_result.clone(),
                    result: None,
                };
                (name.clone(), waiting)
            })
            .collect();
        (!actions.is_empty()).then_some(Self { actions })
    }

    /// One `ABANDON` ends the wait; otherwise all actions must be completed or timed out.
    pub fn outcome(&mut self, now: Timestamp) -> Outcome {
        let mut due = None;
        let mut waits = false;
        for action in self.actions.values_mut() {
            if action.result.is_none() && action.until <= now {
                action.result = Some(action.default_result.clone());
            }
            match action.result.as_deref() {
                Some("ABANDON") => return Outcome::Abandon,
                Some(_) => {}
                None => {
                    waits = true;
                    due = sooner(due, Some(action.until));
                }
            }
        }
        if waits { Outcome::Waits(due) } else { Outcome::Continue }
    }
}

impl Hook {
    fn longest(&self) -> i64 {
        LONGEST.min(self.timeout.saturating_mul(100))
    }
}

/// Adds a hook to a group, or changes an existing one.
pub fn put(group: &mut Group, params: &Params) -> Result<(), Refusal> {
    let name = params.needed("LifecycleHookName");
    let mut hook = match group.hooks.get(&name) {
        Some(hook) => hook.clone(),
        None if group.hooks.len() >= MOST => {
            return Err(Refusal::new(
                "LimitExceeded",
                format!("A group can have at most {MOST} lifecycle hooks."),
            ));
        }
        None => {
            let transition = params.text("LifecycleTransition").ok_or_else(|| {
                Refusal::validation("LifecycleTransition must be specified for a new lifecycle hook.")
            })?;
            Hook { transition, default_result: "ABANDON".to_owned(), timeout: 3600, ..Hook::default() }
        }
    };
    if let Some(transition) = params.text("LifecycleTransition") {
        hook.transition = transition;
    }
    if let Some(result) = params.text("DefaultResult") {
        hook.default_result = result;
    }
    if let Some(seconds) = params.number::<i64>("HeartbeatTimeout") {
        hook.timeout = seconds;
    }
    let optional = |name: &str, old: Option<String>| match params.text(name) {
        Some(text) => Some(text).filter(|text| !text.is_empty()),
        None => old,
    };
    hook.metadata = optional("NotificationMetadata", hook.metadata.take());
    hook.target = optional("NotificationTargetARN", hook.target.take());
    hook.role = optional("RoleARN", hook.role.take());
    group.hooks.insert(name, hook);
    Ok(())
}

fn put_call(call: &mut Call) -> Result<Value, Refusal> {
    put(changed_group(call.state, call.params)?, call.params)?;
    Ok(json!({}))
}

/// Completes the actions of instances that wait for the hook (user guide, lifecycle-hooks: outstanding
/// actions are completed with `ABANDON` on launch, `CONTINUE` on termination).
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("LifecycleHookName");
    let group = changed_group(call.state, call.params)?;
    let hook = group.hooks.shift_remove(&name).ok_or_else(|| {
        Refusal::validation(format!(
            "No Lifecycle Hook found for Auto Scaling group {} with name {name}",
            group.name
        ))
    })?;
    let result = if hook.transition == LAUNCHING { "ABANDON" } else { "CONTINUE" };
    let waits = group.instances.values_mut().filter_map(|member| member.wait.as_mut());
    for action in waits.filter_map(|wait| wait.actions.get_mut(&name)) {
        action.result.get_or_insert_with(|| result.to_owned());
    }
    Ok(json!({}))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let names = call.params.texts("LifecycleHookNames");
    let group = named_group(call.state, call.params)?;
    let asked = group.hooks.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let shown = asked.map(|(name, hook)| {
        json!({
            "LifecycleHookName": name,
            "AutoScalingGroupName": group.name,
            "LifecycleTransition": hook.transition,
            "NotificationTargetARN": hook.target,
            "RoleARN": hook.role,
            "NotificationMetadata": hook.metadata,
            "HeartbeatTimeout": hook.timeout,
            "GlobalTimeout": hook.longest(),
            "DefaultResult": hook.default_result,
        })
    });
    Ok(json!({ "LifecycleHooks": shown.collect::<Vec<_>>() }))
}

/// The action that a call names, by instance or by token.
fn action<'a>(group: &'a mut Group, params: &Params) -> Result<&'a mut Waiting, Refusal> {
    let hook = params.needed("LifecycleHookName");
    let (instance, token) = (params.text("InstanceId"), params.text("LifecycleActionToken"));
    let what = match (&instance, &token) {
        (Some(id), _) => format!("instance ID {id}"),
        (None, Some(token)) => format!("token {token}"),
        (None, None) => {
            return Err(Refusal::validation("Either InstanceId or LifecycleActionToken must be specified."));
        }
    };
    let members =
        group.instances.values_mut().filter(|member| instance.as_ref().is_none_or(|id| *id == member.id));
    members
        .filter_map(|member| member.wait.as_mut()?.actions.get_mut(&hook))
        .find(|one| one.result.is_none() && token.as_ref().is_none_or(|token| *token == one.token))
        .ok_or_else(|| Refusal::validation(format!("No active Lifecycle Action found with {what}")))
}

fn complete(call: &mut Call) -> Result<Value, Refusal> {
    let result = call.params.needed("LifecycleActionResult");
    let name = call.params.needed("AutoScalingGroupName");
    let group = call.state.autoscaling.groups.get_mut(&name).ok_or_else(|| super::not_found(&name))?;
    action(group, call.params)?.result = Some(result);
    Ok(json!({}))
}

fn heartbeat(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("AutoScalingGroupName");
    let group = call.state.autoscaling.groups.get_mut(&name).ok_or_else(|| super::not_found(&name))?;
    let action = action(group, call.params)?;
    action.until = later(call.now, action.timeout).min(action.at_most);
    Ok(json!({}))
}
