//! What Fargate runs: the sizes of tasks, and the settings that it does not have (developer guide,
//! fargate-tasks-services; API_RegisterTaskDefinition, API_ContainerDefinition).

use crate::kind::schema::Wrong;
use crate::value::{Object, Value, format_number};

/// The MiB that go with these CPU units (API_RegisterTaskDefinition, memory): the least, the most and the step.
/// `None` if there is no such size.
fn memories(cpu: u32) -> Option<(u32, u32, u32)> {
    Some(match cpu {
        256 => (512, 2048, 1024),
        512 => (1024, 4096, 1024),
        1024 => (2048, 8192, 1024),
        2048 => (4096, 16_384, 1024),
        4096 => (8192, 30_720, 1024),
        8192 => (16_384, 61_440, 4096),
        16_384 => (32_768, 122_880, 8192),
        _ => return None,
    })
}

fn has(cpu: u32, memory: u32) -> bool {
    memories(cpu).is_some_and(|(least, most, step)| {
        // Beside its 512 MiB, the smallest size has whole GiB.
        let from = if cpu == 256 && memory > 512 { 1024 } else { least };
        (from..=most).contains(&memory) && (memory - from).is_multiple_of(step)
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds them")]
fn units(value: &Value) -> Option<u32> {
    value.as_number().map(|units| units as u32)
}

/// The mistakes of a task definition that has to run on Fargate.
pub fn check(inputs: &Object) -> Vec<Wrong> {
    let get = |name: &str| inputs.get(name).unwrap_or(&Value::Null);
    let mut wrong = size(get("cpu"), get("memory"));
    let mut add = |attribute, message: String, help: &str| wrong.push((attribute, message, help.to_owned()));
    if let Some(mode) = get("network_mode").as_str().filter(|mode| *mode != "awsvpc") {
        let message = format!("Fargate gives each task an address of its own, and no network mode {mode}");
        add("network_mode", message, "write `network_mode = \"awsvpc\"`, or leave it out");
    }
    if get("pid_mode").as_str() == Some("host") {
        add(
            "pid_mode",
            "on Fargate no task sees the processes of its host".to_owned(),
            "write `pid_mode = \"task\"`",
        );
    }
    for (name, what) in [("ipc_mode", "an IPC mode"), ("placement_constraints", "placement constraints")] {
        if is_set(get(name)) {
            add(name, format!("Fargate has no {}", what.trim_start_matches("an ")), "take it away");
        }
    }
    for volume in get("volume").as_list().unwrap_or_default() {
        let own = [("host_path", "a path of its host"), ("docker", "a Docker volume")];
        if let Some((_, what)) = own.into_iter().find(|(name, _)| is_set(volume.get(name))) {
            let name = volume.get("name").as_str().unwrap_or("volume");
            add(
                "volume",
                format!("`{name}` is {what}, which Fargate does not have"),
                "mount an `efs` file system, or take the line away for one that goes with the task",
            );
        }
    }
    for container in get("container").as_list().unwrap_or_default() {
        for (message, help) in of_container(container) {
            add("container", message, &help);
        }
    }
    wrong
}

fn is_set(value: &Value) -> bool {
    !value.is_null() && value.as_list() != Some(&[])
}

fn size(cpu: &Value, memory: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let missing = [("cpu", cpu, "write `cpu = 256`"), ("memory", memory, "write `memory = 512`")];
    for (name, _, help) in missing.into_iter().filter(|(_, value, _)| value.is_null()) {
        wrong.push((name, format!("Fargate wants the `{name}` of the task"), help.to_owned()));
    }
    let (Some(cpu), Some(memory)) = (units(cpu), units(memory)) else { return wrong };
    match memories(cpu) {
        None => wrong.push((
            "cpu",
            format!("Fargate has no size of {cpu} CPU units"),
            "write 256, 512, 1024, 2048, 4096, 8192 or 16384".to_owned(),
        )),
        Some((least, most, step)) if !has(cpu, memory) => wrong.push((
            "memory",
            format!("Fargate has no size of {cpu} CPU units and {memory} MiB"),
            match cpu {
                256 => "with 256 CPU units go 512, 1024 and 2048 MiB".to_owned(),
                _ => format!("with {cpu} CPU units go {least} to {most} MiB in steps of {step}"),
            },
        )),
        Some(_) => {}
    }
    wrong
}

fn of_container(container: &Value) -> Vec<(String, String)> {
    let name = container.get("name").as_str().unwrap_or("container");
    let mut wrong = Vec::new();
    let mut add = |message: String, help: &str| wrong.push((message, help.to_owned()));
    if container.get("privileged").as_bool() == Some(true) {
        add(format!("`{name}` is privileged, which no container is on Fargate"), "take `privileged` away");
    }
    let linux = container.get("linux");
    for (set, what) in [
        (container.get("gpus"), "gpus"),
        (container.get("docker_security_options"), "docker_security_options"),
        (linux.get("shared_memory"), "shared_memory"),
        (linux.get("max_swap"), "max_swap"),
        (linux.get("swappiness"), "swappiness"),
    ] {
        if is_set(set) {
            add(format!("`{name}` has {what}, which Fargate does not have"), &format!("take `{what}` away"));
        }
    }
    let added = linux.get("add_capabilities").as_list().unwrap_or_default().iter().filter_map(Value::as_str);
    if let Some(other) = added.into_iter().find(|one| *one != "SYS_PTRACE") {
        add(
            format!("`{name}` gets the capability {other}, and on Fargate there is only SYS_PTRACE"),
            "take it away",
        );
    }
    let driver = container.get("log").get("driver").as_str();
    if let Some(other) = driver.filter(|one| !["awslogs", "splunk", "awsfirelens"].contains(one)) {
        add(
            format!("`{name}` logs with {other}, which Fargate does not have"),
            "write `driver = \"awslogs\"`, \"splunk\" or \"awsfirelens\"",
        );
    }
    if let Value::Duration(time) = container.get("stop_timeout").unmark().0
        && time.as_secs() > 120
    {
        let seconds = format_number(time.as_secs_f64());
        add(
            format!("`{name}` may take {seconds}s to end, and on Fargate 120s at most"),
            "write `stop_timeout = 2m`, or less",
        );
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_fargate_are_those_of_its_page() {
        for (cpu, memory) in [
            (256, 512),
            (256, 1024),
            (256, 2048),
            (512, 1024),
            (1024, 8192),
            (2048, 5120),
            (4096, 30_720),
            (8192, 20_480),
            (16_384, 122_880),
        ] {
            assert!(has(cpu, memory), "{cpu} {memory}");
        }
        for (cpu, memory) in [
            (256, 1536),
            (256, 3072),
            (512, 512),
            (512, 1536),
            (1024, 1024),
            (4096, 31_744),
            (8192, 17_408),
            (16_384, 36_864),
            (128, 512),
            (32_768, 65_536),
        ] {
            assert!(!has(cpu, memory), "{cpu} {memory}");
        }
    }
}
