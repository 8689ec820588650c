//! Tasks: their lives, their containers, and refusals.

use serde_json::json;

use super::kit::{World, text};

const HELLO: &str = "bgform-hello:1.0";

#[test]
fn a_task_goes_through_its_statuses() {
    let mut world = World::new();
    let definition = world.define(HELLO, &json!({ "environment": [{ "name": "A", "value": "b" }] }));
    let ran = world.run(&definition, &json!({ "startedBy": "me", "count": 1 }));
    let arn = ran["tasks"][0]["taskArn"].clone();
    assert_eq!((&ran["tasks"][0]["lastStatus"], &ran["failures"]), (&json!("PROVISIONING"), &json!([])));
    world.pass(2);
    let told = world.task(&arn);
    assert_eq!(
        (&told["lastStatus"], &told["group"], &told["startedBy"]),
        (&json!("RUNNING"), &json!("family:web"), &json!("me"))
    );
    assert!(text(&told["containers"][0]["imageDigest"]).starts_with("sha256:"));
    assert_eq!(world.call("ListTasks", json!({ "startedBy": "me" }))["taskArns"], json!([arn]));
    assert_eq!(world.call("ListTasks", json!({ "family": "web" }))["taskArns"], json!([arn]));
    assert_eq!(world.call("ListTasks", json!({ "startedBy": "you" }))["taskArns"], json!([]));
    let stopped = world.call("StopTask", json!({ "task": arn, "reason": "enough" }))["task"].clone();
    assert_eq!(
        (&stopped["desiredStatus"], &stopped["stopCode"]),
        (&json!("STOPPED"), &json!("UserInitiated"))
    );
    world.pass(2);
    let told = world.task(&arn);
    assert_eq!((&told["lastStatus"], &told["stoppedReason"]), (&json!("STOPPED"), &json!("enough")));
    assert_eq!(told["containers"][0]["exitCode"], 143);
    assert_eq!(world.call("ListTasks", json!({ "desiredStatus": "STOPPED" }))["taskArns"], json!([arn]));
    world.pass_by(100, 37);
    let gone = world.call("DescribeTasks", json!({ "tasks": [arn] }));
    assert_eq!(
        (&gone["tasks"], &gone["failures"]),
        (&json!([]), &json!([{ "arn": arn, "reason": "MISSING" }]))
    );
}

#[test]
fn what_is_not_essential_may_end_and_what_others_depend_on_comes_first() {
    let mut world = World::new();
    let definition = world.define_all(&json!([
        { "name": "web", "image": HELLO, "dependsOn": [{ "containerName": "side", "condition": "HEALTHY" }] },
        { "name": "side", "image": HELLO, "essential": false,
          "healthCheck": { "command": ["CMD-SHELL", "true"], "interval": 5, "retries": 2 } },
    ]));
    let arn = world.run(&definition, &json!({}))["tasks"][0]["taskArn"].clone();
    world.pass(4);
    let told = world.task(&arn);
    assert_eq!(
        (&told["lastStatus"], &told["containers"][0]["lastStatus"]),
        (&json!("PENDING"), &json!("PENDING"))
    );
    assert_eq!(told["containers"][1]["lastStatus"], "RUNNING");
    world.pass(4);
    let told = world.task(&arn);
    assert_eq!(
        (&told["lastStatus"], &told["containers"][1]["healthStatus"]),
        (&json!("RUNNING"), &json!("HEALTHY"))
    );
    let id = text(&arn).rsplit('/').next().unwrap().to_owned();
    world.exits(&format!("{id}-side"), 7);
    world.pass(3);
    let told = world.task(&arn);
    assert_eq!((&told["lastStatus"], &told["containers"][1]["exitCode"]), (&json!("RUNNING"), &json!(7)));
    world.exits(&format!("{id}-web"), 137);
    world.pass(3);
    let told = world.task(&arn);
    assert_eq!(
        (&told["lastStatus"], &told["stopCode"]),
        (&json!("STOPPED"), &json!("EssentialContainerExited"))
    );
    assert_eq!(told["containers"][0]["exitCode"], 137);
}

