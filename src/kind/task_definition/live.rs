//! A registered revision as the block's inputs. Makes no call.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_ecs::types as t;

use crate::kind::answers::{Members, list, strings};
use crate::value::{Object, Value};

/// The inputs that a revision has, without the author's tags.
pub fn inputs(one: &t::TaskDefinition) -> Object {
    let words = |all: &[t::Compatibility]| list(all.iter().map(|one| one.as_str()));
    let platform = one.runtime_platform();
    let constraints = one.placement_constraints().iter().filter_map(|one| one.expression());
    let mut inputs = Members::new();
    inputs
        .set("cpu", units(one.cpu()))
        .set("memory", units(one.memory()))
        .set("container", blocks(one.container_definitions(), container))
        .set("requires_compatibilities", words(one.requires_compatibilities()))
        .set("network_mode", one.network_mode().map(|word| word.as_str()))
        .set("execution_role", one.execution_role_arn())
        .set("task_role", one.task_role_arn())
        .set("volume", blocks(one.volumes(), volume))
        .set("ephemeral_storage", one.ephemeral_storage().map(|storage| storage.size_in_gib()))
        .set("cpu_architecture", platform.and_then(|one| one.cpu_architecture()).map(|word| word.as_str()))
        .set(
            "operating_system",
            platform.and_then(|one| one.operating_system_family()).map(|word| word.as_str()),
        )
        .set("pid_mode", one.pid_mode().map(|word| word.as_str()))
        .set("ipc_mode", one.ipc_mode().map(|word| word.as_str()))
        .set("placement_constraints", list(constraints))
        .set("enable_fault_injection", one.enable_fault_injection());
    inputs.take()
}

/// CPU units or MiB, which the API answers as text.
fn units(text: Option<&str>) -> Value {
    text.and_then(|text| text.parse::<i64>().ok()).into()
}

fn blocks<T>(items: &[T], block: fn(&T) -> Object) -> Value {
    match items.is_empty() {
        true => Value::Null,
        false => Value::List(items.iter().map(|item| Value::Object(block(item))).collect()),
    }
}

fn some(items: &[String]) -> Value {
    if items.is_empty() { Value::Null } else { list(items) }
}

fn texts(all: Option<&HashMap<String, String>>) -> Value {
    all.map(|all| strings(all.iter().map(|(name, value)| (name.clone(), value.clone())))).unwrap_or_default()
}

fn seconds(seconds: Option<i32>) -> Value {
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs).into()
}

fn secrets(all: &[t::Secret]) -> Value {
    strings(all.iter().map(|one| (one.name().to_owned(), one.value_from().to_owned())))
}

