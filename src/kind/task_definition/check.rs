//! Mistakes in a task definition that no single attribute's type shows (API_RegisterTaskDefinition,
//! API_ContainerDefinition, API_ContainerDependency, API_LogConfiguration; developer guide, task_definition_parameters).
//! Canonical inputs that may hold unknowns come in; attribute, message and help go out. Makes no call.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::fargate;
use crate::graph;
use crate::kind::schema::Wrong;
use crate::value::{Object, Value, format_number};

/// The containers in the inputs of a task definition.
pub fn containers(inputs: &Object) -> &[Value] {
    inputs.get("container").and_then(Value::as_list).unwrap_or_default()
}

/// Tells whether a container listens at this port.
pub fn listens_at(container: &Value, port: f64) -> bool {
    let ports = container.get("port").as_list().unwrap_or_default();
    let within = |range: &str| {
        let bounds =
            range.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        bounds.is_some_and(|(from, to): (f64, f64)| (from..=to).contains(&port))
    };
    let unknown = |one: &Value| one.get("container_port").find_unknown().is_some();
    ports.iter().any(|one| {
        unknown(one)
            || one.get("container_port").as_number() == Some(port)
            || one.get("range").as_str().is_some_and(within)
    })
}

pub fn check(inputs: &Object) -> Vec<Wrong> {
    let get = |name: &str| inputs.get(name).unwrap_or(&Value::Null);
    let containers = containers(inputs);
    let needs = get("requires_compatibilities").as_list().unwrap_or_default();
    let on_fargate = needs.iter().any(|one| one.as_str() == Some("FARGATE"));
    let mut found = if on_fargate { fargate::check(inputs) } else { Vec::new() };
    let all = All { inputs, on_fargate, by_name: named(containers) };
    found.extend(all.together(containers));
    for container in containers {
        let mut wrong = |message: String, help: &str| found.push(("container", message, help.to_owned()));
        all.sizes(container, &mut wrong);
        all.network(container, &mut wrong);
        all.logs(container, &mut wrong);
        all.reads(container, &mut wrong);
        all.waits(container, &mut wrong);
    }
    for volume in get("volume").as_list().unwrap_or_default() {
        found.extend(volume_mistakes(volume));
    }
    if !on_fargate && !needs.is_empty() && !get("ephemeral_storage").is_null() {
        let message = "ephemeral storage is of tasks on Fargate".to_owned();
        found.push(("ephemeral_storage", message, "take it away".to_owned()));
    }
    found
}

fn named(containers: &[Value]) -> BTreeMap<&str, &Value> {
    containers.iter().filter_map(|one| Some((one.get("name").as_str()?, one))).collect()
}

fn name_of(container: &Value) -> &str {
    container.get("name").as_str().unwrap_or("container")
}

fn is_essential(container: &Value) -> bool {
    container.get("essential").as_bool() != Some(false)
}

/// A task definition whose containers are checked.
struct All<'a> {
    inputs: &'a Object,
    on_fargate: bool,
    by_name: BTreeMap<&'a str, &'a Value>,
}

