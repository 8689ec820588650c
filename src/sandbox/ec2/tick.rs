//! EC2's changes as time passes, and on compute's reports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::super::compute::{self, GRACE, ImageSource, Machine, Report, Wanted};
use super::super::network::served;
use super::super::state::State;
use super::images::{Image, ImageState};
use super::snapshots::SnapshotState;
use super::{Instance, InstanceState, instances, tags, volumes};

#[cfg(test)]
mod tests;

/// Carries out everything due by `now`; returns when to call it again.
pub fn tick(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let next = [instances_due(state, now), images_due(state, now), snapshots_due(state, now)];
    forget_unused(state);
    next.into_iter().flatten().min()
}

fn after(since: Timestamp, by: Duration) -> Timestamp {
    since.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn instances_due(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let (pace, mut next) = (state.pace.clone(), Vec::new());
    let (mut ended, mut forgotten) = (Vec::new(), Vec::new());
    for instance in state.ec2.instances.values_mut() {
        let due = match instance.state {
            InstanceState::Pending => after(instance.since, pace.launch),
            InstanceState::Stopping | InstanceState::ShuttingDown => after(instance.since, pace.stop),
            InstanceState::Terminated => after(instance.since, pace.remember_terminated),
            InstanceState::Running | InstanceState::Stopped => continue,
        };
        if due > now {
            next.push(due);
            continue;
        }
        match instance.state {
            // An instance that compute has not booted waits for its report.
            InstanceState::Pending if instance.booted < instance.boots => {}
            InstanceState::Pending => {
                instance.enter(InstanceState::Running, now);
                instance.state_reason = None;
            }
            InstanceState::Stopping => instance.enter(InstanceState::Stopped, now),
            InstanceState::ShuttingDown => {
                instance.enter(InstanceState::Terminated, now);
                next.push(after(now, pace.remember_terminated));
                ended.push(instance.id.clone());
            }
            InstanceState::Terminated => forgotten.push(instance.id.clone()),
            InstanceState::Running | InstanceState::Stopped => {}
        }
    }
    for id in ended {
        end(state, &id);
    }
    for id in forgotten {
        state.ec2.instances.shift_remove(&id);
        tags::forget(state, &id);
    }
    next.into_iter().min()
}

/// Removes what a terminated instance held.
fn end(state: &mut State, id: &str) {
    volumes::instance_ended(state, id);
    let Some(instance) = state.ec2.instances.get_mut(id) else { return };
    instance.devices.clear();
    let interface = instance.interface.clone();
    tags::forget(state, &interface);
}

fn images_due(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let (pace, mut next) = (state.pace.clone(), Vec::new());
    let mut done = BTreeMap::new();
    for image in state.ec2.images.values_mut().filter(|image| image.state == ImageState::Pending) {
        let due = after(image.created, pace.image);
        match &image.failure {
            _ if due > now => next.push(due),
            Some(_) => image.state = ImageState::Failed,
            None if image.made => image.state = ImageState::Available,
            None => {}
        }
        if image.state != ImageState::Pending {
            let ended = if image.failure.is_some() { SnapshotState::Error } else { SnapshotState::Completed };
            done.insert(image.id.clone(), ended);
        }
    }
    for snapshot in state.ec2.snapshots.values_mut() {
        if let Some(ended) = snapshot.of_image.as_ref().and_then(|image| done.get(image)) {
            snapshot.state = *ended;
        }
    }
    next.into_iter().min()
}

/// Snapshots that were made by themselves, or whose image is gone.
fn snapshots_due(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let pace = state.pace.image;
    let images = &state.ec2.images;
    let alone = |image: &Option<String>| image.as_ref().is_none_or(|image| !images.contains_key(image));
    let pending = state.ec2.snapshots.values_mut();
    let pending = pending.filter(|one| one.state == SnapshotState::Pending && alone(&one.of_image));
    let mut next = Vec::new();
    for snapshot in pending {
        match after(snapshot.started, pace) {
            due if due > now => next.push(due),
            _ => snapshot.state = SnapshotState::Completed,
        }
    }
    next.into_iter().min()
}

/// Takes away deregistered images that nothing is copied from any more.
fn forget_unused(state: &mut State) {
    if !state.ec2.images.values().any(|image| image.deregistered) {
        return;
    }
    let live = state.ec2.instances.values().filter(|one| one.state != InstanceState::Terminated);
    let mut used: BTreeSet<String> = live.map(|one| one.image.clone()).collect();
    used.extend(state.ec2.images.values().filter(|image| !image.made).filter_map(
        |image| match &image.from {
            ImageSource::Image(id) => Some(id.clone()),
            _ => None,
        },
    ));
    state.ec2.images.retain(|id, image| !image.deregistered || used.contains(id));
}

/// Handles a report of compute.
pub fn reported(state: &mut State, report: &Report, now: Timestamp) {
    match report {
        Report::Booted { machine, boots } => {
            if let Some(instance) = state.ec2.instances.get_mut(machine) {
                instance.booted = instance.booted.max(*boots);
                instance.impaired &= *boots < instance.boots;
            }
        }
        Report::Failed { machine, why } => failed(state, machine, why, now),
        Report::ImageMade { image } => made(state, image),
        Report::ImageFailed { image, why } => {
            if let Some(image) = state.ec2.images.get_mut(image) {
                image.failure = Some(why.clone());
            }
        }
        Report::Exited { .. } | Report::Stopped { .. } | Report::CommandEnded { .. } => {}
    }
}

/// An instance that does not come up goes from pending to terminated (EC2 user guide,
/// troubleshooting-launch); one that ran and did not come back is impaired.
fn failed(state: &mut State, id: &str, why: &str, now: Timestamp) {
    let Some(instance) = state.ec2.instances.get_mut(id) else { return };
    match instance.state {
        InstanceState::Pending => {
            instance.enter(InstanceState::Terminated, now);
            let code = "Client.InternalError";
            instance.state_reason = Some((code.to_owned(), format!("{code}: {why}")));
            instance.transition_reason = instances::transition_reason(&format!("{code}: {why}"), now);
            end(state, id);
        }
        InstanceState::Running => instance.impaired = true,
        _ => {}
    }
}

/// The folder is copied; a source that was to be rebooted boots now.
fn made(state: &mut State, id: &str) {
    let Some(image) = state.ec2.images.get_mut(id) else { return };
    let reboots = !image.made && image.reboot;
    image.made = true;
    let ImageSource::Instance(source) = &image.from else { return };
    let source = state.ec2.instances.get_mut(source).filter(|one| one.state == InstanceState::Running);
    if let Some(source) = source.filter(|_| reboots) {
        source.boots += 1;
    }
}

/// The machines and images that should be there.
pub fn wanted(state: &State) -> Wanted {
    let copied: BTreeSet<&str> = state
        .ec2
        .images
        .values()
        .filter(|image| image.state == ImageState::Pending && !image.made && image.failure.is_none())
        .filter_map(|image| match &image.from {
            ImageSource::Instance(id) => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let live = state.ec2.instances.values();
    let live = live.filter(|one| one.state != InstanceState::Terminated || copied.contains(one.id.as_str()));
    let images = state.ec2.images.values().filter(|image| image.failure.is_none());
    Wanted {
        machines: live.map(|instance| machine(state, instance)).collect(),
        images: images
            .map(|image| compute::Image { id: image.id.clone(), from: image.from.clone() })
            .collect(),
        commands: Vec::new(),
    }
}

fn machine(state: &State, instance: &Instance) -> Machine {
    let image: Option<&Image> = state.ec2.images.get(&instance.image);
    let mut environment = BTreeMap::from(
        [
            ("INSTANCE_ID", &instance.id),
            ("INSTANCE_TYPE", &instance.instance_type),
            ("IMAGE_ID", &instance.image),
            ("AVAILABILITY_ZONE", &instance.zone),
            ("AWS_REGION", &state.region),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone())),
    );
    environment.extend(instance.group.clone().map(|group| ("AUTO_SCALING_GROUP".to_owned(), group)));
    let labels =
        [Some(&instance.id), instance.group.as_ref(), Some(&instance.image), image.map(|image| &image.name)];
    Machine {
        id: instance.id.clone(),
        image: instance.image.clone(),
        host: state.network.host(instance.private_address),
        port: instance.own_port.unwrap_or(served(instance.port)),
        runs: instance.state.runs(),
        boots: instance.boots,
        user_data: instance.user_data.clone(),
        command: Vec::new(),
        grace: GRACE,
        environment,
        labels: labels.into_iter().flatten().cloned().collect(),
    }
}
