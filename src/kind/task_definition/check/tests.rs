use super::*;
use crate::kind::AnyKind;
use crate::object;

/// What is told of a task definition with these containers and this beside them.
fn told(containers: Vec<Value>, more: Value) -> Vec<String> {
    let base = object! { "cpu" => 256, "memory" => 512, "execution_role" => "arn:aws:iam::1:role/run" };
    let mut inputs = base.as_object().cloned().unwrap();
    inputs.extend(more.as_object().cloned().unwrap());
    inputs.insert("container".to_owned(), Value::List(containers));
    inputs.retain(|_, value| !value.is_null());
    let kind: &dyn AnyKind = &crate::kind::task_definition::TaskDefinition;
    kind.check(&kind.schema().canonical(&inputs)).into_iter().map(|(_, message, _)| message).collect()
}

fn with(name: &str, more: Value) -> Value {
    let mut members = object! { "name" => name, "image" => "team/web:1" }.as_object().cloned().unwrap();
    members.extend(more.as_object().cloned().unwrap());
    Value::Object(members)
}

fn plain(name: &str) -> Value {
    with(name, object! {})
}

fn port(number: i32) -> Vec<Value> {
    vec![object! { "container_port" => number }]
}

#[track_caller]
fn one(told: Vec<String>, part: &str) {
    assert!(told.len() == 1 && told[0].contains(part), "{part}: {told:?}");
}

#[test]
fn what_is_right_is_not_told() {
    let containers = vec![
        with(
            "web",
            object! {
                "port" => port(8080),
                "secrets" => object! { "TOKEN" => "arn:aws:ssm:us-east-1:1:parameter/web/token" },
                "health_check" => object! { "command" => vec!["CMD-SHELL", "true"] },
                "log" => object! {
                    "driver" => "awslogs",
                    "options" => strings(&["awslogs-group", "awslogs-region", "awslogs-stream-prefix"]),
                },
                "mount" => vec![object! { "volume" => "data", "path" => "/data" }],
            },
        ),
        with(
            "side",
            object! {
                "port" => port(9090),
                "dependency" => vec![object! { "container" => "web", "condition" => "HEALTHY" }],
            },
        ),
    ];
    let volume = vec![object! { "name" => "data", "efs" => object! { "file_system" => "fs-1" } }];
    assert_eq!(told(containers, object! { "volume" => volume }), Vec::<String>::new());
}

fn strings(names: &[&str]) -> Value {
    Value::Object(names.iter().map(|name| ((*name).to_owned(), Value::string("x"))).collect())
}

#[test]
fn a_size_that_fargate_does_not_have_is_told() {
    one(told(vec![plain("web")], object! { "memory" => 4096 }), "256 CPU units and 4096 MiB");
    one(told(vec![plain("web")], object! { "cpu" => 300 }), "no size of 300 CPU units");
    one(told(vec![plain("web")], object! { "cpu" => Value::Null }), "wants the `cpu`");
    let on_ec2 = object! { "cpu" => 300, "requires_compatibilities" => vec!["EC2"] };
    assert_eq!(told(vec![plain("web")], on_ec2), Vec::<String>::new());
}

#[test]
fn what_fargate_does_not_have_is_told() {
    let of = |more: Value| told(vec![with("web", more)], object! {});
    one(told(vec![plain("web")], object! { "network_mode" => "bridge" }), "no network mode bridge");
    one(of(object! { "privileged" => true }), "privileged");
    one(of(object! { "linux" => object! { "add_capabilities" => vec!["NET_ADMIN"] } }), "NET_ADMIN");
    one(of(object! { "log" => object! { "driver" => "json-file" } }), "json-file");
    one(of(object! { "stop_timeout" => std::time::Duration::from_secs(121) }), "121s");
    let host = vec![object! { "name" => "logs", "host_path" => "/var/log" }];
    one(told(vec![plain("web")], object! { "volume" => host }), "a path of its host");
}

