//! The calls about tasks.

use serde_json::{Value, json};

use super::network::Network;
use super::task::{self, Start, StopCode, Task};
use super::{Cluster, client, clusters, definition, fargate, invalid, last, missing, paged, services, tags};
use crate::api::{Actions, Call, Params, Refusal};
use crate::state::{Repeat, State};

/// The calls about tasks, by name.
pub const ACTIONS: Actions =
    &[("DescribeTasks", describe), ("ListTasks", list), ("RunTask", run), ("StopTask", stop)];

/// Maximum number of tasks in a start or describe call.
const MOST_STARTED: usize = 10;
const MOST_DESCRIBED: usize = 100;

fn find<'a>(state: &'a State, cluster: &Cluster, named: &str) -> Option<&'a Task> {
    let arn = match named.starts_with("arn:") {
        true => named.to_owned(),
        false => state.arn("ecs", &format!("task/{}/{named}", cluster.name)),
    };
    state.ecs.tasks.get(&arn).filter(|task| task.cluster == cluster.name)
}

fn run(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let cluster = clusters::asked(call.state, params)?;
    let count: usize = params.number("count").unwrap_or(1);
    if !(1..=MOST_STARTED).contains(&count) {
        return Err(invalid(format!("Count must be between 1 and {MOST_STARTED}.")));
    }
    let token = params.given("clientToken").map(|token| format!("RunTask {}/{token}", cluster.name));
    if params.given("clientToken").is_some_and(|token| token.len() > 64) {
        return Err(invalid("The clientToken can have at most 64 characters."));
    }
    if params.given("startedBy").is_some_and(|text| text.len() > 128) {
        return Err(invalid("startedBy can have at most 128 characters."));
    }
    if let Some(repeat) = token.as_ref().and_then(|token| call.state.tokens.get(token)) {
        if repeat.parameters != *params.value() {
            let text = "The request could not be processed because of conflict in the current state of the resource.";
            return Err(Refusal::new("ConflictException", text));
        }
        // In their current state.
        let arns = repeat.answer.as_array().into_iter().flatten().filter_map(Value::as_str);
        let tasks =
            arns.filter_map(|arn| call.state.ecs.tasks.get(arn)).map(|task| task.shown(call.state, true));
        return Ok(json!({ "tasks": tasks.collect::<Value>(), "failures": [] }));
    }
    let definition = definition::usable(call.state, &params.needed("taskDefinition"))?.clone();
    let network = Network::read(call.state, params)?;
    Network::fits(network.as_ref(), &definition)?;
    let (launch_type, strategy) = fargate::strategy(params, &cluster)?;
    fargate::platform(params.given("platformVersion"))?;
    let network = match launch_type.as_deref() {
        Some("EC2" | "EXTERNAL") => {
            return Err(invalid("No Container Instances were found in your cluster."));
        }
        _ if !definition.fits_fargate() => {
            return Err(invalid("Task definition does not support launch_type FARGATE."));
        }
        _ => network.ok_or_else(|| {
            invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
        })?,
    };
    let overrides = overrides(params, &definition)?;
    let mut tagged = match params.given("propagateTags").as_deref() {
        Some("TASK_DEFINITION") => call.state.ecs.tags.get(&definition.arn).cloned().unwrap_or_default(),
        _ => crate::state::Tags::new(),
    };
    tagged.extend(tags::read(params)?);
    let (mut arns, mut failures) = (Vec::new(), Vec::new());
    for number in 0..count {
        let started = task::start(
            call.state,
            Start {
                cluster: &cluster.name,
                definition: &definition,
                network: &network,
                group: params.given("group").unwrap_or_else(|| format!("family:{}", definition.family)),
                started_by: params.given("startedBy"),
                service: None,
                balancers: Vec::new(),
                overrides: overrides.clone(),
                launch_type: launch_type.clone(),
                provider: fargate::provider(&strategy, number),
                tags: tagged.clone(),
                others: Vec::new(),
            },
            call.now,
        );
        match started {
            Ok(arn) => arns.push(arn),
            // A task that cannot be placed is a failure in the answer, and no error (API_RunTask).
            Err(refusal) => failures.push(json!({ "reason": "RESOURCE:ENI", "detail": refusal.message })),
        }
    }
    if let Some(token) = token {
        let repeat = Repeat { parameters: params.value().clone(), answer: json!(arns), at: call.now };
        call.state.tokens.insert(token, repeat);
    }
    let tasks =
        arns.iter().filter_map(|arn| call.state.ecs.tasks.get(arn)).map(|task| task.shown(call.state, true));
    Ok(json!({ "tasks": tasks.collect::<Value>(), "failures": failures }))
}

