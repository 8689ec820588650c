//! The progress of a refresh.

use jiff::Timestamp;
use serde_json::Value;

use super::{Configuration, Refresh, Rollback, Status};
use crate::api::Params;
use crate::autoscaling::engine::begin_termination;
use crate::autoscaling::group::{Group, Lifecycle, Member};
use crate::autoscaling::{later, load_balancers, sooner, told};
use crate::ec2::launch;
use crate::elbv2::targets::HealthState;
use crate::state::State;

/// Seconds without progress after which a refresh fails (user guide, instance-refresh-overview: one hour).
const PATIENCE: i64 = 3600;

/// Takes the refresh of a group one step on; when to look again.
pub fn tick(state: &mut State, group: &mut Group, now: Timestamp) -> Option<Timestamp> {
    group.refresh()?;
    let mut refresh = group.refreshes.pop()?;
    let due = step(state, group, &mut refresh, now);
    group.refreshes.push(refresh);
    due
}

fn step(state: &mut State, group: &mut Group, refresh: &mut Refresh, now: Timestamp) -> Option<Timestamp> {
    if !group.runs("InstanceRefresh") && refresh.status != Status::Cancelling {
        return None;
    }
    match refresh.status {
        Status::Pending => {
            begin(state, group, refresh, now);
            proceed(state, group, refresh, now)
        }
        Status::InProgress | Status::RollbackInProgress => proceed(state, group, refresh, now),
        Status::Cancelling => {
            let moving = |member: &Member| member.state.coming() || member.state.leaving();
            if !group.instances.values().any(moving) && group.capacity() >= group.desired {
                refresh.end(Status::Cancelled, refresh.reason.clone(), now);
            }
            None
        }
        Status::Baking => {
            let until = refresh.until.filter(|until| *until > now);
            if until.is_none() {
                succeed(group, refresh, now);
            }
            until
        }
        _ => None,
    }
}

/// Decides which instances to replace.
fn begin(state: &State, group: &Group, refresh: &mut Refresh, now: Timestamp) {
    let own = Configuration { template: group.template.clone(), mixed: group.mixed.clone() };
    let target = refresh.desired.clone().unwrap_or(own);
    for member in group.instances.values().filter(|member| !member.state.leaving()) {
        let standby = matches!(member.state, Lifecycle::Standby | Lifecycle::EnteringStandby);
        let stays = (refresh.preferences.skip_matching && matches(state, member, &target))
            || (member.protected && refresh.preferences.protected == "Ignore")
            || (standby && refresh.preferences.standby == "Ignore");
        match stays {
            true => refresh.kept.insert(member.id.clone()),
            false => refresh.old.insert(member.id.clone()),
        };
    }
    refresh.total = count(refresh.old.len());
    refresh.remaining = refresh.total;
    refresh.status = Status::InProgress;
    refresh.moved_at = now;
}

/// Tells whether an instance matches the configuration (user guide, asg-instance-refresh-skip-matching).
fn matches(state: &State, member: &Member, target: &Configuration) -> bool {
    let Ok((launch, number)) = launch::from_template(state, &target.template.id, &target.template.version)
    else {
        return false;
    };
    let overrides = target.mixed.as_ref().and_then(|mixed| mixed.pointer("/LaunchTemplate/Overrides"));
    let overrides = overrides.and_then(Value::as_array).cloned().unwrap_or_default();
    let types: Vec<String> =
        overrides.into_iter().filter_map(|one| Params::from_json(one).text("InstanceType")).collect();
    let fits = match types.is_empty() {
        true => member.instance_type == launch.instance_type,
        false => types.contains(&member.instance_type),
    };
    let same = |one: &crate::autoscaling::group::Template| {
        one.id == target.template.id && one.version == number.to_string()
    };
    fits && member.template.as_ref().is_some_and(same)
}

/// The members of a group from the refresh's view.
#[derive(Default)]
struct View {
    /// To be replaced and not on their way out; broken ones first, fit ones last.
    old: Vec<String>,
    /// Of them, those out of service or found unhealthy.
    broken: i64,
    /// Number of them that do not count as healthy, including broken ones.
    unfit: i64,
    /// Number of them that a user must release first.
    held: i64,
    /// Instances that are in service, healthy, and, if new, warmed up.
    healthy: i64,
    /// New and not ready yet.
    unready: Vec<String>,
    /// When the next one has warmed up.
    warm_at: Option<Timestamp>,
}