impl All<'_> {
    fn get(&self, name: &str) -> &Value {
        self.inputs.get(name).unwrap_or(&Value::Null)
    }

    fn is_awsvpc(&self) -> bool {
        self.get("network_mode").as_str() == Some("awsvpc")
    }

    fn together(&self, containers: &[Value]) -> Vec<Wrong> {
        let mut found = Vec::new();
        let mut wrong =
            |attribute, message: String, help: &str| found.push((attribute, message, help.to_owned()));
        let mut seen = BTreeSet::new();
        for name in containers.iter().filter_map(|one| one.get("name").as_str()) {
            if !seen.insert(name) {
                wrong(
                    "container",
                    format!("two containers have the name `{name}`"),
                    "give each a name of its own",
                );
            }
        }
        if !containers.is_empty() && !containers.iter().any(is_essential) {
            let message =
                "no container is essential, so that nothing says when the task has ended".to_owned();
            wrong("container", message, "take `essential = false` away from one");
        }
        for (whole, each, what) in [("cpu", "cpu", "CPU units"), ("memory", "memory_reservation", "MiB")] {
            let sum: f64 = containers.iter().filter_map(|one| one.get(each).as_number()).sum();
            if let Some(most) = self.get(whole).as_number().filter(|most| sum > *most) {
                let message = format!(
                    "the containers reserve {} {what}, and the task has {}",
                    format_number(sum),
                    format_number(most)
                );
                wrong(whole, message, "raise the size of the task, or reserve less");
            }
        }
        for container in containers {
            if let (Some(own), Some(most)) =
                (container.get("memory").as_number(), self.get("memory").as_number())
                && own > most
            {
                let message = format!("`{}` may use more memory than its task has", name_of(container));
                wrong("container", message, "lower `memory` of the container, or raise that of the task");
            }
        }
        if let Some(cycle) = cycle(containers) {
            wrong(
                "container",
                format!("each of these containers waits for the next one: {cycle}"),
                "take one `dependency` away",
            );
        }
        if self.is_awsvpc() {
            let mut taken: BTreeMap<(String, String), &str> = BTreeMap::new();
            for container in containers {
                for port in container.get("port").as_list().unwrap_or_default() {
                    let Some(number) = port.get("container_port").as_number() else { continue };
                    let key =
                        (format_number(number), port.get("protocol").as_str().unwrap_or("tcp").to_owned());
                    if let Some(other) = taken.insert(key, name_of(container)) {
                        let message = format!(
                            "`{other}` and `{}` listen at port {}, and with awsvpc they share an address",
                            name_of(container),
                            format_number(number)
                        );
                        wrong("container", message, "give one of them another port");
                    }
                }
            }
        }
        found
    }

    fn sizes(&self, container: &Value, wrong: &mut dyn FnMut(String, &str)) {
        let name = name_of(container);
        let (hard, soft) = (container.get("memory"), container.get("memory_reservation"));
        if self.get("memory").is_null() && !self.on_fargate && hard.is_null() && soft.is_null() {
            wrong(
                format!("neither the task nor `{name}` says how much memory it gets"),
                "write `memory = 512` in it",
            );
        }
        if let (Some(hard), Some(soft)) = (hard.as_number(), soft.as_number())
            && hard <= soft
        {
            wrong(format!("`memory` of `{name}` is not above its `memory_reservation`"), "raise `memory`");
        }
    }

    fn network(&self, container: &Value, wrong: &mut dyn FnMut(String, &str)) {
        let (name, mode) = (name_of(container), self.get("network_mode").as_str());
        for port in container.get("port").as_list().unwrap_or_default() {
            let numbers = (port.get("container_port").as_number(), port.get("host_port").as_number());
            if let ((Some(own), Some(host)), Some("awsvpc" | "host")) = (numbers, mode)
                && own != host
            {
                let (own, host) = (format_number(own), format_number(host));
                wrong(
                    format!(
                        "`{name}` listens at {own} and is to be reached at {host}: with this network mode both are the same"
                    ),
                    "take `host_port` away",
                );
            }
        }
        let is_set = |one: &str| container.get(one).as_list().is_some_and(|all| !all.is_empty());
        if is_set("links") && mode.is_some_and(|mode| mode != "bridge") {
            wrong(
                format!("`{name}` has links, which are for network mode bridge"),
                "take `links` away: with awsvpc containers reach each other at localhost",
            );
        }
        if mode == Some("awsvpc") {
            let hosts = container.get("extra_hosts").as_object().is_some_and(|hosts| !hosts.is_empty());
            for (set, what) in [(!container.get("hostname").is_null(), "hostname"), (hosts, "extra_hosts")] {
                if set {
                    wrong(
                        format!("`{name}` has {what}, which does not go with network mode awsvpc"),
                        &format!("take `{what}` away"),
                    );
                }
            }
        }
    }

    fn logs(&self, container: &Value, wrong: &mut dyn FnMut(String, &str)) {
        let (name, log) = (name_of(container), container.get("log"));
        let (options, secrets) = (log.get("options"), log.get("secrets"));
        if options.find_unknown().is_some() && options.as_object().is_none() {
            return;
        }
        let has = |key: &str| {
            let there = |all: &Value| all.as_object().is_some_and(|all| all.contains_key(key));
            there(options) || there(secrets)
        };
        let needed: &[&str] = match log.get("driver").as_str() {
            Some("awslogs") if self.on_fargate => {
                &["awslogs-group", "awslogs-region", "awslogs-stream-prefix"]
            }
            Some("awslogs") => &["awslogs-group", "awslogs-region"],
            Some("splunk") => &["splunk-token", "splunk-url"],
            _ => &[],
        };
        let driver = log.get("driver").as_str().unwrap_or_default();
        if let Some(missing) = needed.iter().find(|key| !has(key)) {
            wrong(
                format!("`{name}` logs with {driver} and does not say `{missing}`"),
                &format!("write `options = {{ \"{missing}\" = \"...\" }}` in its `log`"),
            );
        }
        let routes = self.by_name.values().any(|one| !one.get("firelens").is_null());
        if driver == "awsfirelens" && !routes {
            wrong(
                format!("`{name}` logs to FireLens, and no container of the task is its log router"),
                "add a container with `firelens { type = \"fluentbit\" }`",
            );
        }
        if driver == "awslogs" && self.on_fargate && self.get("execution_role").is_null() {
            wrong(
                format!("`{name}` logs with awslogs, and on Fargate the execution role writes the logs"),
                "write `execution_role = \"arn:aws:iam::...:role/...\"` in the task definition",
            );
        }
    }

    /// What it reads: secrets, volumes.
    fn reads(&self, container: &Value, wrong: &mut dyn FnMut(String, &str)) {
        let name = name_of(container);
        let secrets = container.get("secrets").as_object();
        if secrets.is_some_and(|all| !all.is_empty()) && self.get("execution_role").is_null() {
            wrong(
                format!("`{name}` has secrets, and no role reads them"),
                "write `execution_role = \"arn:aws:iam::...:role/...\"` in the task definition",
            );
        }
        let plain = container.get("environment").as_object();
        let twice = secrets
            .zip(plain)
            .and_then(|(secrets, plain)| secrets.keys().find(|key| plain.contains_key(*key)));
        if let Some(twice) = twice {
            wrong(
                format!("`{twice}` is in the environment and among the secrets of `{name}`"),
                "take one of them away",
            );
        }
        let volumes = self.get("volume").as_list().unwrap_or_default();
        let known = volumes.iter().filter_map(|one| one.get("name").as_str());
        let known: BTreeSet<&str> = known.collect();
        for mount in container.get("mount").as_list().unwrap_or_default() {
            if let Some(volume) = mount.get("volume").as_str().filter(|volume| !known.contains(volume)) {
                wrong(
                    format!("`{name}` mounts `{volume}`, and the task has no such volume"),
                    &format!("add volume {{ name = \"{volume}\" }} to the task definition"),
                );
            }
        }
        for from in container.get("volumes_from").as_list().unwrap_or_default() {
            if let Some(other) =
                from.get("container").as_str().filter(|other| !self.by_name.contains_key(other))
            {
                wrong(
                    format!("`{name}` has the volumes of `{other}`, which is no container of the task"),
                    "name one of the task's containers",
                );
            }
        }
    }

    fn waits(&self, container: &Value, wrong: &mut dyn FnMut(String, &str)) {
        let name = name_of(container);
        for dependency in container.get("dependency").as_list().unwrap_or_default() {
            let Some(on) = dependency.get("container").as_str() else { continue };
            let Some(other) = self.by_name.get(on).filter(|_| on != name) else {
                wrong(
                    format!("`{name}` waits for `{on}`, which is no other container of the task"),
                    "name one of the task's other containers",
                );
                continue;
            };
            match dependency.get("condition").as_str() {
                Some("HEALTHY") if other.get("health_check").is_null() => wrong(
                    format!("`{name}` waits until `{on}` is healthy, and that has no health check"),
                    &format!("add a `health_check` to `{on}`, or write `condition = \"START\"`"),
                ),
                Some(word @ ("COMPLETE" | "SUCCESS")) if is_essential(other) => wrong(
                    format!(
                        "`{name}` waits until `{on}` has ended ({word}), and the task ends with that one"
                    ),
                    &format!("write `essential = false` in `{on}`"),
                ),
                _ => {}
            }
        }
    }
}

