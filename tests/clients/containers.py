"""Steps of the walk: a cluster, task definitions, tasks, and a service behind a load balancer."""

import datetime

from refusals import code_of
from walk import same, until

IMAGE = "bgform-hello:1.0"


def definition(walk, image=IMAGE, **more):
    container = {"name": "web", "image": image, "portMappings": [{"containerPort": 8080}],
                 "environment": [{"name": "COLOR", "value": "blue"}], **more}
    return walk.ecs.register_task_definition(
        family="clients-web", cpu="256", memory="512", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        containerDefinitions=[container], tags=[{"key": "clients", "value": "yes"}])["taskDefinition"]


def cluster(walk):
    ecs, t = walk.ecs, walk.things
    made = ecs.create_cluster(clusterName="clients", tags=[{"key": "clients", "value": "yes"}],
                              settings=[{"name": "containerInsights", "value": "disabled"}])["cluster"]
    t["cluster"] = made["clusterArn"]
    same("the repeat's cluster", ecs.create_cluster(clusterName="clients")["cluster"]["clusterArn"], t["cluster"])
    ecs.put_cluster_capacity_providers(
        cluster="clients", capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])
    ecs.update_cluster(cluster="clients", settings=[{"name": "containerInsights", "value": "enabled"}])
    shown = ecs.describe_clusters(clusters=["clients", "nobody"], include=["TAGS", "SETTINGS", "CONFIGURATIONS"])
    same("settings", shown["clusters"][0]["settings"], [{"name": "containerInsights", "value": "enabled"}])
    same("failures", [one["reason"] for one in shown["failures"]], ["MISSING"])
    same("clusters", ecs.list_clusters()["clusterArns"], [t["cluster"]])
    ecs.tag_resource(resourceArn=t["cluster"], tags=[{"key": "a", "value": "b"}])
    ecs.untag_resource(resourceArn=t["cluster"], tagKeys=["clients"])
    same("tags", ecs.list_tags_for_resource(resourceArn=t["cluster"])["tags"], [{"key": "a", "value": "b"}])