fn view(state: &State, group: &Group, refresh: &Refresh, now: Timestamp) -> View {
    let warmup = refresh.preferences.warmup.or(group.warmup).unwrap_or(group.grace);
    let mut view = View::default();
    for member in group.instances.values().filter(|member| !member.state.leaving()) {
        let fit = member.in_service()
            && (!group.judged_by_targets()
                || member.unregistered
                || load_balancers::fit(state, group, &member.id));
        let standby = matches!(member.state, Lifecycle::Standby | Lifecycle::EnteringStandby);
        if refresh.old.contains(&member.id) {
            let waits = (standby && refresh.preferences.standby == "Wait")
                || (member.protected && refresh.preferences.protected != "Refresh");
            let broken = !member.in_service()
                || (group.judged_by_targets()
                    && load_balancers::any_is(state, group, &member.id, HealthState::Unhealthy));
            match (waits, fit) {
                (true, _) => view.held += 1,
                (false, true) => view.old.push(member.id.clone()),
                (false, false) => {
                    let at = if broken { 0 } else { usize::try_from(view.unfit).unwrap_or(0) };
                    view.old.insert(at.min(view.old.len()), member.id.clone());
                    view.unfit += 1;
                    view.broken += i64::from(broken);
                }
            }
            view.healthy += i64::from(fit);
        } else if refresh.kept.contains(&member.id) {
            view.healthy += i64::from(fit);
        } else {
            let warm = member.in_service_at.map(|at| later(at, warmup));
            if let Some(at) = warm.filter(|at| *at > now) {
                view.warm_at = sooner(view.warm_at, Some(at));
            }
            match fit && warm.is_some_and(|at| at <= now) {
                true => view.healthy += 1,
                false if standby => {}
                false => view.unready.push(member.id.clone()),
            }
        }
    }
    view
}

fn proceed(state: &mut State, group: &mut Group, refresh: &mut Refresh, now: Timestamp) -> Option<Timestamp> {
    if let Some(until) = refresh.until {
        if until > now {
            return Some(until);
        }
        refresh.until = None;
        refresh.checkpoint += 1;
        refresh.moved_at = now;
        refresh.reason = None;
    }
    let seen = view(state, group, refresh, now);
    let left = count(seen.old.len()) + seen.held;
    let short = (group.desired - group.capacity()).max(0);
    let remaining = (left + count(seen.unready.len()) + short).min(refresh.total);
    progress(refresh, remaining, now);
    let back = refresh.status == Status::RollbackInProgress;
    let checkpoint = refresh.preferences.checkpoints.get(refresh.checkpoint).copied().filter(|_| !back);
    let updated = refresh.total - remaining;
    if let Some(percentage) = checkpoint.filter(|one| remaining > 0 && updated * 100 >= one * refresh.total) {
        refresh.extra = 0;
        // The last checkpoint gives the part of the group to replace (user guide,
        // asg-adding-checkpoints-instance-refresh).
        if refresh.checkpoint + 1 >= refresh.preferences.checkpoints.len() {
            finish(group, refresh, now);
            return refresh.until;
        }
        refresh.until = Some(later(now, refresh.preferences.checkpoint_delay));
        refresh.reason = Some(format!("Waiting after the checkpoint of {percentage}% was reached."));
        return refresh.until;
    }
    if remaining == 0 {
        finish(group, refresh, now);
        return refresh.until;
    }
    let late = later(refresh.moved_at, PATIENCE);
    if late <= now {
        return fail(state, group, refresh, &seen, now);
    }
    replace(state, group, refresh, &seen, checkpoint, short, now);
    sooner(seen.warm_at, Some(late))
}

fn progress(refresh: &mut Refresh, remaining: i64, now: Timestamp) {
    let total = refresh.total.max(1);
    if let Some(rollback) = &refresh.rollback {
        // The percentage goes back to zero, and InstancesToUpdate stays (API_InstanceRefresh).
        let percentage = rollback.percentage * remaining / total;
        if percentage < refresh.percentage {
            refresh.moved_at = now;
        }
        refresh.percentage = percentage;
        return;
    }
    if remaining < refresh.remaining {
        refresh.moved_at = now;
    }
    refresh.remaining = remaining;
    refresh.percentage = if refresh.total == 0 { 100 } else { (refresh.total - remaining) * 100 / total };
}

