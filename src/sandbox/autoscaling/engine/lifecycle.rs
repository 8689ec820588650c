//! The lifecycle of instances (user guide, ec2-auto-scaling-lifecycle).

use jiff::Timestamp;

use super::begin_termination;
use super::scale::back_off;
use crate::autoscaling::activities::Status;
use crate::autoscaling::group::{Group, Lifecycle, Member};
use crate::autoscaling::hooks::{LAUNCHING, Outcome, TERMINATING, Wait};
use crate::autoscaling::{load_balancers, sooner, told};
use crate::ec2::InstanceState;
use crate::ec2::launch;
use crate::state::State;

/// States passed in one turn at most: more than there are.
const STEPS: usize = 8;

/// The next step of an instance.
enum Next {
    To(Lifecycle),
    /// Stays as it is, at most until then.
    Stays(Option<Timestamp>),
    Gone,
}

/// Advances every instance as far as possible now; returns when a wait ends.
pub fn advance(state: &mut State, group: &mut Group, now: Timestamp) -> Option<Timestamp> {
    let mut due = None;
    for id in group.instances.keys().cloned().collect::<Vec<_>>() {
        for _ in 0..STEPS {
            let Some(member) = group.instances.get(&id).cloned() else { break };
            match step(state, group, &member, now) {
                Next::Stays(until) => {
                    due = sooner(due, until);
                    break;
                }
                Next::To(next) => {
                    if let Some(member) = group.instances.get_mut(&id) {
                        member.state = next;
                    }
                }
                Next::Gone => {
                    group.instances.shift_remove(&id);
                    break;
                }
            }
        }
    }
    due
}

fn step(state: &mut State, group: &mut Group, member: &Member, now: Timestamp) -> Next {
    let lives = state.ec2.instances.get(&member.id).map(|instance| instance.state);
    if member.state.coming() && !lives.is_some_and(InstanceState::runs) {
        return stillborn(state, group, member, now);
    }
    match member.state {
        Lifecycle::Pending if lives != Some(InstanceState::Running) => Next::Stays(None),
        Lifecycle::Pending => match Wait::begin(group, LAUNCHING, now).filter(|_| !member.launched) {
            Some(wait) => {
                waits(state, group, member, Some(wait), now);
                Next::To(Lifecycle::PendingWait)
            }
            None => Next::To(Lifecycle::PendingProceed),
        },
        Lifecycle::PendingWait => match outcome(group, member, now) {
            Outcome::Waits(until) => Next::Stays(until),
            Outcome::Continue => {
                waits(state, group, member, None, now);
                Next::To(Lifecycle::PendingProceed)
            }
            Outcome::Abandon => {
                let cause = format!(
                    "At {} an instance was taken out of service in response to a launch failure: a lifecycle hook \
                     was abandoned.",
                    told(now)
                );
                let message =
                    "Instance failed to complete user's Lifecycle Action: Lifecycle Action was abandoned.";
                state.autoscaling.fail(member.activity.as_deref(), Status::Cancelled, message, now);
                back_off(group, now);
                begin_termination(state, group, &member.id, cause, now);
                Next::Stays(None)
            }
        },
        Lifecycle::PendingProceed => {
            into_service(state, group, member, now);
            Next::To(Lifecycle::InService)
        }
        Lifecycle::InService | Lifecycle::Standby => Next::Stays(None),
        Lifecycle::Terminating => {
            if drains(state, group, member, now) {
                let waiting = Status::WaitingForELBConnectionDraining;
                state.autoscaling.proceed(member.activity.as_deref(), waiting, 50, now);
                return Next::Stays(None);
            }
            match Wait::begin(group, TERMINATING, now) {
                Some(wait) => {
                    waits(state, group, member, Some(wait), now);
                    Next::To(Lifecycle::TerminatingWait)
                }
                None => Next::To(Lifecycle::TerminatingProceed),
            }
        }
        Lifecycle::TerminatingWait => match outcome(group, member, now) {
            Outcome::Waits(until) => Next::Stays(until),
            // Abandoned or not, it ends (user guide, lifecycle-hooks-overview).
            Outcome::Continue | Outcome::Abandon => {
                waits(state, group, member, None, now);
                Next::To(Lifecycle::TerminatingProceed)
            }
        },
        Lifecycle::TerminatingProceed => match lives {
            None | Some(InstanceState::Terminated) => {
                state.autoscaling.proceed(member.activity.as_deref(), Status::Successful, 100, now);
                Next::Gone
            }
            Some(InstanceState::ShuttingDown) => Next::Stays(None),
            Some(_) => {
                let reason =
                    ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");
                launch::terminate(state, &member.id, reason, now);
                Next::Stays(None)
            }
        },
        Lifecycle::Detaching => {
            if drains(state, group, member, now) {
                return Next::Stays(None);
            }
            if let Some(instance) = state.ec2.instances.get_mut(&member.id) {
                instance.group = None;
            }
            if let Some(tags) = state.ec2.tags.get_mut(&member.id) {
                tags.remove("aws:autoscaling:groupName");
            }
            state.autoscaling.proceed(member.activity.as_deref(), Status::Successful, 100, now);
            Next::Gone
        }
        Lifecycle::EnteringStandby => {
            if drains(state, group, member, now) {
                return Next::Stays(None);
            }
            state.autoscaling.proceed(member.activity.as_deref(), Status::Successful, 100, now);
            Next::To(Lifecycle::Standby)
        }
    }
}

fn into_service(state: &mut State, group: &mut Group, member: &Member, now: Timestamp) {
    let registers = group.runs("AddToLoadBalancer");
    if registers {
        load_balancers::register(state, group, &member.id, now);
    }
    state.autoscaling.proceed(member.activity.as_deref(), Status::Successful, 100, now);
    (group.failures, group.next_launch, group.scaled_at) = (0, None, Some(now));
    if let Some(member) = group.instances.get_mut(&member.id) {
        member.in_service_at = Some(now);
        member.unregistered = !registers;
        member.launched = true;
    }
}

/// Deregisters an instance; whether requests may still be under way to it.
fn drains(state: &mut State, group: &Group, member: &Member, now: Timestamp) -> bool {
    load_balancers::deregister(state, group, &member.id, now);
    let runs = state.ec2.instances.get(&member.id).is_some_and(|instance| instance.state.runs());
    runs && load_balancers::registered(state, group, &member.id)
}

fn waits(state: &mut State, group: &mut Group, member: &Member, wait: Option<Wait>, now: Timestamp) {
    let status = if wait.is_some() { Status::MidLifecycleAction } else { Status::InProgress };
    state.autoscaling.proceed(member.activity.as_deref(), status, 60, now);
    if let Some(member) = group.instances.get_mut(&member.id) {
        member.wait = wait;
    }
}

fn outcome(group: &mut Group, member: &Member, now: Timestamp) -> Outcome {
    let wait = group.instances.get_mut(&member.id).and_then(|member| member.wait.as_mut());
    wait.map_or(Outcome::Continue, |wait| wait.outcome(now))
}

/// An instance that ended before it was in service.
fn stillborn(state: &mut State, group: &mut Group, member: &Member, now: Timestamp) -> Next {
    let reason = state.ec2.instances.get(&member.id).and_then(|instance| instance.state_reason.as_ref());
    let reason = reason.map_or("Client.UserInitiatedShutdown", |(code, _)| code.as_str());
    let message = format!(
        "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: {reason}"
    );
    state.autoscaling.fail(member.activity.as_deref(), Status::Failed, &message, now);
    back_off(group, now);
    // A stopped one is not wanted either.
    Next::To(Lifecycle::TerminatingProceed)
}