def task(walk):
    ecs, t = walk.ecs, walk.things
    first, second = definition(walk), definition(walk, command=["sh", "-c", "echo $COLOR; exit 3"])
    t["definition"] = first["taskDefinitionArn"]
    same("revisions", (first["revision"], second["revision"]), (1, 2))
    same("the newest", ecs.describe_task_definition(taskDefinition="clients-web", include=["TAGS"])["tags"],
         [{"key": "clients", "value": "yes"}])
    same("definitions", ecs.list_task_definitions(familyPrefix="clients-web", sort="DESC")["taskDefinitionArns"],
         [second["taskDefinitionArn"], first["taskDefinitionArn"]])
    same("families", ecs.list_task_definition_families(familyPrefix="clients")["families"], ["clients-web"])
    t["awsvpc"] = {"awsvpcConfiguration": {"subnets": t["subnets"][:2], "securityGroups": [t["group"]],
                                           "assignPublicIp": "ENABLED"}}
    ran = ecs.run_task(cluster="clients", taskDefinition="clients-web", launchType="FARGATE", startedBy="clients",
                       networkConfiguration=t["awsvpc"], clientToken="once", tags=[{"key": "a", "value": "b"}])
    again = ecs.run_task(cluster="clients", taskDefinition="clients-web", launchType="FARGATE", startedBy="clients",
                         networkConfiguration=t["awsvpc"], clientToken="once", tags=[{"key": "a", "value": "b"}])
    arn = ran["tasks"][0]["taskArn"]
    same("the repeat's task", again["tasks"][0]["taskArn"], arn)
    ecs.get_waiter("tasks_stopped").wait(cluster="clients", tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    ended = ecs.describe_tasks(cluster="clients", tasks=[arn, "0" * 32], include=["TAGS"])
    same("exit code", ended["tasks"][0]["containers"][0]["exitCode"], 3)
    same("reason", ended["tasks"][0]["stoppedReason"], "Essential container in task exited")
    same("failures", [one["reason"] for one in ended["failures"]], ["MISSING"])
    long = ecs.run_task(cluster="clients", taskDefinition=t["definition"], networkConfiguration=t["awsvpc"])["tasks"][0]
    same("provider", long["capacityProviderName"], "FARGATE")
    ecs.get_waiter("tasks_running").wait(cluster="clients", tasks=[long["taskArn"]],
                                         WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    same("running", ecs.list_tasks(cluster="clients", family="clients-web")["taskArns"], [long["taskArn"]])
    ecs.stop_task(cluster="clients", task=long["taskArn"], reason="enough")
    until("the stop code", lambda: ecs.describe_tasks(cluster="clients", tasks=[long["taskArn"]])["tasks"][0]
          .get("stopCode"), "UserInitiated")
    gone = ecs.deregister_task_definition(taskDefinition=second["taskDefinitionArn"])["taskDefinition"]
    same("status", gone["status"], "INACTIVE")
    deleted = ecs.delete_task_definitions(taskDefinitions=[second["taskDefinitionArn"], t["definition"]])
    same("deleted", [one["revision"] for one in deleted["taskDefinitions"]], [2])
    same("not deleted", [one["arn"] for one in deleted["failures"]], [t["definition"]])


def service(walk):
    ecs, elb, t = walk.ecs, walk.elb, walk.things
    group = elb.create_target_group(Name="clients-ip", Protocol="HTTP", Port=8080, VpcId=t["vpc"], TargetType="ip",
                                    HealthCheckPath="/healthz", HealthCheckIntervalSeconds=5,
                                    HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2)["TargetGroups"][0]
    t["ip"] = group["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=t["ip"], Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
    asked = {"cluster": "clients", "serviceName": "web", "taskDefinition": t["definition"], "desiredCount": 2,
             "networkConfiguration": t["awsvpc"], "launchType": "FARGATE", "healthCheckGracePeriodSeconds": 30,
             "loadBalancers": [{"targetGroupArn": t["ip"], "containerName": "web", "containerPort": 8080}],
             "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True},
                                         "maximumPercent": 200, "minimumHealthyPercent": 100},
             "enableECSManagedTags": True, "propagateTags": "SERVICE", "tags": [{"key": "clients", "value": "yes"}]}
    same("a group without a load balancer", code_of(lambda: ecs.create_service(**asked)), "InvalidParameterException")
    rule = elb.create_rule(ListenerArn=t["listener"], Priority=70,
                           Conditions=[{"Field": "path-pattern", "Values": ["/ecs/*"]}],
                           Actions=[{"Type": "forward", "TargetGroupArn": t["ip"]}])["Rules"][0]
    t["rules"].append(rule["RuleArn"])
    made = ecs.create_service(**asked)["service"]
    same("rollout", made["deployments"][0]["rolloutState"], "IN_PROGRESS")
    stable = {"cluster": "clients", "services": ["web"], "WaiterConfig": {"Delay": 1, "MaxAttempts": 90}}
    ecs.get_waiter("services_stable").wait(**stable)
    until("healthy targets", lambda: [one["TargetHealth"]["State"] for one in elb.describe_target_health(
        TargetGroupArn=t["ip"])["TargetHealthDescriptions"]], ["healthy"] * 2)
    second = definition(walk, "bgform-hello:2.0")["taskDefinitionArn"]
    ecs.update_service(cluster="clients", service="web", taskDefinition=second)
    listed = ecs.list_service_deployments(cluster="clients", service="web")["serviceDeployments"]
    ecs.describe_service_deployments(serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]])
    ecs.get_waiter("services_stable").wait(**stable)
    until("the rollout", lambda: ecs.describe_services(cluster="clients", services=["web"])["services"][0]
          ["deployments"][0]["rolloutState"], "COMPLETED")
    revisions = ecs.describe_service_revisions(serviceRevisionArns=[listed[0]["targetServiceRevisionArn"]])
    images = revisions["serviceRevisions"][0]["containerImages"]
    same("image", images[0]["image"], "bgform-hello:2.0")
    shown = ecs.describe_services(cluster="clients", services=["web", "nobody"], include=["TAGS"])
    said = [event["message"] for event in shown["services"][0]["events"]]
    same("the last event", said[0], "(service web) has reached a steady state.")
    same("failures", [one["reason"] for one in shown["failures"]], ["MISSING"])
    tasks = ecs.list_tasks(cluster="clients", serviceName="web")["taskArns"]
    tags = ecs.describe_tasks(cluster="clients", tasks=tasks, include=["TAGS"])["tasks"][0]["tags"]
    same("tags of a task", {tag["key"] for tag in tags}, {"clients", "aws:ecs:clusterName", "aws:ecs:serviceName"})
    ecs.update_service(cluster="clients", service="web", desiredCount=1)
    ecs.get_waiter("services_stable").wait(**stable)
    same("services", len(ecs.list_services(cluster="clients", launchType="FARGATE")["serviceArns"]), 1)


def schedule(walk):
    scaling = walk.session.client("application-autoscaling")
    of = {"ServiceNamespace": "ecs", "ResourceId": "service/clients/web",
          "ScalableDimension": "ecs:service:DesiredCount"}
    same("without a target", code_of(lambda: scaling.put_scheduled_action(
        ScheduledActionName="retire", Schedule="rate(1 day)", ScalableTargetAction={"MinCapacity": 0}, **of)),
        "ObjectNotFoundException")
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=3, **of)
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    same("bounds", [(one["MinCapacity"], one["MaxCapacity"]) for one in targets], [(1, 3)])
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    scaling.put_scheduled_action(ScheduledActionName="retire", Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
                                 ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0}, **of)
    actions = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    same("actions", [one["ScheduledActionName"] for one in actions], ["retire"])
    until("the tasks of a retired service", lambda: walk.ecs.list_tasks(cluster="clients")["taskArns"], [])
    scaling.delete_scheduled_action(ScheduledActionName="retire", **of)
    scaling.deregister_scalable_target(**of)
    walk.ecs.update_service(cluster="clients", service="web", desiredCount=1)


def tear_down(walk):
    ecs = walk.ecs
    if "ip" in walk.things:
        ecs.delete_service(cluster="clients", service="web", force=True)
        ecs.get_waiter("services_inactive").wait(cluster="clients", services=["web"],
                                                 WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    until("deletion of the cluster", lambda: code_of(lambda: ecs.delete_cluster(cluster="clients")), None)