/// Containers that wait for each other: `a, b, a`.
fn cycle(containers: &[Value]) -> Option<String> {
    let places: BTreeMap<&str, usize> = containers
        .iter()
        .enumerate()
        .filter_map(|(place, one)| Some((one.get("name").as_str()?, place)))
        .collect();
    let waits = |one: &Value| {
        let all = one.get("dependency").as_list().unwrap_or_default().iter();
        let on = all.filter_map(|one| places.get(one.get("container").as_str()?)).copied();
        let own = one.get("name").as_str().and_then(|name| places.get(name)).copied();
        on.filter(|place| Some(*place) != own).map(|place| (place, ())).collect::<Vec<_>>()
    };
    let edges: IndexMap<usize, Vec<(usize, ())>> =
        containers.iter().enumerate().map(|(place, one)| (place, waits(one))).collect();
    let cycle = graph::order(&edges).err()?;
    let names = cycle.iter().filter_map(|(place, ())| containers.get(*place)).map(name_of);
    Some(names.collect::<Vec<_>>().join(", "))
}

/// [model] EFSVolumeConfiguration, EFSAuthorizationConfig.
fn volume_mistakes(volume: &Value) -> Vec<Wrong> {
    let name = volume.get("name").as_str().unwrap_or("volume");
    let mut found = Vec::new();
    let mut wrong = |message: String, help: &str| found.push(("volume", message, help.to_owned()));
    let kinds = ["host_path", "efs", "docker", "configured_at_launch"];
    let given: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| !volume.get(kind).is_null() && volume.get(kind).as_bool() != Some(false))
        .collect();
    if let [one, other, ..] = given.as_slice() {
        wrong(format!("`{name}` has {one} and {other}, and a volume is one thing"), "keep one of them");
    }
    let efs = volume.get("efs");
    let encrypted = efs.get("transit_encryption");
    let authorized = efs.get("iam").as_bool() == Some(true) || !efs.get("access_point").is_null();
    if authorized && encrypted.as_bool() != Some(true) && encrypted.find_unknown().is_none() {
        wrong(
            format!(
                "`{name}` is mounted by IAM or an access point, for which data are encrypted on their way"
            ),
            "write `transit_encryption = true` in its `efs`",
        );
    }
    if let Some(root) = efs.get("root_directory").as_str()
        && root != "/"
        && !efs.get("access_point").is_null()
    {
        wrong(
            format!("`{name}` has an access point, which says what its root is"),
            "take `root_directory` away",
        );
    }
    found
}

#[cfg(test)]
mod tests;
