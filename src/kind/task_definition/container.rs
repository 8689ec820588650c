//! The schema of the containers of a task definition ([model] ContainerDefinition).

use crate::kind::ecs::{self, NAME};
use crate::kind::rules::{address, filled, form};
use crate::kind::schema::{Attribute, Type, Wrong, attribute};
use crate::value::Value;

pub const LOG_DRIVERS: &[&str] =
    &["awslogs", "splunk", "awsfirelens", "fluentd", "gelf", "json-file", "journald", "syslog"];

/// The containers, the order of which has no meaning to ECS and is kept by it.
pub fn blocks() -> Type {
    Type::Blocks { attributes: attributes(), ordered: true, max: 10 }
}

fn some(attributes: Vec<Attribute>, max: usize) -> Type {
    Type::Blocks { attributes, ordered: false, max }
}

fn number(name: &'static str, min: i64, max: i64, doc: &'static str) -> Attribute {
    attribute(name, Type::Integer { min, max }, doc)
}

fn attributes() -> Vec<Attribute> {
    [what_runs(), what_it_gets(), what_it_reaches(), how_it_is_judged(), how_it_is_run()]
        .into_iter()
        .flatten()
        .collect()
}

fn what_runs() -> Vec<Attribute> {
    vec![
        attribute("name", Type::String { max: NAME }, "Its name.")
            .required()
            .rule(|name| ecs::name("a container's name", name)),
        attribute(
            "image",
            Type::string(),
            "The image: `repository:tag`, or `repository@digest`, which is the same for every task.",
        )
        .required()
        .rule(image),
        attribute("repository_credentials", Type::string(), "The ARN of the secret of a private registry.")
            .rule(secret),
        attribute(
            "version_consistency",
            Type::Choice(&["enabled", "disabled"]),
            "Whether ECS resolves the image's tag once for all tasks of a deployment.",
        ),
        attribute("essential", Type::Bool, "Whether the task ends with it.").default(true),
        attribute("entry_point", Type::string().list(), "What is run, where not the image's own."),
        attribute("command", Type::String { max: 65_536 }.list(), "Its arguments."),
        attribute("working_directory", Type::string(), "Where it runs."),
        attribute("user", Type::string(), "Who runs it: a name or a number, and perhaps a group."),
        attribute("interactive", Type::Bool, "Whether its standard input stays open."),
        attribute("pseudo_terminal", Type::Bool, "Whether it has a terminal."),
    ]
}

fn what_it_gets() -> Vec<Attribute> {
    vec![
        number("cpu", 0, 196_608, "CPU units that are reserved for it."),
        number("memory", 4, 3_145_728, "MiB above which it is ended."),
        number("memory_reservation", 4, 3_145_728, "MiB that are reserved for it."),
        number("gpus", 1, 16, "How many GPUs it gets."),
        attribute("environment", Type::String { max: 65_536 }.map(), "Its variables.").may_be_empty(),
        attribute(
            "secrets",
            Type::String { max: 2048 }.map(),
            "Variables by the ARN of their secret or parameter, which ECS reads when it starts.",
        )
        .rule(secrets),
        attribute("environment_files", Type::string().set(), "The ARNs of files of variables in S3.").rule(
            |files| {
                let fits =
                    |arn: &str| arn.starts_with("arn:") && arn.contains(":s3:::") && arn.ends_with(".env");
                form(
                    "ARN of an environment file",
                    files,
                    fits,
                    "write one such as \"arn:aws:s3:::bucket/web.env\"",
                )
            },
        ),
        attribute("mount", some(mount(), 50), "A volume of the task in it."),
        attribute("volumes_from", some(volumes_from(), 10), "The volumes of another container."),
        attribute("docker_labels", Type::String { max: 65_536 }.map(), "Docker's labels."),
    ]
}

fn mount() -> Vec<Attribute> {
    vec![
        attribute("volume", Type::String { max: 255 }, "The volume's name.").required(),
        attribute("path", Type::string(), "Where it is mounted.").required(),
        attribute("read_only", Type::Bool, "Whether it is read only.").default(false),
    ]
}

fn volumes_from() -> Vec<Attribute> {
    vec![
        attribute("container", Type::String { max: NAME }, "That container's name.").required(),
        attribute("read_only", Type::Bool, "Whether they are read only.").default(false),
    ]
}

