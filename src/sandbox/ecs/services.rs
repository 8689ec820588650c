//! The calls about services.

use serde_json::{Value, json};

use super::definition::{self, TaskDefinition};
use super::network::Network;
use super::service::{Balancer, Breaker, Revision, Rolling, Service, Standing};
use super::{Cluster, clusters, fargate, invalid, last, missing, paged, tags};
use crate::api::{Actions, Call, Params, Refusal};
use crate::elbv2;
use crate::state::State;

/// The calls about services, by name.
pub const ACTIONS: Actions = &[
    ("CreateService", create),
    ("DeleteService", delete),
    ("DescribeServices", describe),
    ("ListServices", list),
    ("UpdateService", update),
];

/// Maximum number of services in a describe call.
const MOST: usize = 10;
/// The members of a service that are kept and shown as given.
const KEPT: [&str; 10] = [
    "availabilityZoneRebalancing",
    "deploymentController",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "placementConstraints",
    "placementStrategy",
    "propagateTags",
    "role",
    "schedulingStrategy",
    "serviceRegistries",
];

fn not_found() -> Refusal {
    Refusal::new("ServiceNotFoundException", "Service not found.")
}

/// The service of a cluster with this name or ARN.
pub fn find<'a>(state: &'a State, cluster: &Cluster, named: &str) -> Option<&'a Service> {
    let arn = match named.starts_with("arn:") {
        true => named.to_owned(),
        false => state.arn("ecs", &format!("service/{}/{named}", cluster.name)),
    };
    state.ecs.services.get(&arn).filter(|service| service.cluster == cluster.name)
}