/// Terminates as many old instances as the healthy percentages and the next checkpoint allow, and returns how
/// many new ones may exist before.
fn replace(
    state: &mut State,
    group: &mut Group,
    refresh: &mut Refresh,
    seen: &View,
    checkpoint: Option<i64>,
    short: i64,
    now: Timestamp,
) {
    let until_checkpoint = match checkpoint {
        Some(percentage) => {
            let target = (percentage * refresh.total + 99) / 100;
            (target - (refresh.total - count(seen.old.len()) - seen.held)).max(0)
        }
        None => i64::MAX,
    };
    let wanted = count(seen.old.len()).min(until_checkpoint);
    let desired = group.desired;
    let least = (desired * refresh.preferences.min_healthy + 99) / 100;
    let beyond = match refresh.preferences.max_healthy {
        None => 0,
        // If both bounds cannot hold, a new instance comes first (API_RefreshPreferences).
        Some(max) => (desired * max / 100 - desired).max(i64::from(least >= desired)),
    };
    refresh.extra = beyond.min(wanted);
    if !group.runs("Terminate") || !group.runs("Launch") {
        return;
    }
    let spare = seen.healthy - least;
    // Terminating an unhealthy instance costs no health; one that is still being checked may become healthy
    // soon.
    let free = if spare >= 0 { seen.unfit } else { seen.broken };
    let mut can_go = free + spare.max(0);
    if refresh.preferences.max_healthy.is_none()
        && spare == 0
        && free == 0
        && seen.unready.is_empty()
        && short == 0
    {
        // A small group is replaced one by one, whatever the minimum is.
        can_go = 1;
    }
    let going = can_go.min(wanted);
    refresh.extra = beyond.min(wanted - going);
    for id in seen.old.iter().take(usize::try_from(going).unwrap_or(0)) {
        let cause = format!(
            "At {} an instance was taken out of service in response to an instance refresh.",
            told(now)
        );
        begin_termination(state, group, id, cause, now);
    }
}

/// All that was to be replaced is.
fn finish(group: &mut Group, refresh: &mut Refresh, now: Timestamp) {
    refresh.extra = 0;
    if refresh.status == Status::RollbackInProgress {
        refresh.end(Status::RollbackSuccessful, refresh.rollback.as_ref().map(|one| one.reason.clone()), now);
        return;
    }
    match refresh.preferences.bake.filter(|seconds| *seconds > 0) {
        Some(seconds) => {
            refresh.status = Status::Baking;
            refresh.until = Some(later(now, seconds));
        }
        None => succeed(group, refresh, now),
    }
}

/// The desired configuration is the group's from now on (API_StartInstanceRefresh).
fn succeed(group: &mut Group, refresh: &mut Refresh, now: Timestamp) {
    if let Some(desired) = &refresh.desired {
        group.template = desired.template.clone();
        group.mixed = desired.mixed.clone();
    }
    refresh.end(Status::Successful, None, now);
}

fn fail(
    state: &mut State,
    group: &mut Group,
    refresh: &mut Refresh,
    seen: &View,
    now: Timestamp,
) -> Option<Timestamp> {
    let reason = match seen.held {
        0 => {
            "The instance refresh made no progress for one hour: replacement instances did not become healthy."
        }
        _ => {
            "The instance refresh waited one hour for instances that are protected from scale in or on standby."
        }
    };
    if refresh.status == Status::InProgress && refresh.preferences.auto_rollback {
        turn_back(refresh, group, reason, now);
        return proceed(state, group, refresh, now);
    }
    // Instances beyond the desired capacity that did not become ready are removed.
    for id in seen.unready.iter().take(usize::try_from(refresh.extra).unwrap_or(0)) {
        let cause = format!(
            "At {} an instance was taken out of service in response to a failed instance refresh.",
            told(now)
        );
        begin_termination(state, group, id, cause, now);
    }
    let back = refresh.status == Status::RollbackInProgress;
    let status = if back { Status::RollbackFailed } else { Status::Failed };
    refresh.end(status, Some(reason.to_owned()), now);
    None
}

/// From now on, instances of the refresh are replaced by the group's earlier configuration.
pub fn turn_back(refresh: &mut Refresh, group: &Group, reason: &str, now: Timestamp) {
    refresh.rollback = Some(Rollback {
        reason: reason.to_owned(),
        started_at: now,
        percentage: refresh.percentage,
        remaining: refresh.remaining,
    });
    refresh.status = Status::RollbackInProgress;
    refresh.reason = Some(reason.to_owned());
    let old = std::mem::take(&mut refresh.old);
    refresh.kept.extend(old);
    let stays = |member: &&Member| !member.state.leaving();
    let new = group.instances.values().filter(stays).map(|member| member.id.clone());
    refresh.old = new.filter(|id| !refresh.kept.contains(id)).collect();
    refresh.total = count(refresh.old.len());
    refresh.extra = 0;
    refresh.until = None;
    refresh.moved_at = now;
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
