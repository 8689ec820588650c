"""Steps of the walk: a load balancer with listeners and rules, and a fleet behind it."""

import datetime

from refusals import code_of
from walk import same, until

LATE = "clients-late"


def load_balancer(walk):
    t, elb = walk.things, walk.elb
    made = elb.create_load_balancer(Name="clients-lb", Subnets=t["subnets"][:2], SecurityGroups=[t["group"]],
                                    Tags=[{"Key": "clients", "Value": "yes"}])["LoadBalancers"][0]
    lb = t["balancer"] = made["LoadBalancerArn"]
    same("first state", made["State"]["Code"], "provisioning")
    health = {"HealthCheckPath": "/", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
              "HealthyThresholdCount": 2, "Matcher": {"HttpCode": "200-399"}}
    for color in ["blue", "green"]:
        group = elb.create_target_group(Name=f"clients-{color}", Protocol="HTTP", Port=8080, VpcId=t["vpc"],
                                        TargetType="instance", **health)["TargetGroups"][0]
        t[color] = group["TargetGroupArn"]
    again = elb.create_target_group(Name="clients-blue", Protocol="HTTP", Port=8080, VpcId=t["vpc"],
                                    TargetType="instance", **health)["TargetGroups"][0]
    same("the repeat's group", again["TargetGroupArn"], t["blue"])
    elb.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[lb], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    elb.modify_target_group_attributes(TargetGroupArn=t["blue"], Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
    elb.describe_target_group_attributes(TargetGroupArn=t["blue"])
    elb.modify_load_balancer_attributes(LoadBalancerArn=lb, Attributes=[
        {"Key": "idle_timeout.timeout_seconds", "Value": "30"}])
    elb.describe_load_balancer_attributes(LoadBalancerArn=lb)
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {
        "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here"}}
    listener = elb.create_listener(LoadBalancerArn=lb, Protocol="HTTP", Port=80, DefaultActions=[fixed])
    t["listener"] = listener["Listeners"][0]["ListenerArn"]
    both = {"TargetGroups": [{"TargetGroupArn": t["blue"], "Weight": 100},
                             {"TargetGroupArn": t["green"], "Weight": 0}],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    redirect = {"Type": "redirect", "RedirectConfig": {
        "StatusCode": "HTTP_301", "Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}"}}
    conditions = [
        [{"Field": "path-pattern", "Values": ["/app/*"]}],
        [{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}],
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Canary", "Values": ["yes"]}}],
        [{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}},
         {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}, {"Value": "x"}]}}],
        [{"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/8"]}}],
    ]
    actions = [{"Type": "forward", "ForwardConfig": both}, redirect, {"Type": "forward",
               "TargetGroupArn": t["green"]}, fixed, {"Type": "forward", "TargetGroupArn": t["blue"]}]
    t["rules"] = [elb.create_rule(ListenerArn=t["listener"], Priority=10 * number, Conditions=condition,
                                  Actions=[action])["Rules"][0]["RuleArn"]
                  for number, (condition, action) in enumerate(zip(conditions, actions), 1)]
    rules = elb.describe_rules(ListenerArn=t["listener"])["Rules"]
    same("priorities", [rule["Priority"] for rule in rules], ["10", "20", "30", "40", "50", "default"])
    t["default_rule"] = rules[-1]["RuleArn"]
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": t["rules"][4], "Priority": 60}])
    elb.modify_rule(RuleArn=t["rules"][0], Actions=[{"Type": "forward", "ForwardConfig": {
        "TargetGroups": [{"TargetGroupArn": t["blue"], "Weight": 0},
                         {"TargetGroupArn": t["green"], "Weight": 100}]}}])
    elb.modify_listener(ListenerArn=t["listener"], DefaultActions=[fixed])
    elb.register_targets(TargetGroupArn=t["blue"], Targets=[{"Id": t["instance"], "Port": 8080}])
    first = elb.describe_target_health(TargetGroupArn=t["blue"])["TargetHealthDescriptions"][0]["TargetHealth"]
    if first["State"] not in ("initial", "healthy", "unhealthy"):
        raise AssertionError(f"a registered target is {first}")
    elb.deregister_targets(TargetGroupArn=t["blue"], Targets=[{"Id": t["instance"], "Port": 8080}])
    until("targets", lambda: elb.describe_target_health(TargetGroupArn=t["blue"])["TargetHealthDescriptions"], [])
    elb.add_tags(ResourceArns=[t["blue"], lb], Tags=[{"Key": "a", "Value": "b"}])
    shown = elb.describe_tags(ResourceArns=[lb])["TagDescriptions"][0]["Tags"]
    same("tags", {tag["Key"] for tag in shown}, {"a", "clients"})
    elb.remove_tags(ResourceArns=[lb], TagKeys=["a"])
    pages = elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 1})
    names = [group["TargetGroupName"] for page in pages for group in page["TargetGroups"]]
    same("groups by pages", sorted(names), ["clients-blue", "clients-green"])