/// The revision of a call's deployment, with missing parameters from `old`.
fn revision(
    state: &State,
    params: &Params,
    cluster: &Cluster,
    old: Option<&Revision>,
) -> Result<Revision, Refusal> {
    let named = params.given("taskDefinition").or(old.map(|old| old.definition_arn.clone()));
    let Some(named) = named else { return Err(invalid("Task definition can not be blank.")) };
    let definition = match old.filter(|old| old.definition_arn == named) {
        // A service's own definition stays usable for it.
        Some(old) => state.ecs.definitions.get(&old.definition).cloned(),
        None => Some(definition::usable(state, &named)?.clone()),
    };
    let Some(definition) = definition else { return Err(super::client("TaskDefinition not found.")) };
    let network = match params.has("networkConfiguration") {
        true => Network::read(state, params)?,
        false => old.and_then(|old| old.network.clone()),
    };
    Network::fits(network.as_ref(), &definition)?;
    let (launch_type, strategy) = match old {
        Some(old) if !params.has("capacityProviderStrategy") => {
            (old.launch_type.clone(), old.strategy.clone())
        }
        _ => fargate::strategy(params, cluster)?,
    };
    if launch_type.as_deref() != Some("EC2") && !definition.fits_fargate() {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    let platform = match params.has("platformVersion") {
        true => fargate::platform(params.given("platformVersion"))?,
        false => old.map_or_else(|| "LATEST".to_owned(), |old| old.platform.clone()),
    };
    let balancers = match params.has("loadBalancers") {
        true => params
            .items("loadBalancers")
            .iter()
            .map(|one| balancer(state, one, &definition))
            .collect::<Result<_, _>>()?,
        false => old.map(|old| old.balancers.clone()).unwrap_or_default(),
    };
    for one in &balancers {
        check_container(one, &definition)?;
    }
    Ok(Revision {
        definition: definition.key(),
        definition_arn: definition.arn,
        network,
        launch_type,
        strategy,
        platform,
        balancers,
    })
}

fn balancer(state: &State, given: &Params, definition: &TaskDefinition) -> Result<Balancer, Refusal> {
    let group = given.needed("targetGroupArn");
    let Some(found) = state.elbv2.target_groups.get(&group) else {
        return Err(invalid(format!("The specified target group does not exist. (targetGroupArn {group})")));
    };
    if !elbv2::is_used(state, &group) {
        return Err(invalid(format!(
            "The target group with targetGroupArn {group} does not have an associated load balancer."
        )));
    }
    if definition.is_awsvpc() && found.target_type != "ip" {
        return Err(invalid(format!(
            "The provided target group {group} has target type {}, which is incompatible with the awsvpc network mode \
             specified in the task definition.",
            found.target_type
        )));
    }
    Ok(Balancer {
        group,
        container: given.needed("containerName"),
        port: given.number("containerPort").unwrap_or_default(),
        shown: given.value().clone(),
    })
}

fn check_container(balancer: &Balancer, definition: &TaskDefinition) -> Result<(), Refusal> {
    let Balancer { container, port, .. } = balancer;
    let containers = definition.containers();
    let Some(found) = containers.iter().find(|one| one.needed("name") == *container) else {
        return Err(invalid(format!("The container {container} does not exist in the task definition.")));
    };
    match found.items("portMappings").iter().any(|one| one.number("containerPort") == Some(*port)) {
        true => Ok(()),
        false => {
            Err(invalid(format!("The container {container} did not have a container port {port} defined.")))
        }
    }
}

/// The rolling settings of a call, with missing parameters from `old`.
fn rolling(params: &Params, old: Option<&Rolling>) -> Result<Rolling, Refusal> {
    let given = params.child("deploymentConfiguration").unwrap_or_default();
    let member = |name: &str| {
        let before = old.and_then(|old| old.shown.get(name));
        given.value().get(name).or(before).cloned()
    };
    let percent = |name: &str, default: u64| member(name).and_then(|value| value.as_u64()).unwrap_or(default);
    let (min, max) = (percent("minimumHealthyPercent", 100), percent("maximumPercent", 200));
    if max < min || max == 0 {
        return Err(invalid("maximumPercent must be greater than or equal to minimumHealthyPercent."));
    }
    let strategy = member("strategy").unwrap_or(json!("ROLLING"));
    if strategy != "ROLLING" {
        let text = "The sandbox knows no deployment strategy but ROLLING.";
        return Err(Refusal::new("UnsupportedFeatureException", text));
    }
    let breaker = member("deploymentCircuitBreaker").unwrap_or(json!({ "enable": false, "rollback": false }));
    let told = Params::from_json(breaker.clone());
    let threshold = told.child("thresholdConfiguration").unwrap_or_default();
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Ok(Rolling {
        min_percent: number(min),
        max_percent: number(max),
        breaker: (told.flag("enable") == Some(true)).then(|| Breaker {
            rollback: told.flag("rollback") == Some(true),
            reset: told.flag("resetOnHealthyTask") != Some(false),
            threshold: (
                threshold.given("type").unwrap_or_else(|| "BOUNDED_PERCENT".to_owned()),
                threshold.number("value").unwrap_or(50),
            ),
        }),
        shown: json!({
            "deploymentCircuitBreaker": breaker,
            "maximumPercent": max,
            "minimumHealthyPercent": min,
            "strategy": strategy,
            "bakeTimeInMinutes": member("bakeTimeInMinutes").unwrap_or(json!(0)),
            "alarms": member("alarms"),
        }),
    })
}

fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let cluster = clusters::asked(call.state, params)?;
    let name = params.needed("serviceName");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.len() > 255 || !name.chars().all(plain) {
        return Err(invalid("Invalid service name."));
    }
    match find(call.state, &cluster, &name) {
        Some(there) if there.standing == Standing::Active && there.request == *params.value() => {
            return Ok(json!({ "service": there.shown(call.state, true) }));
        }
        Some(there) if there.standing == Standing::Active => {
            return Err(invalid("Creation of service was not idempotent."));
        }
        Some(there) if there.standing == Standing::Draining => {
            return Err(invalid("Unable to Start a service that is still Draining."));
        }
        _ => {}
    }
    for (member, only) in [("schedulingStrategy", "REPLICA")] {
        if params.given(member).is_some_and(|given| given != only) {
            let text = format!("The sandbox knows no {member} but {only}.");
            return Err(Refusal::new("UnsupportedFeatureException", text));
        }
    }
    let controller = params.child("deploymentController").map(|one| one.needed("type"));
    if controller.is_some_and(|kind| kind != "ECS") {
        let text = "The sandbox knows no deployment controller but ECS.";
        return Err(Refusal::new("UnsupportedFeatureException", text));
    }
    let revision = revision(call.state, params, &cluster, None)?;
    if revision.balancers.is_empty() && params.has("healthCheckGracePeriodSeconds") {
        return Err(invalid(
            "Health check grace period is only valid for services configured to use load balancers",
        ));
    }
    let arn = call.state.arn("ecs", &format!("service/{}/{name}", cluster.name));
    let mut more = json!({
        "availabilityZoneRebalancing": "DISABLED",
        "deploymentController": { "type": "ECS" },
        "enableECSManagedTags": false,
        "enableExecuteCommand": false,
        "placementConstraints": [],
        "placementStrategy": [],
        "propagateTags": "NONE",
        "schedulingStrategy": "REPLICA",
        "serviceRegistries": [],
    });
    keep(&mut more, params);
    let mut service = Service {
        arn: arn.clone(),
        cluster: cluster.name,
        standing: Standing::Active,
        created: call.now,
        ended: None,
        desired: desired(params).unwrap_or(0),
        grace: params
            .number("healthCheckGracePeriodSeconds")
            .or((!revision.balancers.is_empty()).then_some(0)),
        rolling: rolling(params, None)?,
        deployments: Vec::new(),
        events: Vec::new(),
        more,
        request: params.value().clone(),
        steady: false,
        misses: 0,
        next_start: None,
        name,
    };
    service.deploy(revision, call.now);
    tags::set(call.state, &arn, tags::read(params)?);
    let shown = service.shown(call.state, true);
    // Its events belong to the new service.
    call.state.ecs.services.insert(arn, service);
    Ok(json!({ "service": shown }))
}

