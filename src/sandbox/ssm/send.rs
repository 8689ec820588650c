//! SendCommand.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal, tag_values};
use super::super::ec2::tags;
use super::super::state::{State, random_hex};
use super::command::{Command, DOCUMENT, Invocation, Target};
use super::input::lists;
use super::instances::online;

pub const ACTIONS: Actions = &[("SendCommand", send)];

/// API_SendCommand: `InvalidDocument`, `InvalidParameters`, `InvalidInstanceId`,
/// `DuplicateInstanceId`.
fn send(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let document = params.needed("DocumentName");
    if document != DOCUMENT {
        let message = format!("Document with name {document} does not exist.");
        return Err(Refusal::new("InvalidDocument", message));
    }
    if let Some(version) = params.text("DocumentVersion")
        && !["$DEFAULT", "$LATEST", "1"].contains(&version.as_str())
    {
        return Err(Refusal::new(
            "InvalidDocumentVersion",
            "The document version is not valid or does not exist.",
        ));
    }
    let parameters = lists(params, "Parameters");
    let (script, execution) = script(&parameters)?;
    let comment = params.text("Comment").unwrap_or_default();
    let targets: Vec<Target> = params
        .items("Targets")
        .iter()
        .map(|target| Target { key: target.needed("Key"), values: target.texts("Values") })
        .collect();
    let instance_ids = params.texts("InstanceIds");
    let instances = instances(call, &instance_ids, &targets)?;
    let command = Command {
        id: uuid(),
        comment,
        parameters,
        instance_ids,
        targets,
        script,
        sent: call.now,
        delivery: params.number("TimeoutSeconds").unwrap_or(3600),
        execution,
        max_concurrency: params.text("MaxConcurrency").unwrap_or_else(|| "50".to_owned()),
        max_errors: params.text("MaxErrors").unwrap_or_else(|| "0".to_owned()),
        invocations: instances.into_iter().map(|id| (id, Invocation::pending())).collect::<IndexMap<_, _>>(),
    };
    let shown = command.shown();
    call.state.ssm.commands.insert(command.id.clone(), command);
    Ok(json!({ "Command": shown }))
}

/// The script of AWS-RunShellScript and the seconds that it may run, by the parameters that the
/// document declares.
fn script(parameters: &std::collections::BTreeMap<String, Vec<String>>) -> Result<(String, u32), Refusal> {
    let refused = |message: String| Err(Refusal::new("InvalidParameters", message));
    let known = ["commands", "workingDirectory", "executionTimeout"];
    if let Some(name) = parameters.keys().find(|name| !known.contains(&name.as_str())) {
        return refused(format!("Parameter {name} is not defined in the document {DOCUMENT}."));
    }
    let Some(commands) = parameters.get("commands").filter(|commands| !commands.is_empty()) else {
        return refused("The parameter commands is required.".to_owned());
    };
    let single =
        |name: &str| parameters.get(name).and_then(|values| values.first()).filter(|one| !one.is_empty());
    let execution = match single("executionTimeout").map(|text| text.parse::<u32>()) {
        None => 3600,
        Some(Ok(seconds @ 1..=172_800)) => seconds,
        Some(_) => return refused("executionTimeout has to be a number from 1 to 172800.".to_owned()),
    };
    let mut script = String::new();
    if let Some(folder) = single("workingDirectory") {
        // The instance's disk is its folder: `/opt` is `opt` in it, and nothing is outside.
        let mut inside: Vec<&str> = Vec::new();
        for part in folder.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match part {
                ".." => drop(inside.pop()),
                part => inside.push(part),
            }
        }
        script = format!("cd './{}' || exit 1\n", inside.join("/").replace('\'', r"'\''"));
    }
    script += &commands.join("\n");
    Ok((script, execution))
}

/// The instances of a command. Named ones must be reachable; of those selected by a tag, the reachable ones
/// are taken.
fn instances(call: &Call, ids: &[String], targets: &[Target]) -> Result<Vec<String>, Refusal> {
    let state = &*call.state;
    if ids.is_empty() == targets.is_empty() {
        let message = "Exactly one of InstanceIds and Targets has to be given.";
        return Err(Refusal::new("InvalidParameters", message));
    }
    if let Some(twice) =
        ids.iter().enumerate().find(|(at, id)| ids.iter().take(*at).any(|other| other == *id))
    {
        return Err(Refusal::new(
            "DuplicateInstanceId",
            format!("The instance ID {} is given twice.", twice.1),
        ));
    }
    reached(call, ids)?;
    if targets.is_empty() {
        return Ok(ids.to_vec());
    }
    if let Some(named) = targets.iter().find(|target| target.key == "InstanceIds") {
        if targets.len() > 1 {
            return Err(Refusal::new("InvalidParameters", "InstanceIds goes with no other target."));
        }
        reached(call, &named.values)?;
        return Ok(named.values.clone());
    }
    if let Some(unknown) =
        targets.iter().find(|target| target.key != "tag-key" && !target.key.starts_with("tag:"))
    {
        let message = format!("The target key {} is not InstanceIds or tag:KEY.", unknown.key);
        return Err(Refusal::new("InvalidParameters", message));
    }
    let selected =
        state.ec2.instances.keys().filter(|id| online(state, id, call.now) && selects(state, targets, id));
    Ok(selected.cloned().collect())
}

fn reached(call: &Call, ids: &[String]) -> Result<(), Refusal> {
    let away: Vec<&str> =
        ids.iter().filter(|id| !online(call.state, id, call.now)).map(String::as_str).collect();
    if away.is_empty() {
        return Ok(());
    }
    let message =
        format!("Instances [[{}]] not in a valid state for account {}", away.join(", "), call.state.account);
    Err(Refusal::new("InvalidInstanceId", message))
}

fn selects(state: &State, targets: &[Target], instance: &str) -> bool {
    let tags = tags::of(state, instance);
    targets.iter().all(|target| {
        let has = tag_values(&tags, &target.key).unwrap_or_default();
        has.iter().any(|value| target.values.contains(value))
    })
}

fn uuid() -> String {
    [8, 4, 4, 4, 12].map(random_hex).join("-")
}