#[test]
fn a_container_is_unhealthy_after_its_retries_and_its_service_replaces_it() {
    let mut world = World::new();
    let check = json!({ "healthCheck": { "command": ["CMD", "check"], "interval": 5, "retries": 2, "startPeriod": 10 } });
    let definition = world.define(HELLO, &check);
    world.ill.push(None);
    let service = json!({ "serviceName": "web", "taskDefinition": definition, "desiredCount": 1, "launchType": "FARGATE",
        "networkConfiguration": world.network() });
    world.call("CreateService", service);
    world.pass(12);
    let first = json!(world.live()[0].arn);
    assert_eq!(world.task(&first)["healthStatus"], "UNKNOWN", "its start period");
    world.pass(12);
    assert_eq!(world.task(&first)["healthStatus"], "UNHEALTHY");
    world.ill = vec![Some(world.live()[0].id.clone())];
    world.pass(20);
    assert_eq!(world.task(&first)["stoppedReason"], "Task failed container health checks");
    let now = json!(world.live()[0].arn);
    assert_eq!(world.task(&now)["healthStatus"], "HEALTHY");
    assert_eq!(world.web()["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn what_cannot_be_pulled_or_read_stops_the_task_with_awss_reason() {
    let mut world = World::new();
    let definition = world.define("nowhere:1", &json!({}));
    let arn = world.run(&definition, &json!({}))["tasks"][0]["taskArn"].clone();
    world.pass(2);
    let told = world.task(&arn);
    assert_eq!((&told["lastStatus"], &told["stopCode"]), (&json!("STOPPED"), &json!("TaskFailedToStart")));
    assert!(text(&told["stoppedReason"]).starts_with("CannotPullContainerError: "), "{told}");
    let secret = json!({ "secrets": [{ "name": "PASSWORD", "valueFrom": "/web/password" }] });
    let definition = world.define(HELLO, &secret);
    let arn = world.run(&definition, &json!({}))["tasks"][0]["taskArn"].clone();
    world.pass(2);
    let reason = text(&world.task(&arn)["stoppedReason"]);
    assert!(
        reason.starts_with("ResourceInitializationError: ") && reason.contains("/web/password"),
        "{reason}"
    );
    world.call("PutParameter", json!({ "Name": "/web/password", "Value": "x", "Type": "String" }));
    world.run(&definition, &json!({}));
    world.pass(2);
    let task = &world.live()[0];
    assert_eq!(task.containers[0].environment.get("PASSWORD").map(String::as_str), Some("x"));
}

#[test]
fn a_token_starts_its_tasks_once() {
    let mut world = World::new();
    let definition = world.define(HELLO, &json!({}));
    let once = world.run(&definition, &json!({ "clientToken": "a", "count": 2 }));
    world.pass(2);
    let again = world.run(&definition, &json!({ "clientToken": "a", "count": 2 }));
    assert_eq!(again["tasks"][0]["taskArn"], once["tasks"][0]["taskArn"]);
    assert_eq!((&again["tasks"][0]["lastStatus"], world.live().len()), (&json!("RUNNING"), 2));
    let other = json!({ "taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": world.network(),
        "clientToken": "a", "count": 1 });
    assert!(world.refused("RunTask", other).starts_with("ConflictException: "));
}

#[test]
fn an_address_is_a_tasks_until_it_is_stopped() {
    let mut world = World::new();
    let definition = world.define(HELLO, &json!({}));
    let vpc = text(&world.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }))["vpc"]["vpcId"]);
    // Sixteen addresses, of which five are reserved.
    let subnet = json!({ "VpcId": vpc, "CidrBlock": "10.0.1.0/28", "AvailabilityZone": "us-east-1a" });
    let subnet = text(&world.call("CreateSubnet", subnet)["subnet"]["subnetId"]);
    let within = |count: usize| json!({ "count": count, "networkConfiguration": { "awsvpcConfiguration": { "subnets": [subnet] } } });
    world.run(&definition, &within(10));
    let last = world.run(&definition, &within(2));
    assert_eq!(
        (last["tasks"].as_array().unwrap().len(), &last["failures"][0]["reason"]),
        (1, &json!("RESOURCE:ENI"))
    );
    let addresses: std::collections::BTreeSet<_> =
        world.live().iter().map(|task| task.place.address).collect();
    assert_eq!(addresses.len(), 11);
    world.pass(2);
    world.call("StopTask", json!({ "task": last["tasks"][0]["taskArn"] }));
    assert_eq!(world.run(&definition, &within(1))["tasks"], json!([]), "it is stopping");
    world.pass(2);
    assert_eq!(world.run(&definition, &within(1))["failures"], json!([]));
}

