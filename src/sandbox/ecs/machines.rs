//! The machines that compute should run: one for each container.

use std::collections::BTreeMap;
use std::time::Duration;

use super::container::{Container, Stage};
use super::engine::checks;
use super::images;
use super::task::{Status, Task};
use crate::compute::{Machine, Wanted};
use crate::state::State;

/// Adds the containers, their images and their health checks.
pub fn wanted(state: &State, wanted: &mut Wanted) {
    wanted.images.extend(images::wanted(state));
    for task in state.ecs.tasks.values() {
        let there = task.containers.iter().filter(|one| one.stage > Stage::Waiting && one.digest.is_some());
        wanted.machines.extend(there.map(|container| machine(state, task, container)));
        wanted.commands.extend(checks::wanted(task));
    }
}

fn machine(state: &State, task: &Task, container: &Container) -> Machine {
    let digest = container.digest.clone().unwrap_or_default();
    let release = state.ecs.images.all.get(&digest).and_then(|image| image.release.clone());
    let text = |text: &str| text.to_owned();
    let mut environment = BTreeMap::from([
        (text("AVAILABILITY_ZONE"), task.place.zone.clone()),
        (text("AWS_DEFAULT_REGION"), state.region.clone()),
        (text("AWS_EXECUTION_ENV"), text("AWS_ECS_FARGATE")),
        (text("AWS_REGION"), state.region.clone()),
        (text("INSTANCE_ID"), task.id.clone()),
    ]);
    environment.extend(release.map(|release| (text("RELEASE"), release)));
    environment.extend(container.environment.clone());
    // The port in the container's `PORT`, or its first port.
    let told = container.environment.get("PORT").and_then(|port| port.parse().ok());
    let port = told.or(container.ports.first().copied()).unwrap_or(8080);
    Machine {
        id: container.machine(&task.id),
        image: images::folder(&digest),
        host: state.network.host(task.place.address),
        port: task.place.served(port),
        runs: container.stage < Stage::Ended && task.status < Status::Stopping,
        boots: 1,
        user_data: None,
        command: container.command.clone(),
        grace: Duration::from_secs(container.stop_timeout),
        environment,
        labels: task.labels().into(),
    }
}