#[test]
fn containers_are_told_apart_and_one_is_essential() {
    one(told(vec![plain("web"), plain("web")], object! {}), "the name `web`");
    one(told(vec![with("web", object! { "essential" => false })], object! {}), "no container is essential");
    one(told(vec![with("web app", object! {})], object! {}), "' '");
    let twice = vec![with("a", object! { "port" => port(80) }), with("b", object! { "port" => port(80) })];
    one(told(twice, object! {}), "listen at port 80");
}

#[test]
fn what_a_container_waits_for_is_there_and_does_not_wait_for_it() {
    let waits = |name: &str, on: &str, condition: &str| {
        with(name, object! { "dependency" => vec![object! { "container" => on, "condition" => condition }] })
    };
    one(told(vec![waits("a", "b", "START")], object! {}), "no other container");
    one(told(vec![waits("a", "a", "START")], object! {}), "no other container");
    one(told(vec![waits("a", "b", "START"), waits("b", "a", "START")], object! {}), "waits for the next one");
    one(told(vec![waits("a", "b", "HEALTHY"), plain("b")], object! {}), "has no health check");
    one(told(vec![waits("a", "b", "SUCCESS"), plain("b")], object! {}), "the task ends with that one");
    let ends = with("b", object! { "essential" => false });
    assert_eq!(told(vec![waits("a", "b", "SUCCESS"), ends], object! {}), Vec::<String>::new());
}

#[test]
fn a_log_driver_has_its_options_and_a_secret_its_arn() {
    let of = |more: Value| told(vec![with("web", more)], object! {});
    let group = object! { "driver" => "awslogs", "options" => strings(&["awslogs-group", "awslogs-region"]) };
    one(of(object! { "log" => group }), "awslogs-stream-prefix");
    one(of(object! { "log" => object! { "driver" => "splunk" } }), "splunk-token");
    one(of(object! { "log" => object! { "driver" => "awsfirelens" } }), "log router");
    let hidden = of(object! { "secrets" => object! { "TOKEN" => "hunter2" } });
    one(hidden.clone(), "the value of `TOKEN`");
    assert!(!hidden[0].contains("hunter2"));
    let arn = "arn:aws:secretsmanager:us-east-1:1:secret:web-1";
    let both = object! { "secrets" => object! { "A" => arn }, "environment" => object! { "A" => "1" } };
    one(of(both), "among the secrets");
    let secret = with("web", object! { "secrets" => object! { "A" => arn } });
    one(told(vec![secret], object! { "execution_role" => Value::Null }), "no role reads them");
}

#[test]
fn what_is_named_exists() {
    let of = |more: Value| told(vec![with("web", more)], object! {});
    one(of(object! { "mount" => vec![object! { "volume" => "data", "path" => "/d" }] }), "no such volume");
    one(of(object! { "volumes_from" => vec![object! { "container" => "db" }] }), "no container of the task");
    one(of(object! { "health_check" => object! { "command" => vec!["curl"] } }), "begins with CMD");
    one(
        of(object! { "port" => vec![object! { "container_port" => 80, "host_port" => 81 }] }),
        "both are the same",
    );
    one(of(object! { "port" => vec![object! { "range" => "90-80" }] }), "range of ports");
    one(of(object! { "image" => "https://example.com/web" }), "image of a container");
    one(of(object! { "memory" => 1024 }), "more memory than its task has");
    one(of(object! { "cpu" => 512 }), "reserve 512 CPU units");
}

#[test]
fn an_efs_volume_is_mounted_as_efs_allows() {
    let of = |efs: Value| {
        let volume = vec![object! { "name" => "data", "efs" => efs }];
        told(vec![plain("web")], object! { "volume" => volume })
    };
    one(of(object! { "file_system" => "fs-1", "iam" => true }), "encrypted on their way");
    let root = object! {
        "file_system" => "fs-1", "access_point" => "fsap-1", "transit_encryption" => true, "root_directory" => "/web",
    };
    one(of(root), "what its root is");
}