fn container(one: &t::ContainerDefinition) -> Object {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let environment = one.environment().iter().map(|one| (owned(one.name()), owned(one.value())));
    let hosts = one.extra_hosts().iter().map(|one| (one.hostname().to_owned(), one.ip_address().to_owned()));
    let controls = one.system_controls().iter().map(|one| (owned(one.namespace()), owned(one.value())));
    let gpus = one.resource_requirements().iter().find(|one| *one.r#type() == t::ResourceType::Gpu);
    let credentials = one.repository_credentials().map(|one| one.credentials_parameter());
    let restart = one.restart_policy().filter(|one| one.enabled());
    let mut members = Members::new();
    members
        .set("name", one.name())
        .set("image", one.image())
        .set("repository_credentials", credentials)
        .set("version_consistency", one.version_consistency().map(|word| word.as_str()))
        .set("essential", one.essential())
        .set("entry_point", some(one.entry_point()))
        .set("command", some(one.command()))
        .set("working_directory", one.working_directory())
        .set("user", one.user())
        .set("interactive", one.interactive())
        .set("pseudo_terminal", one.pseudo_terminal())
        .set("cpu", one.cpu())
        .set("memory", one.memory())
        .set("memory_reservation", one.memory_reservation())
        .set("gpus", units(gpus.map(|one| one.value())))
        // What ECS answers empty where nothing was given is told so: it may have been declared empty.
        .set("environment", strings(environment))
        .set("secrets", secrets(one.secrets()))
        .set("environment_files", list(one.environment_files().iter().map(|one| one.value())))
        .set("mount", blocks(one.mount_points(), mount))
        .set("volumes_from", blocks(one.volumes_from(), volumes_from))
        .set("docker_labels", texts(one.docker_labels()))
        .set("port", blocks(one.port_mappings(), port))
        .set("links", list(one.links()))
        .set("hostname", one.hostname())
        .set("extra_hosts", strings(hosts))
        .set("dns_servers", some(one.dns_servers()))
        .set("dns_search_domains", some(one.dns_search_domains()))
        .set("disable_networking", one.disable_networking());
    members
        .set("health_check", one.health_check().map(health_check))
        .set("dependency", blocks(one.depends_on(), dependency))
        .set("start_timeout", seconds(one.start_timeout()))
        .set("stop_timeout", seconds(one.stop_timeout()))
        .set("restart", restart.map(restart_policy))
        .set("log", one.log_configuration().map(log))
        .set("firelens", one.firelens_configuration().map(firelens))
        .set("read_only_root_filesystem", one.readonly_root_filesystem())
        .set("privileged", one.privileged())
        .set("linux", one.linux_parameters().map(linux))
        .set("ulimit", blocks(one.ulimits(), ulimit))
        .set("system_controls", strings(controls))
        .set("docker_security_options", list(one.docker_security_options()))
        .set("credential_specs", some(one.credential_specs()));
    members.take()
}

fn mount(one: &t::MountPoint) -> Object {
    let mut members = Members::new();
    members
        .set("volume", one.source_volume())
        .set("path", one.container_path())
        .set("read_only", one.read_only().unwrap_or_default());
    members.take()
}

fn volumes_from(one: &t::VolumeFrom) -> Object {
    let mut members = Members::new();
    members.set("container", one.source_container()).set("read_only", one.read_only().unwrap_or_default());
    members.take()
}

fn port(one: &t::PortMapping) -> Object {
    let mut members = Members::new();
    members
        .set("container_port", one.container_port())
        .set("range", one.container_port_range())
        .set("host_port", one.host_port())
        .set("protocol", one.protocol().map(|word| word.as_str()))
        .set("name", one.name())
        .set("app_protocol", one.app_protocol().map(|word| word.as_str()));
    members.take()
}

fn health_check(one: &t::HealthCheck) -> Object {
    let mut members = Members::new();
    members
        .set("command", list(one.command()))
        .set("interval", seconds(one.interval()))
        .set("timeout", seconds(one.timeout()))
        .set("retries", one.retries())
        .set("start_period", seconds(one.start_period()));
    members.take()
}

fn dependency(one: &t::ContainerDependency) -> Object {
    let mut members = Members::new();
    members.set("container", one.container_name()).set("condition", one.condition().as_str());
    members.take()
}

fn restart_policy(one: &t::ContainerRestartPolicy) -> Object {
    let codes: Vec<Value> = one.ignored_exit_codes().iter().map(|code| (*code).into()).collect();
    let mut members = Members::new();
    members
        .set("ignored_exit_codes", if codes.is_empty() { Value::Null } else { Value::List(codes) })
        .set("attempt_period", seconds(one.restart_attempt_period()));
    members.take()
}

fn log(one: &t::LogConfiguration) -> Object {
    let mut members = Members::new();
    members
        .set("driver", one.log_driver().as_str())
        .set("options", texts(one.options()))
        .set("secrets", secrets(one.secret_options()));
    members.take()
}

fn firelens(one: &t::FirelensConfiguration) -> Object {
    let mut members = Members::new();
    members.set("type", one.r#type().as_str()).set("options", texts(one.options()));
    members.take()
}

fn linux(one: &t::LinuxParameters) -> Object {
    let capabilities = one.capabilities();
    let mut members = Members::new();
    members
        .set("init_process", one.init_process_enabled())
        .set("add_capabilities", list(capabilities.map(|one| one.add()).unwrap_or_default()))
        .set("drop_capabilities", list(capabilities.map(|one| one.drop()).unwrap_or_default()))
        .set("shared_memory", one.shared_memory_size())
        .set("max_swap", one.max_swap())
        .set("swappiness", one.swappiness())
        .set("tmpfs", blocks(one.tmpfs(), tmpfs));
    members.take()
}

fn tmpfs(one: &t::Tmpfs) -> Object {
    let mut members = Members::new();
    members
        .set("path", one.container_path())
        .set("size", one.size())
        .set("options", list(one.mount_options()));
    members.take()
}

fn ulimit(one: &t::Ulimit) -> Object {
    let mut members = Members::new();
    members.set("name", one.name().as_str()).set("soft", one.soft_limit()).set("hard", one.hard_limit());
    members.take()
}

fn volume(one: &t::Volume) -> Object {
    let host = one.host().and_then(|host| host.source_path());
    let mut members = Members::new();
    members
        .set("name", one.name())
        .set("host_path", host)
        .set("efs", one.efs_volume_configuration().map(efs))
        .set("docker", one.docker_volume_configuration().map(docker))
        .set("configured_at_launch", one.configured_at_launch());
    members.take()
}

fn efs(one: &t::EfsVolumeConfiguration) -> Object {
    let authorization = one.authorization_config();
    let is_on = |word: &str| word == "ENABLED";
    let mut members = Members::new();
    members
        .set("file_system", one.file_system_id())
        .set("root_directory", one.root_directory())
        .set("transit_encryption", one.transit_encryption().map(|word| is_on(word.as_str())))
        .set("transit_encryption_port", one.transit_encryption_port())
        .set("access_point", authorization.and_then(|one| one.access_point_id()))
        .set("iam", authorization.and_then(|one| one.iam()).map(|word| is_on(word.as_str())));
    members.take()
}

fn docker(one: &t::DockerVolumeConfiguration) -> Object {
    let mut members = Members::new();
    members
        .set("scope", one.scope().map(|word| word.as_str()))
        .set("autoprovision", one.autoprovision())
        .set("driver", one.driver())
        .set("driver_options", texts(one.driver_opts()))
        .set("labels", texts(one.labels()));
    members.take()
}