def group(walk):
    found = walk.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["clients-asg"])["AutoScalingGroups"]
    return found[0] if found else None


def in_service(walk):
    return sum(one["LifecycleState"] == "InService" for one in group(walk)["Instances"])


def fleet(walk):
    t, asg = walk.things, walk.asg
    name = {"AutoScalingGroupName": "clients-asg"}
    tag = {"Key": "Name", "Value": "fleet", "PropagateAtLaunch": True,
           "ResourceId": "clients-asg", "ResourceType": "auto-scaling-group"}
    asg.create_auto_scaling_group(MinSize=1, MaxSize=4, DesiredCapacity=2, TargetGroupARNs=[t["green"]],
                                  LaunchTemplate={"LaunchTemplateName": "clients-web", "Version": "1"},
                                  VPCZoneIdentifier=",".join(t["subnets"][:2]), HealthCheckType="ELB",
                                  HealthCheckGracePeriod=300, Tags=[tag], **name)
    until("instances in service", lambda: in_service(walk), 2)
    until("targets", lambda: [one["TargetHealth"]["State"] for one in walk.elb.describe_target_health(
        TargetGroupArn=t["green"])["TargetHealthDescriptions"]], ["healthy", "healthy"])
    asg.set_desired_capacity(DesiredCapacity=3, **name)
    until("instances in service", lambda: in_service(walk), 3)
    asg.update_auto_scaling_group(DesiredCapacity=1, **name)
    until("instances", lambda: len(group(walk)["Instances"]), 1)
    hook = {"LifecycleHookName": "clients-hook", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
    asg.put_lifecycle_hook(HeartbeatTimeout=60, DefaultResult="ABANDON", **hook, **name)
    asg.describe_lifecycle_hooks(**name)
    asg.set_desired_capacity(DesiredCapacity=2, **name)
    waiting = until("a waiting instance", lambda: [one["InstanceId"] for one in group(walk)["Instances"]
                                                   if one["LifecycleState"] == "Pending:Wait"], bool)[0]
    asg.complete_lifecycle_action(LifecycleHookName="clients-hook", LifecycleActionResult="CONTINUE",
                                  InstanceId=waiting, **name)
    until("instances in service", lambda: in_service(walk), 2)
    asg.delete_lifecycle_hook(LifecycleHookName="clients-hook", **name)
    asg.suspend_processes(ScalingProcesses=["Launch"], **name)
    same("suspended", [one["ProcessName"] for one in group(walk)["SuspendedProcesses"]], ["Launch"])
    asg.resume_processes(**name)
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    asg.put_scheduled_update_group_action(ScheduledActionName=LATE, StartTime=later, DesiredCapacity=1, **name)
    same("scheduled", len(asg.describe_scheduled_actions(**name)["ScheduledUpdateGroupActions"]), 1)
    asg.delete_scheduled_action(ScheduledActionName=LATE, **name)
    refresh = asg.start_instance_refresh(Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0}, **name)
    codes = code_of(lambda: asg.start_instance_refresh(**name))
    same("a second refresh", codes, "InstanceRefreshInProgress")
    until("refresh", lambda: asg.describe_instance_refreshes(
        InstanceRefreshIds=[refresh["InstanceRefreshId"]], **name)["InstanceRefreshes"][0]["Status"], "Successful")
    until("instances in service", lambda: in_service(walk), 2)
    member = group(walk)["Instances"][0]["InstanceId"]
    asg.terminate_instance_in_auto_scaling_group(InstanceId=member, ShouldDecrementDesiredCapacity=True)
    until("instances", lambda: len(group(walk)["Instances"]), 1)
    asg.describe_scaling_activities(**name)
    asg.describe_auto_scaling_instances()
    asg.create_or_update_tags(Tags=[dict(tag, Key="more")])
    same("tags", len(asg.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": ["clients-asg"]}])["Tags"]), 2)