fn what_it_reaches() -> Vec<Attribute> {
    let port = vec![
        number("container_port", 1, 65_535, "The port at which it listens."),
        attribute("range", Type::String { max: 11 }, "Several ports: `8000-8010`.").rule(|range| {
            let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
            let fits = |text: &str| {
                let parts = text.split_once('-').and_then(|(from, to)| Some((port(from)?, port(to)?)));
                parts.is_some_and(|(from, to)| from < to)
            };
            form("range of ports", range, fits, "write one such as \"8000-8010\"")
        }),
        number("host_port", 0, 65_535, "The port of the container instance; with awsvpc the same one."),
        attribute("protocol", Type::Choice(&["tcp", "udp"]), "Its protocol.").default("tcp"),
        attribute("name", Type::String { max: 64 }, "Its name for Service Connect."),
        attribute(
            "app_protocol",
            Type::Choice(&["http", "http2", "grpc"]),
            "What Service Connect speaks on it.",
        ),
    ];
    vec![
        attribute("port", some(port, 100), "A port at which it listens.").rule(|port| {
            match (port.get("container_port").is_null(), port.get("range").is_null()) {
                (true, true) => {
                    vec![(
                        "container_port",
                        "a port has no number".to_owned(),
                        "write `container_port = 8080`".to_owned(),
                    )]
                }
                (false, false) => vec![(
                    "range",
                    "a port is one number or a range of them".to_owned(),
                    "take `container_port` or `range` away".to_owned(),
                )],
                _ => Vec::new(),
            }
        }),
        attribute("links", Type::string().set(), "Other containers, in network mode bridge."),
        attribute(
            "hostname",
            Type::String { max: 253 },
            "The name by which it knows itself; not with awsvpc.",
        ),
        attribute("extra_hosts", Type::string().map(), "Addresses by host name, for /etc/hosts."),
        attribute("dns_servers", Type::string().list(), "DNS servers.").rule(address),
        attribute("dns_search_domains", Type::string().list(), "Domains that are searched."),
        attribute("disable_networking", Type::Bool, "Whether it has no network."),
    ]
}

fn how_it_is_judged() -> Vec<Attribute> {
    let seconds = |name, min, max, doc| attribute(name, Type::Duration { min, max }, doc);
    let check = vec![
        attribute(
            "command",
            Type::String { max: 65_536 }.list(),
            "What is run: `[\"CMD-SHELL\", \"curl -f http://localhost:8080/\"]`.",
        )
        .required()
        .rule(check_command),
        seconds("interval", 5, 300, "Between two checks; 30s if not given."),
        seconds("timeout", 2, 60, "How long one may take; 5s if not given."),
        number("retries", 1, 10, "How many fail before it is unhealthy; 3 if not given."),
        seconds("start_period", 0, 300, "For how long failures do not count."),
    ];
    let dependency = vec![
        attribute("container", Type::String { max: NAME }, "That container's name.").required(),
        attribute(
            "condition",
            Type::Choice(&["START", "COMPLETE", "SUCCESS", "HEALTHY"]),
            "What it waits for.",
        )
        .required(),
    ];
    let restart = vec![
        attribute(
            "ignored_exit_codes",
            Type::Integer { min: 0, max: 255 }.set(),
            "Exit codes with which it stays ended.",
        ),
        seconds(
            "attempt_period",
            60,
            1800,
            "How long it has run at least before it is restarted; 5m if not given.",
        ),
    ];
    let log = vec![
        attribute("driver", Type::Choice(LOG_DRIVERS), "The log driver.").required(),
        attribute("options", Type::String { max: 65_536 }.map(), "Its options, such as awslogs-group."),
        attribute(
            "secrets",
            Type::String { max: 2048 }.map(),
            "Options by the ARN of their secret or parameter.",
        )
        .rule(secrets),
    ];
    let firelens = vec![
        attribute("type", Type::Choice(&["fluentbit", "fluentd"]), "The log router.").required(),
        attribute("options", Type::string().map(), "Its options."),
    ];
    vec![
        attribute("health_check", Type::Block(check), "A command in it that tells whether it is well."),
        attribute("dependency", some(dependency, 10), "A container for which it waits before it starts."),
        seconds("start_timeout", 2, 120, "How long it waits for those."),
        seconds(
            "stop_timeout",
            0,
            86_400,
            "How long it may take to end; 30s if not given, and 120s at most on Fargate.",
        ),
        attribute("restart", Type::Block(restart), "Restarts it in its task when it ends."),
        attribute("log", Type::Block(log), "Where its output goes."),
        attribute("firelens", Type::Block(firelens), "Makes it the log router of the task."),
    ]
}

