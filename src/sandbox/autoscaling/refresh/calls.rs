//! The calls about instance refreshes.

use serde_json::{Value, json};

use super::{Configuration, Preferences, Refresh, Status, run};
use crate::api::{Actions, Call, Params, Refusal};
use crate::autoscaling::group::Group;
use crate::autoscaling::{named_group, paged, settings, uuid, with_group};
use crate::state::State;

/// The calls about instance refreshes, by name.
pub const ACTIONS: Actions = &[
    ("CancelInstanceRefresh", cancel),
    ("DescribeInstanceRefreshes", describe),
    ("RollbackInstanceRefresh", rollback),
    ("StartInstanceRefresh", start),
];

/// Refreshes of a group that are remembered.
const KEPT: usize = 100;

/// `DesiredConfiguration`: a template, or a mixed instances policy with one.
fn configuration(state: &State, params: &Params) -> Result<Option<Configuration>, Refusal> {
    let Some(given) = params.child("DesiredConfiguration") else { return Ok(None) };
    match (given.child("LaunchTemplate"), given.child("MixedInstancesPolicy")) {
        (Some(template), None) => {
            Ok(Some(Configuration { template: settings::specified(state, &template)?, mixed: None }))
        }
        (None, Some(mixed)) => {
            let (template, mixed) = settings::mixed_policy(state, &mixed)?;
            Ok(Some(Configuration { template, mixed: Some(mixed) }))
        }
        _ => Err(Refusal::validation(
            "The desired configuration must contain either LaunchTemplate or MixedInstancesPolicy.",
        )),
    }
}

/// Why a refresh cannot be rolled back, if it cannot (API_RollbackInstanceRefresh).
fn irreversible(group: &Group, desired: Option<&Configuration>) -> Option<&'static str> {
    match desired {
        None => Some(
            "A rollback is not supported: no desired configuration is specified for the instance refresh.",
        ),
        Some(desired) if !desired.template.pinned() || !group.template.pinned() => Some(
            "A rollback is not supported: the Auto Scaling group uses the $Latest or $Default version of its launch \
             template.",
        ),
        Some(_) => None,
    }
}

fn start(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let desired = configuration(call.state, params)?;
    let id = uuid();
    with_group(call.state, &name, |_, group| {
        group.takes_changes()?;
        if group.refresh().is_some() {
            return Err(Refusal::new(
                "InstanceRefreshInProgress",
                "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
            ));
        }
        let preferences = Preferences::read(group, params.child("Preferences"))?;
        if preferences.auto_rollback
            && let Some(why) = irreversible(group, desired.as_ref())
        {
            return Err(Refusal::validation(format!("AutoRollback cannot be enabled. {why}")));
        }
        let spare = (group.refreshes.len() + 1).saturating_sub(KEPT);
        group.refreshes.drain(..spare);
        group.refreshes.push(Refresh {
            id: id.clone(),
            group: name.clone(),
            started_at: now,
            moved_at: now,
            preferences,
            desired,
            ..Refresh::default()
        });
        Ok(())
    })?;
    Ok(json!({ "InstanceRefreshId": id }))
}

fn no_active(name: &str) -> Refusal {
    Refusal::new(
        "ActiveInstanceRefreshNotFound",
        format!("No in progress or pending Instance Refresh found for Auto Scaling group {name}"),
    )
}

/// Replacements that are under way are finished, unless `WaitForTransitioningInstances` is false.
fn cancel(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let waits = params.flag("WaitForTransitioningInstances").unwrap_or(true);
    with_group(call.state, &name, |_, group| {
        let refresh = group.refresh_mut().ok_or_else(|| no_active(&name))?;
        let reason = Some("Cancelled due to user request.".to_owned());
        (refresh.extra, refresh.until) = (0, None);
        match waits {
            true => (refresh.status, refresh.reason) = (Status::Cancelling, reason),
            false => refresh.end(Status::Cancelled, reason, now),
        }
        Ok(json!({ "InstanceRefreshId": refresh.id }))
    })
}

fn rollback(call: &mut Call) -> Result<Value, Refusal> {
    let now = call.now;
    let name = call.params.needed("AutoScalingGroupName");
    with_group(call.state, &name, |_, group| {
        let refresh = group.refresh().ok_or_else(|| no_active(&name))?;
        if matches!(refresh.status, Status::Cancelling | Status::RollbackInProgress) {
            return Err(no_active(&name));
        }
        if let Some(why) = irreversible(group, refresh.desired.as_ref()) {
            return Err(Refusal::new("IrreversibleInstanceRefresh", why));
        }
        let Some(mut refresh) = group.refreshes.pop() else { return Err(no_active(&name)) };
        run::turn_back(&mut refresh, group, "Rollback due to user request.", now);
        let id = refresh.id.clone();
        group.refreshes.push(refresh);
        Ok(json!({ "InstanceRefreshId": id }))
    })
}

/// The newest first.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let ids = params.texts("InstanceRefreshIds");
    let group = named_group(call.state, params)?;
    let asked = group.refreshes.iter().rev().filter(|one| ids.is_empty() || ids.contains(&one.id));
    let items = asked.map(Refresh::shown).collect();
    paged(params, "InstanceRefreshes", items, (50, 100))
}