fn overrides(params: &Params, definition: &super::TaskDefinition) -> Result<Value, Refusal> {
    let mut given = params.value().get("overrides").cloned().unwrap_or(json!({}));
    let names: Vec<String> = definition.containers().iter().map(|one| one.needed("name")).collect();
    let each = Params::from_json(given.clone()).items("containerOverrides");
    if let Some(unknown) = each.iter().map(|one| one.needed("name")).find(|name| !names.contains(name)) {
        return Err(invalid(format!(
            "Override for container named {unknown} is not a container in the TaskDefinition."
        )));
    }
    if !given["containerOverrides"].is_array() {
        given["containerOverrides"] =
            json!(names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>());
    }
    if !given["inferenceAcceleratorOverrides"].is_array() {
        given["inferenceAcceleratorOverrides"] = json!([]);
    }
    Ok(given)
}

fn stop(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let named = call.params.needed("task");
    let arn = find(call.state, &cluster, &named).map(|task| task.arn.clone());
    let arn = arn.ok_or_else(|| invalid("The referenced task was not found."))?;
    let reason = call.params.given("reason").unwrap_or_else(|| "Task stopped by user".to_owned());
    if let Some(task) = call.state.ecs.tasks.get_mut(&arn) {
        task.end(StopCode::UserInitiated, reason, call.now);
    }
    let task = call.state.ecs.tasks.get(&arn).map(|task| task.shown(call.state, false));
    Ok(json!({ "task": task }))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let asked = call.params.texts("tasks");
    if asked.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if asked.len() > MOST_DESCRIBED {
        return Err(invalid(format!("Tasks may have at most {MOST_DESCRIBED} members.")));
    }
    let tagged = call.params.texts("include").iter().any(|one| one == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for named in asked {
        match find(call.state, &cluster, &named) {
            Some(task) => found.push(task.shown(call.state, tagged)),
            None => {
                let path = format!("task/{}/{}", cluster.name, last(&named));
                failures.push(missing(&call.state.arn("ecs", &path)));
            }
        }
    }
    Ok(json!({ "tasks": found, "failures": failures }))
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = clusters::asked(call.state, call.params)?;
    let params = call.params;
    let service = match params.given("serviceName") {
        Some(named) => {
            let found = services::find(call.state, &cluster, &named);
            let found =
                found.ok_or_else(|| Refusal::new("ServiceNotFoundException", "Service not found."))?;
            Some(found.arn.clone())
        }
        None => None,
    };
    let (family, by, kind) = (params.given("family"), params.given("startedBy"), params.given("launchType"));
    if by.is_some() && (family.is_some() || service.is_some()) {
        return Err(client("startedBy can be used by itself only."));
    }
    // PENDING is a status that is never desired (API_ListTasks).
    let wanted = match params.given("desiredStatus").as_deref() {
        None | Some("RUNNING") => Some(true),
        Some("STOPPED") => Some(false),
        Some(_) => None,
    };
    let fits = |task: &&Task| {
        task.cluster == cluster.name
            && Some(task.is_wanted()) == wanted
            && service.as_ref().is_none_or(|arn| task.service.as_ref().is_some_and(|(own, _)| own == arn))
            && family
                .as_ref()
                .is_none_or(|family| task.definition.rsplit_once(':').is_some_and(|(own, _)| own == family))
            && by.as_ref().is_none_or(|by| task.started_by.as_ref() == Some(by))
            && kind.as_ref().is_none_or(|kind| task.launch_type.as_deref().unwrap_or("FARGATE") == kind)
    };
    let found = call.state.ecs.tasks.values().filter(fits);
    paged(params, "taskArns", found.map(|task| json!(task.arn)).collect())
}
