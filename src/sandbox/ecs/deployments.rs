//! The calls about deployments of services and their revisions.

use serde_json::{Value, json};

use super::service::{Deployment, Rollout, Service};
use super::services;
use super::{at, clusters, invalid, missing, paged};
use crate::api::{Actions, Call, Refusal};
use crate::state::State;

/// The calls about deployments, by name.
pub const ACTIONS: Actions = &[
    ("DescribeServiceDeployments", describe),
    ("DescribeServiceRevisions", revisions),
    ("ListServiceDeployments", list),
];

fn arn(state: &State, service: &Service, kind: &str, one: &Deployment) -> String {
    state.arn("ecs", &format!("{kind}/{}/{}", service.path(), one.digits()))
}

fn status(service: &Service, one: &Deployment) -> &'static str {
    let back = service.rolling.breaker.as_ref().is_some_and(|breaker| breaker.rollback);
    match one.rollout {
        Rollout::InProgress if one.primary && one.completed => "ROLLBACK_IN_PROGRESS",
        Rollout::InProgress if one.primary => "IN_PROGRESS",
        Rollout::InProgress => "STOPPED",
        Rollout::Completed => "SUCCESSFUL",
        Rollout::Failed if back && !one.primary => "ROLLBACK_SUCCESSFUL",
        Rollout::Failed => "STOPPED",
    }
}

fn brief(state: &State, service: &Service, one: &Deployment) -> Value {
    let ended = (one.rollout != Rollout::InProgress).then_some(one.updated);
    json!({
        "serviceDeploymentArn": arn(state, service, "service-deployment", one),
        "serviceArn": service.arn,
        "clusterArn": state.arn("ecs", &format!("cluster/{}", service.cluster)),
        "createdAt": at(Some(one.created)),
        "startedAt": at(Some(one.created)),
        "finishedAt": at(ended),
        "targetServiceRevisionArn": arn(state, service, "service-revision", one),
        "status": status(service, one),
        "statusReason": one.reason,
    })
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let service = services::find(call.state, &cluster, &call.params.needed("service"))
        .ok_or_else(|| Refusal::new("ServiceNotFoundException", "Service not found."))?;
    let wanted = call.params.texts("status");
    let all = service
        .deployments
        .iter()
        .filter(|one| wanted.is_empty() || wanted.iter().any(|name| name == status(service, one)));
    paged(call.params, "serviceDeployments", all.map(|one| brief(call.state, service, one)).collect())
}

/// The deployments that ARNs of one kind name, each in the form of answers; unknown ones are failures.
fn named(
    call: &Call,
    member: &str,
    kind: &str,
    shown: fn(&State, &Service, &Deployment) -> Value,
) -> Result<[Vec<Value>; 2], Refusal> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for asked in call.params.texts(member) {
        if !asked.contains(&format!(":{kind}/")) {
            return Err(invalid(format!("Invalid ARN: {asked}")));
        }
        let all = call.state.ecs.services.values();
        let mut all = all.flat_map(|service| service.deployments.iter().map(move |one| (service, one)));
        match all.find(|(service, one)| arn(call.state, service, kind, one) == asked) {
            Some((service, one)) => found.push(shown(call.state, service, one)),
            None => failures.push(missing(&asked)),
        }
    }
    Ok([found, failures])
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let shown = |state: &State, service: &Service, one: &Deployment| {
        let mut shown = brief(state, service, one);
        let counts = |one: &Deployment| {
            let tasks = || service.tasks(state).filter(|task| task.deployment() == one.id);
            json!({
                "arn": arn(state, service, "service-revision", one),
                "requestedTaskCount": if one.primary { service.desired } else { 0 },
                "runningTaskCount": tasks().filter(|task| task.status == super::task::Status::Running).count(),
                "pendingTaskCount": tasks().filter(|task| task.status.pending() && task.is_wanted()).count(),
            })
        };
        let before = service.deployments.iter().filter(|other| other.created < one.created);
        let breaker = service.rolling.breaker.as_ref();
        let threshold = breaker.map(|breaker| breaker.threshold(service.desired));
        let standing = match (one.rollout, threshold) {
            (_, None) => "DISABLED",
            (Rollout::InProgress, _) => "MONITORING",
            (Rollout::Completed, _) => "MONITORING_COMPLETE",
            (Rollout::Failed, _) => "TRIGGERED",
        };
        shown["updatedAt"] = json!(at(Some(one.updated)));
        shown["targetServiceRevision"] = counts(one);
        shown["sourceServiceRevisions"] = before.map(counts).collect();
        shown["deploymentConfiguration"] = service.rolling.shown.clone();
        shown["deploymentCircuitBreaker"] =
            json!({ "status": standing, "failureCount": one.failed, "threshold": threshold.unwrap_or(0) });
        if let Some(object) = shown.as_object_mut() {
            object.remove("targetServiceRevisionArn");
        }
        shown
    };
    let [found, failures] = named(call, "serviceDeploymentArns", "service-deployment", shown)?;
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

fn revisions(call: &mut Call) -> Result<Value, Refusal> {
    let shown = |state: &State, service: &Service, one: &Deployment| {
        let definition = state.ecs.definitions.get(&one.revision.definition);
        let containers = definition.map(|one| one.containers()).unwrap_or_default();
        let images = containers.iter().map(|container| {
            let image = container.needed("image");
            json!({ "containerName": container.needed("name"), "imageDigest": one.images.get(&image), "image": image })
        });
        json!({
            "serviceRevisionArn": arn(state, service, "service-revision", one),
            "serviceArn": service.arn,
            "clusterArn": state.arn("ecs", &format!("cluster/{}", service.cluster)),
            "taskDefinition": one.revision.definition_arn,
            "launchType": one.revision.launch_type,
            "platformVersion": super::fargate::PLATFORM,
            "platformFamily": "Linux",
            "loadBalancers": one.revision.balancers.iter().map(|one| one.shown.clone()).collect::<Value>(),
            "networkConfiguration": one.revision.network.as_ref().map(super::network::Network::shown),
            "containerImages": images.collect::<Value>(),
            "guardDutyEnabled": false,
            "createdAt": at(Some(one.created)),
        })
    };
    let [found, failures] = named(call, "serviceRevisionArns", "service-revision", shown)?;
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}
