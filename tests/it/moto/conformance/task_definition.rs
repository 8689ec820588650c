use std::time::Duration;

use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("a task of Fargate", |world| Box::pin(of_fargate(world))),
        Case::new("a task of instances", |world| Box::pin(of_instances(world))),
    ]
}

const ROLE: &str = "arn:aws:iam::123456789012:role/run";

/// A container with most of what one has.
fn web() -> Value {
    let seconds = Duration::from_secs;
    object! {
        "name" => "web",
        "image" => "team/web:1",
        "command" => vec!["serve", "--port", "8080"],
        "entry_point" => vec!["/bin/sh"],
        "working_directory" => "/srv",
        "user" => "1000",
        "cpu" => 128,
        "memory" => 256,
        "memory_reservation" => 128,
        "environment" => object! { "MODE" => "live", "EMPTY" => "" },
        "secrets" => object! { "TOKEN" => "arn:aws:ssm:us-east-1:123456789012:parameter/web/token" },
        "docker_labels" => object! { "team" => "web" },
        "port" => vec![object! { "container_port" => 8080 }],
        "health_check" => object! {
            "command" => vec!["CMD-SHELL", "true"], "interval" => seconds(10), "start_period" => seconds(5),
        },
        "stop_timeout" => seconds(60),
        "start_timeout" => seconds(30),
        "log" => object! {
            "driver" => "awslogs",
            "options" => object! {
                "awslogs-group" => "/web", "awslogs-region" => "us-east-1", "awslogs-stream-prefix" => "web",
            },
        },
        "mount" => vec![object! { "volume" => "data", "path" => "/data", "read_only" => true }],
        "read_only_root_filesystem" => true,
        "linux" => object! { "init_process" => true, "drop_capabilities" => vec!["NET_RAW"] },
        "ulimit" => vec![object! { "name" => "nofile", "soft" => 1024, "hard" => 4096 }],
        "system_controls" => object! { "net.core.somaxconn" => "1024" },
        "restart" => object! { "ignored_exit_codes" => vec![0], "attempt_period" => seconds(60) },
    }
}

fn side() -> Value {
    object! {
        "name" => "side",
        "image" => "team/side@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "essential" => false,
        "dependency" => vec![object! { "container" => "web", "condition" => "HEALTHY" }],
        "volumes_from" => vec![object! { "container" => "web", "read_only" => true }],
    }
}

async fn of_fargate(world: &World) -> Trial {
    let efs = |file_system: &str| {
        let efs =
            object! { "file_system" => file_system, "root_directory" => "/", "transit_encryption" => true };
        vec![object! { "name" => "data", "efs" => efs }]
    };
    let base = object! {
        "name" => world.name("family"),
        "cpu" => 256,
        "memory" => 512,
        "execution_role" => ROLE,
        "container" => vec![web(), side()],
        "volume" => efs("fs-1"),
        "tags" => object! { "team" => "web" },
    };
    let changed = |image: &str| {
        let Value::Object(mut members) = web() else { unreachable!("an object") };
        members.insert("image".to_owned(), image.into());
        members.insert("environment".to_owned(), object! { "MODE" => "dark" });
        Value::Object(members)
    };
    Trial::new(base)
        .change("name", world.name("other"))
        .change_with("cpu", object! { "cpu" => 512, "memory" => 1024 })
        .change("memory", 1024)
        .change("container", vec![changed("team/web:2"), side()])
        .change("execution_role", "arn:aws:iam::123456789012:role/other")
        .change("task_role", ROLE)
        .change("volume", efs("fs-2"))
        .change("ephemeral_storage", 50)
        .change("cpu_architecture", "ARM64")
        .change("operating_system", "LINUX")
        .change("pid_mode", "task")
        .on_sandbox("enable_fault_injection", true, "moto keeps nothing of it")
        .untold("keep_revisions", "no API holds it")
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        // The API describes one family at a time.
        .no_twin()
}

async fn of_instances(world: &World) -> Trial {
    let base = object! {
        "name" => world.name("instances"),
        "requires_compatibilities" => vec!["EC2"],
        "network_mode" => "bridge",
        "container" => vec![object! { "name" => "web", "image" => "team/web:1", "memory" => 128 }],
    };
    Trial::new(base)
        .change("network_mode", "host")
        .on_sandbox("requires_compatibilities", vec!["EC2", "EXTERNAL"], "moto says that it is of awsvpc then")
        .change("ipc_mode", "task")
        .change("placement_constraints", vec!["attribute:ecs.instance-type =~ t3.*"])
        .change("volume", vec![object! { "name" => "logs", "host_path" => "/var/log" }])
        .change(
            "container",
            vec![object! {
                "name" => "web", "image" => "team/web:2", "memory" => 128, "gpus" => 1, "hostname" => "web",
                "privileged" => true, "dns_servers" => vec!["10.0.0.2"], "extra_hosts" => object! { "db" => "10.0.0.3" },
                "docker_security_options" => vec!["no-new-privileges"], "interactive" => true, "pseudo_terminal" => true,
                "linux" => object! {
                    "shared_memory" => 64,
                    "tmpfs" => vec![object! { "path" => "/tmp", "size" => 64, "options" => vec!["rw"] }],
                },
            }],
        )
        .no_twin()
}

#[tokio::test]
async fn a_task_definition_is_what_its_schema_says() {
    conform("task_definition", cases()).await;
}

#[tokio::test]
async fn a_task_definition_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "task_definition", cases()).await;
}
