#!/usr/bin/env python3
"""A service of containers behind a load balancer, by boto3.

    service.py ENDPOINT up IMAGE           makes it with two tasks, waits, prints the load balancer's address
    service.py ENDPOINT release IMAGE      rolls it to another image and waits for the end of the deployment
    service.py ENDPOINT run IMAGE COMMAND  runs a task to its end; prints exit code and reason

`release` prints the states of the deployments that there were, newest first.
"""

import sys
import time

import boto3

PATIENCE = 300  # seconds


def until(ask):
    end = time.monotonic() + PATIENCE
    while not (found := ask()):
        if time.monotonic() > end:
            sys.exit(f"not within {PATIENCE} s")
        time.sleep(0.3)
    return found


def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name="us-east-1")


def define(image, **more):
    container = {"name": "web", "image": image, "portMappings": [{"containerPort": 8080}], **more}
    return client("ecs").register_task_definition(
        family="web", cpu="256", memory="512", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        containerDefinitions=[container])["taskDefinition"]["taskDefinitionArn"]


def subnets():
    return [one["SubnetId"] for one in client("ec2").describe_subnets()["Subnets"]][:2]


def network():
    return {"awsvpcConfiguration": {"subnets": subnets(), "assignPublicIp": "ENABLED"}}


def completed():
    """The service, once its only deployment is completed."""
    found = client("ecs").describe_services(services=["web"])["services"][0]
    return found if [one["rolloutState"] for one in found["deployments"]] == ["COMPLETED"] else None


def up(image):
    ecs, elb = client("ecs"), client("elbv2")
    ecs.create_cluster()
    vpc = client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    balancer = elb.create_load_balancer(Name="web", Subnets=subnets())["LoadBalancers"][0]
    group = elb.create_target_group(
        Name="web", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/healthz",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
        UnhealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}])
    elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
                        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    ecs.create_service(
        serviceName="web", taskDefinition=define(image), desiredCount=2, launchType="FARGATE",
        networkConfiguration=network(),
        loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    until(completed)
    print(balancer["DNSName"])


def release(image):
    ecs = client("ecs")
    before = completed()["deployments"][0]["id"]
    after = ecs.update_service(service="web", taskDefinition=define(image))["service"]["deployments"][0]["id"]
    ended = until(completed)["deployments"][0]["id"]
    print("shipped" if ended == after else "rolled back" if ended == before else "lost")


def run(image, command):
    ecs = client("ecs")
    task = ecs.run_task(taskDefinition=define(image, command=["sh", "-c", command]), launchType="FARGATE",
                        networkConfiguration=network())["tasks"][0]["taskArn"]

    def stopped():
        found = ecs.describe_tasks(tasks=[task])["tasks"][0]
        return found if found["lastStatus"] == "STOPPED" else None

    ended = until(stopped)
    print(ended["containers"][0].get("exitCode"), ended["stopCode"], ended["stoppedReason"])


if __name__ == "__main__":
    {"up": up, "release": release, "run": run}[sys.argv[2]](*sys.argv[3:])