#[test]
fn in_a_vpc_that_the_machine_has_not_each_task_has_ports_of_its_own_and_holds_its_subnet() {
    let mut world = World::new();
    let vpc = text(&world.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }))["vpc"]["vpcId"]);
    let subnet = json!({ "VpcId": vpc, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1a" });
    let subnet = text(&world.call("CreateSubnet", subnet)["subnet"]["subnetId"]);
    let guard = json!({ "GroupName": "web", "GroupDescription": "web", "VpcId": vpc });
    let guard = text(&world.call("CreateSecurityGroup", guard)["groupId"]);
    let definition = world.define_all(&json!([
        { "name": "web", "image": HELLO, "portMappings": [{ "containerPort": 8080 }, { "containerPort": 80 }] },
    ]));
    let network = json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": [subnet], "securityGroups": [guard] } } });
    world.run(&definition, &network);
    world.run(&definition, &network);
    world.pass(2);
    let places: Vec<_> = world.live().into_iter().map(|task| task.place).collect();
    let ports: std::collections::BTreeSet<u16> =
        places.iter().flat_map(|place| place.ports.values().copied()).collect();
    assert_eq!(ports.len(), 4, "{places:?}");
    let mut wanted = crate::compute::Wanted::default();
    crate::ecs::wanted(&world.state, &mut wanted);
    assert_eq!(wanted.machines[0].port, places[0].ports[&8080], "the first of its ports is PORT");
    for (action, params) in [
        ("DeleteSubnet", json!({ "SubnetId": subnet })),
        ("DeleteSecurityGroup", json!({ "GroupId": guard })),
    ] {
        assert!(world.refused(action, params).starts_with("DependencyViolation"), "{action}");
    }
    for task in world.live() {
        world.call("StopTask", json!({ "task": task.arn }));
    }
    world.pass(2);
    world.call("DeleteSecurityGroup", json!({ "GroupId": guard }));
    world.call("DeleteSubnet", json!({ "SubnetId": subnet }));
}

#[test]
fn what_aws_refuses_is_refused_in_its_words() {
    let mut world = World::new();
    let definition = world.define(HELLO, &json!({}));
    let network = world.network();
    let container = json!([{ "name": "web", "image": HELLO }]);
    let family = |more: serde_json::Value| {
        let mut params = json!({ "family": "f", "containerDefinitions": container, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc" });
        super::kit::merge(&mut params, &more);
        params
    };
    let told = |world: &mut World, action: &str, params| world.refused(action, params);
    insta::assert_snapshot!(told(&mut world, "RegisterTaskDefinition", family(json!({}))), @"ClientException: Fargate requires that 'cpu' be defined at the task level.");
    insta::assert_snapshot!(told(&mut world, "RegisterTaskDefinition", family(json!({ "cpu": "256", "memory": "4096" }))), @"ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 memory. See the Amazon ECS documentation for the valid values.");
    insta::assert_snapshot!(told(&mut world, "RegisterTaskDefinition", json!({ "family": "f", "containerDefinitions": [{ "name": "a", "image": "b" }] })), @"ClientException: Invalid setting for container 'a'. At least one of 'memory' or 'memoryReservation' must be specified.");
    insta::assert_snapshot!(told(&mut world, "DescribeTaskDefinition", json!({ "taskDefinition": "nobody" })), @"ClientException: Unable to describe task definition.");
    insta::assert_snapshot!(told(&mut world, "RunTask", json!({ "taskDefinition": definition, "launchType": "FARGATE" })), @"InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    insta::assert_snapshot!(told(&mut world, "RunTask", json!({ "taskDefinition": definition, "networkConfiguration": network })), @"InvalidParameterException: No Container Instances were found in your cluster.");
    insta::assert_snapshot!(told(&mut world, "RunTask", json!({ "taskDefinition": definition, "cluster": "nobody" })), @"ClusterNotFoundException: Cluster not found.");
    let vpc = world.state.ec2.vpcs.keys().next().unwrap().clone();
    let alone = json!({ "Name": "alone", "Port": 80, "Protocol": "HTTP", "VpcId": vpc, "TargetType": "ip" });
    let alone = text(&world.call("CreateTargetGroup", alone)["TargetGroups"][0]["TargetGroupArn"]);
    let group = world.group.clone();
    let service = |group: &str, name: &str, port: u16| {
        json!({ "serviceName": "s", "taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": network,
            "loadBalancers": [{ "targetGroupArn": group, "containerName": name, "containerPort": port }] })
    };
    let refusal = world.refused("CreateService", service(&alone, "web", 8080));
    assert_eq!(
        refusal,
        format!(
            "InvalidParameterException: The target group with targetGroupArn {alone} does not have an associated load balancer."
        )
    );
    insta::assert_snapshot!(told(&mut world, "CreateService", service(&group, "other", 8080)), @"InvalidParameterException: The container other does not exist in the task definition.");
    insta::assert_snapshot!(told(&mut world, "CreateService", service(&group, "web", 81)), @"InvalidParameterException: The container web did not have a container port 81 defined.");
    world.call("CreateService", service(&group, "web", 8080));
    assert_eq!(world.call("CreateService", service(&group, "web", 8080))["service"]["serviceName"], "s");
    let mut other = service(&group, "web", 8080);
    other["desiredCount"] = json!(1);
    insta::assert_snapshot!(told(&mut world, "CreateService", other), @"InvalidParameterException: Creation of service was not idempotent.");
    let missing = world.call("DescribeServices", json!({ "services": ["nobody"] }));
    assert_eq!(missing["failures"][0]["reason"], "MISSING");
}

#[test]
fn a_definition_is_deregistered_then_deleted_when_nothing_is_of_it() {
    let mut world = World::new();
    world.serve(1, &json!({}));
    world.pass(4);
    let key = "web:1";
    let failed = world.call("DeleteTaskDefinitions", json!({ "taskDefinitions": [key] }));
    assert!(text(&failed["failures"][0]["reason"]).contains("still in ACTIVE status"));
    assert_eq!(
        world.call("DeregisterTaskDefinition", json!({ "taskDefinition": key }))["taskDefinition"]["status"],
        "INACTIVE"
    );
    assert_eq!(world.call("ListTaskDefinitions", json!({}))["taskDefinitionArns"], json!([]));
    // A running task is replaced all the same.
    let task = world.live()[0].clone();
    world.exits(&task.containers[0].machine(&task.id), 1);
    world.pass(4);
    assert_eq!(world.serving().len(), 1);
    let gone = world.call("DeleteTaskDefinitions", json!({ "taskDefinitions": [key] }));
    assert_eq!(gone["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS");
    let network =
        json!({ "taskDefinition": key, "launchType": "FARGATE", "networkConfiguration": world.network() });
    assert_eq!(world.refused("RunTask", network), "ClientException: TaskDefinition is inactive");
    world.call("DeleteService", json!({ "service": "web", "force": true }));
    world.pass(60);
    assert!(
        world
            .refused("DescribeTaskDefinition", json!({ "taskDefinition": key }))
            .starts_with("ClientException")
    );
    let next = world.define(HELLO, &json!({}));
    assert!(next.ends_with("web:2"), "the number goes on: {next}");
}
