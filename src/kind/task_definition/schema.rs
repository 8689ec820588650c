//! The schema of a `task_definition` block; its containers' is in [`super::container`]. Bounds and meanings are
//! those of API_RegisterTaskDefinition.

use std::sync::LazyLock;

use super::container;
use crate::kind::ecs::{self, NAME};
use crate::kind::rules::form;
use crate::kind::schema::{Attribute, NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};
use crate::value::Value;

/// Attributes whose change makes no new revision.
pub const BESIDE_REVISION: &[&str] = &["name", "tags", "keep_revisions"];

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "task_definition",
    doc: "What the tasks of a service run: containers and their resources. Every change registers a new \
          revision of the family; a reference from a service carries the revision's number.",
    attributes: attributes(),
    outputs: vec![
        output("id", "The family, which is what the API knows it by."),
        output("name", "The family."),
        output("arn", "The ARN of the newest revision.").changes_unless_only(BESIDE_REVISION),
        output("revision", "The number of the newest revision.").changes_unless_only(BESIDE_REVISION),
    ],
    not_offered: &[
        ("proxy_configuration", "App Mesh ends in 2026; ECS Service Connect has a proxy of its own"),
        ("inference_accelerators", "Elastic Inference was shut down"),
    ],
    unique: &["name"],
});

/// The rule for an ARN of this service: `iam`.
fn role(role: &Value) -> Vec<crate::kind::schema::Wrong> {
    let fits = |arn: &str| arn.starts_with("arn:") && arn.contains(":role/");
    form("ARN of a role", role, fits, "write one such as \"arn:aws:iam::123456789012:role/web\"")
}

fn attributes() -> Vec<Attribute> {
    vec![
        attribute(
            "name",
            Type::String { max: NAME },
            "The family of its revisions; made from the stack's name if not given.",
        )
        .rule(|name| ecs::name("a family's name", name))
        .replaces()
        .api(&["family"]),
        attribute(
            "cpu",
            Type::Integer { min: 128, max: 196_608 },
            "CPU units of the task; 1024 are one vCPU. Fargate needs it.",
        ),
        attribute("memory", Type::Integer { min: 4, max: 3_145_728 }, "MiB of the task. Fargate needs it."),
        attribute("container", container::blocks(), "A container of the task.")
            .required()
            .api(&["container_definitions"]),
        attribute(
            "requires_compatibilities",
            Type::Choice(&["FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"]).set(),
            "What it has to be able to run on.",
        )
        .default(Value::List(vec![Value::string("FARGATE")])),
        attribute(
            "network_mode",
            Type::Choice(&["awsvpc", "bridge", "host", "none"]),
            "The network of the containers. awsvpc gives each task an address of its own.",
        )
        .default("awsvpc"),
        attribute(
            "execution_role",
            Type::String { max: 1600 },
            "The ARN of the role with which ECS pulls images, reads secrets and writes logs.",
        )
        .rule(role)
        .api(&["execution_role_arn"]),
        attribute("task_role", Type::String { max: 1600 }, "The ARN of the role that the containers have.")
            .rule(role)
            .api(&["task_role_arn"]),
        attribute("volume", volumes(), "A volume that containers mount.").api(&["volumes"]),
        attribute(
            "ephemeral_storage",
            Type::Integer { min: 21, max: 200 },
            "GiB of ephemeral storage on Fargate, where 20 are not enough.",
        ),
        attribute(
            "cpu_architecture",
            Type::Choice(&["X86_64", "ARM64"]),
            "The processors that it is built for.",
        )
        .api(&["runtime_platform"]),
        attribute(
            "operating_system",
            Type::Choice(&[
                "LINUX",
                "WINDOWS_SERVER_2019_FULL",
                "WINDOWS_SERVER_2019_CORE",
                "WINDOWS_SERVER_2022_FULL",
                "WINDOWS_SERVER_2022_CORE",
                "WINDOWS_SERVER_2025_FULL",
                "WINDOWS_SERVER_2025_CORE",
            ]),
            "The family of operating systems.",
        )
        .api(&["runtime_platform"]),
        attribute("pid_mode", Type::Choice(&["task", "host"]), "Whose processes a container sees."),
        attribute(
            "ipc_mode",
            Type::Choice(&["task", "host", "none"]),
            "Whose IPC resources a container shares.",
        ),
        attribute(
            "placement_constraints",
            Type::String { max: 2000 }.set(),
            "Expressions of the cluster query language: the container instances on which it may run.",
        ),
        attribute("enable_fault_injection", Type::Bool, "Whether its containers may ask for faults."),
        attribute(
            "keep_revisions",
            Type::Integer { min: 1, max: 1000 },
            "How many of the newest revisions stay active, beside those that a service names.",
        )
        .default(5)
        .api(NOT_AT_CREATE),
        tags_attribute(&["tags"]),
    ]
}

fn volumes() -> Type {
    let efs = vec![
        attribute("file_system", Type::string(), "The id of the file system.").required(),
        attribute("root_directory", Type::String { max: 4096 }, "The directory that is mounted as the root."),
        attribute("transit_encryption", Type::Bool, "Whether data are encrypted on their way."),
        attribute(
            "transit_encryption_port",
            Type::Integer { min: 0, max: 65_535 },
            "The port of encrypted data.",
        ),
        attribute("access_point", Type::string(), "The id of an access point."),
        attribute("iam", Type::Bool, "Whether the task's role mounts it."),
    ];
    let docker = vec![
        attribute("scope", Type::Choice(&["task", "shared"]), "Whether it goes with its task."),
        attribute("autoprovision", Type::Bool, "Whether a shared one is made if it is not there."),
        attribute("driver", Type::string(), "The Docker volume driver."),
        attribute("driver_options", Type::string().map(), "Options of the driver."),
        attribute("labels", Type::string().map(), "Labels of the volume."),
    ];
    let attributes = vec![
        attribute("name", Type::String { max: 255 }, "Its name, which a `mount` refers to.")
            .required()
            .rule(|name| ecs::name("a volume's name", name)),
        attribute("host_path", Type::string(), "A path of the container instance."),
        attribute("efs", Type::Block(efs), "A file system of Amazon EFS."),
        attribute("docker", Type::Block(docker), "A Docker volume, on container instances."),
        attribute(
            "configured_at_launch",
            Type::Bool,
            "Whether a service or a run of the task configures it.",
        ),
    ];
    Type::Blocks { attributes, ordered: false, max: 50 }
}