fn desired(params: &Params) -> Option<usize> {
    params.number("desiredCount")
}

/// Tells whether an active service with this ARN exists.
pub fn is_active(state: &State, arn: &str) -> bool {
    state.ecs.services.get(arn).is_some_and(|service| service.standing == Standing::Active)
}

/// Brings the size of an active service within bounds.
pub fn bound(state: &mut State, arn: &str, least: usize, most: usize) {
    let active = state.ecs.services.get_mut(arn).filter(|service| service.standing == Standing::Active);
    if let Some(service) = active {
        service.scale(service.desired.clamp(least, most.max(least)));
    }
}

fn keep(more: &mut Value, params: &Params) {
    for name in KEPT {
        if let Some(value) = params.value().get(name).filter(|value| !value.is_null()) {
            more[if name == "role" { "roleArn" } else { name }] = value.clone();
        }
    }
}

fn update(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let cluster = clusters::asked(call.state, params)?;
    let mut service = find(call.state, &cluster, &params.needed("service")).cloned().ok_or_else(not_found)?;
    if service.standing != Standing::Active {
        return Err(Refusal::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let old = service.primary().map(|one| one.revision.clone());
    let new = revision(call.state, params, &cluster, old.as_ref())?;
    service.rolling = rolling(params, Some(&service.rolling))?;
    if let Some(desired) = desired(params) {
        service.scale(desired);
    }
    service.grace = params.number("healthCheckGracePeriodSeconds").or(service.grace);
    keep(&mut service.more, params);
    if old.as_ref() != Some(&new) || params.flag("forceNewDeployment") == Some(true) {
        service.deploy(new, call.now);
    }
    let shown = service.shown(call.state, true);
    call.state.ecs.services.insert(service.arn.clone(), service);
    Ok(json!({ "service": shown }))
}

fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let mut service =
        find(call.state, &cluster, &call.params.needed("service")).cloned().ok_or_else(not_found)?;
    match service.standing {
        Standing::Inactive => return Err(not_found()),
        Standing::Active if service.desired > 0 && call.params.flag("force") != Some(true) => {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        _ => {}
    }
    (service.standing, service.desired) = (Standing::Draining, 0);
    let shown = service.shown(call.state, false);
    call.state.ecs.services.insert(service.arn.clone(), service);
    Ok(json!({ "service": shown }))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let asked = call.params.texts("services");
    if asked.is_empty() || asked.len() > MOST {
        return Err(invalid(match asked.is_empty() {
            true => "Services cannot be empty.".to_owned(),
            false => format!("Services may have at most {MOST} members."),
        }));
    }
    let tagged = call.params.texts("include").iter().any(|one| one == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for named in asked {
        match find(call.state, &cluster, &named) {
            Some(service) => found.push(service.shown(call.state, tagged)),
            None => {
                let path = format!("service/{}/{}", cluster.name, last(&named));
                failures.push(missing(&call.state.arn("ecs", &path)));
            }
        }
    }
    Ok(json!({ "services": found, "failures": failures }))
}

/// Only active services are listed.
fn list(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let kind = call.params.given("launchType");
    let other = call.params.given("schedulingStrategy").is_some_and(|given| given != "REPLICA");
    let of_kind =
        |one: &&Service| kind.is_none() || one.primary().is_some_and(|one| one.revision.launch_type == kind);
    let all = call.state.ecs.services.values().filter(|one| one.cluster == cluster.name && !other);
    let active = all.filter(|one| one.standing == Standing::Active).filter(of_kind);
    paged(call.params, "serviceArns", active.map(|one| json!(one.arn)).collect())
}
