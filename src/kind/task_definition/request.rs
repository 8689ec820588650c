//! The typed form of a `task_definition`, and its request. Canonical inputs come in as JSON. Makes no call.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionInputBuilder;
use aws_sdk_ecs::types as t;
use serde::Deserialize;

use super::volume::Volume;
use crate::cloud::error::Error;
use crate::kind::Tags;
use crate::kind::ecs::{built, sdk_tags};

pub(super) type Texts = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
pub struct Spec {
    pub name: Option<String>,
    pub tags: Tags,
    pub keep_revisions: usize,
    #[serde(flatten)]
    pub data: Data,
}

/// All that a revision is made of.
#[derive(Debug, Deserialize)]
pub struct Data {
    cpu: Option<i64>,
    memory: Option<i64>,
    container: Vec<Container>,
    #[serde(default)]
    requires_compatibilities: Vec<String>,
    network_mode: Option<String>,
    execution_role: Option<String>,
    task_role: Option<String>,
    #[serde(default)]
    volume: Vec<Volume>,
    ephemeral_storage: Option<i32>,
    cpu_architecture: Option<String>,
    operating_system: Option<String>,
    pid_mode: Option<String>,
    ipc_mode: Option<String>,
    #[serde(default)]
    placement_constraints: Vec<String>,
    enable_fault_injection: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Container {
    name: String,
    image: String,
    repository_credentials: Option<String>,
    version_consistency: Option<String>,
    essential: bool,
    entry_point: Option<Vec<String>>,
    command: Option<Vec<String>>,
    working_directory: Option<String>,
    user: Option<String>,
    interactive: Option<bool>,
    pseudo_terminal: Option<bool>,
    cpu: Option<i32>,
    memory: Option<i32>,
    memory_reservation: Option<i32>,
    gpus: Option<i32>,
    #[serde(default)]
    environment: Texts,
    #[serde(default)]
    secrets: Texts,
    #[serde(default)]
    environment_files: Vec<String>,
    #[serde(default)]
    mount: Vec<Mount>,
    #[serde(default)]
    volumes_from: Vec<VolumesFrom>,
    docker_labels: Option<Texts>,
    #[serde(default)]
    port: Vec<Port>,
    links: Option<Vec<String>>,
    hostname: Option<String>,
    #[serde(default)]
    extra_hosts: Texts,
    dns_servers: Option<Vec<String>>,
    dns_search_domains: Option<Vec<String>>,
    disable_networking: Option<bool>,
    health_check: Option<HealthCheck>,
    #[serde(default)]
    dependency: Vec<Dependency>,
    start_timeout: Option<i32>,
    stop_timeout: Option<i32>,
    restart: Option<Restart>,
    log: Option<Log>,
    firelens: Option<Firelens>,
    read_only_root_filesystem: Option<bool>,
    privileged: Option<bool>,
    linux: Option<Linux>,
    #[serde(default)]
    ulimit: Vec<Ulimit>,
    #[serde(default)]
    system_controls: Texts,
    docker_security_options: Option<Vec<String>>,
    credential_specs: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Mount {
    volume: String,
    path: String,
    read_only: bool,
}

#[derive(Debug, Deserialize)]
struct VolumesFrom {
    container: String,
    read_only: bool,
}

#[derive(Debug, Deserialize)]
struct Port {
    container_port: Option<i32>,
    range: Option<String>,
    host_port: Option<i32>,
    protocol: String,
    name: Option<String>,
    app_protocol: Option<String>,
}

#[derive(Debug, Deserialize)]
struct HealthCheck {
    command: Vec<String>,
    interval: Option<i32>,
    timeout: Option<i32>,
    retries: Option<i32>,
    start_period: Option<i32>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    container: String,
    condition: String,
}

#[derive(Debug, Deserialize)]
struct Restart {
    ignored_exit_codes: Option<Vec<i32>>,
    attempt_period: Option<i32>,
}

#[derive(Debug, Deserialize)]
struct Log {
    driver: String,
    options: Option<Texts>,
    #[serde(default)]
    secrets: Texts,
}

#[derive(Debug, Deserialize)]
struct Firelens {
    #[serde(rename = "type")]
    kind: String,
    options: Option<Texts>,
}

#[derive(Debug, Deserialize)]
struct Linux {
    init_process: Option<bool>,
    add_capabilities: Option<Vec<String>>,
    drop_capabilities: Option<Vec<String>>,
    shared_memory: Option<i32>,
    max_swap: Option<i32>,
    swappiness: Option<i32>,
    #[serde(default)]
    tmpfs: Vec<Tmpfs>,
}

#[derive(Debug, Deserialize)]
struct Tmpfs {
    path: String,
    size: i32,
    options: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Ulimit {
    name: String,
    soft: i32,
    hard: i32,
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    Some(items).filter(|items| !items.is_empty())
}

pub(super) fn hashed(texts: Option<&Texts>) -> Option<HashMap<String, String>> {
    texts.map(|texts| texts.clone().into_iter().collect())
}

fn secrets(all: &Texts) -> Result<Vec<t::Secret>, Error> {
    all.iter().map(|(name, from)| built(t::Secret::builder().name(name).value_from(from).build())).collect()
}

impl Data {
    /// The request that registers a revision.
    pub fn request(&self, family: &str, tags: &Tags) -> Result<RegisterTaskDefinitionInputBuilder, Error> {
        let containers = self.container.iter().map(Container::request).collect::<Result<Vec<_>, _>>()?;
        let volumes = self.volume.iter().map(Volume::request).collect::<Result<Vec<_>, _>>()?;
        let platform = (self.cpu_architecture.is_some() || self.operating_system.is_some()).then(|| {
            t::RuntimePlatform::builder()
                .set_cpu_architecture(self.cpu_architecture.as_deref().map(Into::into))
                .set_operating_system_family(self.operating_system.as_deref().map(Into::into))
                .build()
        });
        let constraint = |expression: &String| {
            let constraint = t::TaskDefinitionPlacementConstraint::builder().expression(expression);
            constraint.r#type(t::TaskDefinitionPlacementConstraintType::MemberOf).build()
        };
        let storage = |size: i32| t::EphemeralStorage::builder().size_in_gib(size).build();
        let needs = self.requires_compatibilities.iter().map(|word| word.as_str().into()).collect();
        Ok(RegisterTaskDefinitionInputBuilder::default()
            .family(family)
            .set_cpu(self.cpu.map(|units| units.to_string()))
            .set_memory(self.memory.map(|units| units.to_string()))
            .set_container_definitions(Some(containers))
            .set_requires_compatibilities(some(needs))
            .set_network_mode(self.network_mode.as_deref().map(Into::into))
            .set_execution_role_arn(self.execution_role.clone())
            .set_task_role_arn(self.task_role.clone())
            .set_volumes(some(volumes))
            .set_ephemeral_storage(self.ephemeral_storage.map(storage))
            .set_runtime_platform(platform)
            .set_pid_mode(self.pid_mode.as_deref().map(Into::into))
            .set_ipc_mode(self.ipc_mode.as_deref().map(Into::into))
            .set_placement_constraints(some(self.placement_constraints.iter().map(constraint).collect()))
            .set_enable_fault_injection(self.enable_fault_injection)
            .set_tags(some(sdk_tags(tags))))
    }
}

impl Container {
    fn request(&self) -> Result<t::ContainerDefinition, Error> {
        let variable =
            |(name, value): (&String, &String)| t::KeyValuePair::builder().name(name).value(value).build();
        let file = |arn: &String| {
            built(t::EnvironmentFile::builder().value(arn).r#type(t::EnvironmentFileType::S3).build())
        };
        let credentials =
            |arn: &String| built(t::RepositoryCredentials::builder().credentials_parameter(arn).build());
        let host = |(name, address): (&String, &String)| {
            built(t::HostEntry::builder().hostname(name).ip_address(address).build())
        };
        let control = |(name, value): (&String, &String)| {
            t::SystemControl::builder().namespace(name).value(value).build()
        };
        let gpus = |count: i32| {
            let needed = t::ResourceRequirement::builder().value(count.to_string());
            built(needed.r#type(t::ResourceType::Gpu).build())
        };
        let ulimit = |one: &Ulimit| {
            let limit = t::Ulimit::builder().name(one.name.as_str().into());
            built(limit.soft_limit(one.soft).hard_limit(one.hard).build())
        };
        let dependency = |one: &Dependency| {
            let dependency = t::ContainerDependency::builder().container_name(&one.container);
            built(dependency.condition(one.condition.as_str().into()).build())
        };
        let mount = |one: &Mount| {
            let mount = t::MountPoint::builder().source_volume(&one.volume).container_path(&one.path);
            mount.read_only(one.read_only).build()
        };
        let from = |one: &VolumesFrom| {
            t::VolumeFrom::builder().source_container(&one.container).read_only(one.read_only).build()
        };
        let container = t::ContainerDefinition::builder()
            .name(&self.name)
            .image(&self.image)
            .set_repository_credentials(self.repository_credentials.as_ref().map(credentials).transpose()?)
            .set_version_consistency(self.version_consistency.as_deref().map(Into::into))
            .essential(self.essential)
            .set_entry_point(self.entry_point.clone())
            .set_command(self.command.clone())
            .set_working_directory(self.working_directory.clone())
            .set_user(self.user.clone())
            .set_interactive(self.interactive)
            .set_pseudo_terminal(self.pseudo_terminal)
            .set_cpu(self.cpu)
            .set_memory(self.memory)
            .set_memory_reservation(self.memory_reservation)
            .set_resource_requirements(self.gpus.map(gpus).transpose()?.map(|one| vec![one]))
            .set_environment(some(self.environment.iter().map(variable).collect()))
            .set_secrets(some(secrets(&self.secrets)?))
            .set_environment_files(some(self.environment_files.iter().map(file).collect::<Result<_, _>>()?))
            .set_mount_points(some(self.mount.iter().map(mount).collect()))
            .set_volumes_from(some(self.volumes_from.iter().map(from).collect()))
            .set_docker_labels(hashed(self.docker_labels.as_ref()))
            .set_port_mappings(some(self.port.iter().map(Port::request).collect()))
            .set_links(self.links.clone())
            .set_hostname(self.hostname.clone())
            .set_extra_hosts(some(self.extra_hosts.iter().map(host).collect::<Result<_, _>>()?))
            .set_dns_servers(self.dns_servers.clone())
            .set_dns_search_domains(self.dns_search_domains.clone())
            .set_disable_networking(self.disable_networking);
        Ok(container
            .set_health_check(self.health_check.as_ref().map(HealthCheck::request).transpose()?)
            .set_depends_on(some(self.dependency.iter().map(dependency).collect::<Result<_, _>>()?))
            .set_start_timeout(self.start_timeout)
            .set_stop_timeout(self.stop_timeout)
            .set_restart_policy(self.restart.as_ref().map(Restart::request).transpose()?)
            .set_log_configuration(self.log.as_ref().map(Log::request).transpose()?)
            .set_firelens_configuration(self.firelens.as_ref().map(Firelens::request).transpose()?)
            .set_readonly_root_filesystem(self.read_only_root_filesystem)
            .set_privileged(self.privileged)
            .set_linux_parameters(self.linux.as_ref().map(Linux::request).transpose()?)
            .set_ulimits(some(self.ulimit.iter().map(ulimit).collect::<Result<_, _>>()?))
            .set_system_controls(some(self.system_controls.iter().map(control).collect()))
            .set_docker_security_options(self.docker_security_options.clone())
            .set_credential_specs(self.credential_specs.clone())
            .build())
    }
}

impl Port {
    fn request(&self) -> t::PortMapping {
        t::PortMapping::builder()
            .set_container_port(self.container_port)
            .set_container_port_range(self.range.clone())
            .set_host_port(self.host_port)
            .protocol(self.protocol.as_str().into())
            .set_name(self.name.clone())
            .set_app_protocol(self.app_protocol.as_deref().map(Into::into))
            .build()
    }
}

impl HealthCheck {
    fn request(&self) -> Result<t::HealthCheck, Error> {
        let check = t::HealthCheck::builder()
            .set_command(Some(self.command.clone()))
            .set_interval(self.interval)
            .set_timeout(self.timeout)
            .set_retries(self.retries)
            .set_start_period(self.start_period);
        built(check.build())
    }
}

impl Restart {
    fn request(&self) -> Result<t::ContainerRestartPolicy, Error> {
        let policy = t::ContainerRestartPolicy::builder()
            .enabled(true)
            .set_ignored_exit_codes(self.ignored_exit_codes.clone())
            .set_restart_attempt_period(self.attempt_period);
        built(policy.build())
    }
}

impl Log {
    fn request(&self) -> Result<t::LogConfiguration, Error> {
        let log = t::LogConfiguration::builder()
            .log_driver(self.driver.as_str().into())
            .set_options(hashed(self.options.as_ref()))
            .set_secret_options(some(secrets(&self.secrets)?));
        built(log.build())
    }
}

impl Firelens {
    fn request(&self) -> Result<t::FirelensConfiguration, Error> {
        let firelens = t::FirelensConfiguration::builder().r#type(self.kind.as_str().into());
        built(firelens.set_options(hashed(self.options.as_ref())).build())
    }
}

impl Linux {
    fn request(&self) -> Result<t::LinuxParameters, Error> {
        let capabilities = (self.add_capabilities.is_some() || self.drop_capabilities.is_some()).then(|| {
            t::KernelCapabilities::builder()
                .set_add(self.add_capabilities.clone())
                .set_drop(self.drop_capabilities.clone())
                .build()
        });
        let tmpfs = |one: &Tmpfs| {
            let tmpfs = t::Tmpfs::builder().container_path(&one.path).size(one.size);
            built(tmpfs.set_mount_options(one.options.clone()).build())
        };
        Ok(t::LinuxParameters::builder()
            .set_init_process_enabled(self.init_process)
            .set_capabilities(capabilities)
            .set_shared_memory_size(self.shared_memory)
            .set_max_swap(self.max_swap)
            .set_swappiness(self.swappiness)
            .set_tmpfs(some(self.tmpfs.iter().map(tmpfs).collect::<Result<_, _>>()?))
            .build())
    }
}