fn how_it_is_run() -> Vec<Attribute> {
    let tmpfs = vec![
        attribute("path", Type::string(), "Where it is mounted.").required(),
        number("size", 1, 3_145_728, "MiB.").required(),
        attribute("options", Type::string().set(), "Its mount options."),
    ];
    let linux = vec![
        attribute("init_process", Type::Bool, "Whether an init process reaps its children."),
        attribute("add_capabilities", Type::string().set(), "Capabilities of the kernel that it gets."),
        attribute(
            "drop_capabilities",
            Type::string().set(),
            "Capabilities of the kernel that are taken from it.",
        ),
        number("shared_memory", 1, 3_145_728, "MiB of /dev/shm."),
        number("max_swap", 0, 3_145_728, "MiB of memory that it can swap."),
        number("swappiness", 0, 100, "How readily it swaps."),
        attribute("tmpfs", some(tmpfs, 20), "A file system in memory."),
    ];
    let ulimit = vec![
        attribute(
            "name",
            Type::Choice(&[
                "core",
                "cpu",
                "data",
                "fsize",
                "locks",
                "memlock",
                "msgqueue",
                "nice",
                "nofile",
                "nproc",
                "rss",
                "rtprio",
                "rttime",
                "sigpending",
                "stack",
            ]),
            "The resource.",
        )
        .required(),
        number("soft", -1, i64::from(i32::MAX), "The soft limit.").required(),
        number("hard", -1, i64::from(i32::MAX), "The hard limit.").required(),
    ];
    vec![
        attribute("read_only_root_filesystem", Type::Bool, "Whether its root file system is read only."),
        attribute("privileged", Type::Bool, "Whether it may do what the container instance may."),
        attribute("linux", Type::Block(linux), "Settings of the Linux kernel.").rule(|linux| {
            let overlap = linux.get("add_capabilities").as_list().unwrap_or_default().iter();
            let dropped = linux.get("drop_capabilities").as_list().unwrap_or_default();
            let twice = overlap
                .filter_map(Value::as_str)
                .find(|one| dropped.iter().any(|other| other.as_str() == Some(one)));
            let told = |one: &str| {
                ("drop_capabilities", format!("{one} is added and dropped"), "take one away".to_owned())
            };
            twice.map(told).into_iter().collect()
        }),
        attribute("ulimit", some(ulimit, 15), "A limit of its processes.").rule(|limit| {
            let numbers = (limit.get("soft").as_number(), limit.get("hard").as_number());
            match numbers {
                (Some(soft), Some(hard)) if soft > hard && hard >= 0.0 => vec![(
                    "soft",
                    "the soft limit is above the hard one".to_owned(),
                    "write `soft` as high as `hard` at most".to_owned(),
                )],
                _ => Vec::new(),
            }
        }),
        attribute(
            "system_controls",
            Type::string().map(),
            "Kernel parameters by namespace, such as net.core.somaxconn.",
        ),
        attribute(
            "docker_security_options",
            Type::string().set(),
            "Options of SELinux, AppArmor and the like.",
        ),
        attribute(
            "credential_specs",
            Type::string().list(),
            "The ARN of a credential spec for Active Directory.",
        ),
    ]
}

/// An image's name without spaces ([model] ContainerDefinition, image).
fn image(image: &Value) -> Vec<Wrong> {
    let fits = |text: &str| {
        !text.is_empty()
            && !text.contains("://")
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/@#".contains(c))
            && text.split_once('@').is_none_or(|(_, digest)| digest.starts_with("sha256:"))
    };
    form("image of a container", image, fits, "write `repository:tag` or `repository@sha256:...`")
}

/// Health checks begin with how they are run ([model] HealthCheck).
fn check_command(command: &Value) -> Vec<Wrong> {
    let first = command.as_list().and_then(|words| words.first());
    if first.is_none() {
        return filled(command);
    }
    match first.and_then(Value::as_str) {
        Some(word) if !["CMD", "CMD-SHELL", "NONE"].contains(&word) => vec![(
            "",
            format!("a health check begins with CMD or CMD-SHELL, and this one with `{word}`"),
            "write `command = [\"CMD-SHELL\", \"...\"]`".to_owned(),
        )],
        _ => Vec::new(),
    }
}

fn is_secret(arn: &str) -> bool {
    let of = |service: &str, resource: &str| arn.contains(&format!(":{service}:")) && arn.contains(resource);
    arn.starts_with("arn:") && (of("secretsmanager", ":secret:") || of("ssm", ":parameter/"))
}

fn secret(arn: &Value) -> Vec<Wrong> {
    form(
        "ARN of a secret",
        arn,
        is_secret,
        "write one such as \"arn:aws:secretsmanager:us-east-1:123456789012:secret:registry\"",
    )
}

/// Values that are read elsewhere are given by their ARN. The value itself is not shown: it may be the secret.
/// ECS also takes the plain name of a parameter of the same region ([model] Secret), which nobody could tell from
/// a secret that was written out by mistake.
fn secrets(all: &Value) -> Vec<Wrong> {
    let members = all.as_object().into_iter().flatten();
    let wrong = members.filter(|(_, value)| value.as_str().is_some_and(|arn| !is_secret(arn)));
    let told = |(name, _): (&String, &Value)| {
        let message = format!("the value of `{name}` is not the ARN of a secret or a parameter");
        let help = "write one such as \"arn:aws:ssm:us-east-1:123456789012:parameter/web/token\"; a value that is no \
                    secret belongs into `environment`";
        ("", message, help.to_owned())
    };
    wrong.map(told).collect()
}
