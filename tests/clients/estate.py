#!/usr/bin/env python3
"""Walks through an estate with boto3 as a person would, and checks every answer.

    estate.py ENDPOINT

Needs an endpoint with nothing in it but what an account begins with. Each step that fails is told
with its reason, and the walk goes on; at the end come answers that are not of the shape that
botocore knows, and calls that were refused otherwise than AWS refuses them. Exit 1 for any.
"""

import datetime
import sys
import time
import traceback

import refusals
from shapes import checked_session

PATIENCE = 90  # seconds, for anything that takes time
LATE = "clients-late"


def main():
    session = checked_session(sys.argv[1])
    walk = Walk(session)
    for part in [walk.look_around, walk.network, walk.launch_template, walk.instance, walk.commands,
                 walk.image, walk.load_balancer, walk.fleet, walk.metrics, walk.describe_all]:
        walk.step(part.__name__, part)
    wrong, count = refusals.check(session, walk.things)
    walk.step("tear_down", walk.tear_down)
    for line in walk.failures:
        print("STEP  ", line)
    for line in session.problems:
        print("SHAPE ", line)
    for line in wrong:
        print("CODE  ", line)
    bad = len(walk.failures) + len(session.problems) + len(wrong)
    print(f"{len(session.calls)} operations, {count} refusals, {bad} failures")
    sys.exit(1 if bad else 0)


def until(what, ask, wanted=True):
    """Asks until the answer is the wanted one (or one that a function is content with)."""
    content = wanted if callable(wanted) else lambda found: found == wanted
    end = time.monotonic() + PATIENCE
    while True:
        found = ask()
        if content(found):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} is {found!r} after {PATIENCE} s")
        time.sleep(0.3)


def same(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}, not {wanted!r}")


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}, {"Key": "clients", "Value": "yes"}]}]


class Walk:
    def __init__(self, session):
        self.session = session
        self.failures = []
        self.things = {}
        self.ec2, self.elb = session.client("ec2"), session.client("elbv2")
        self.asg, self.ssm = session.client("autoscaling"), session.client("ssm")
        self.cloudwatch, self.sts = session.client("cloudwatch"), session.client("sts")

    def step(self, name, part):
        try:
            part()
        except Exception as error:  # noqa: BLE001: the walk goes on
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if frame.filename == __file__]
            line = [frame.lineno for frame in own if frame.name not in ("same", "until", "<lambda>")][-1]
            self.failures.append(f"{name} (line {line}): {type(error).__name__}: {error}")

    def state(self, instance):
        found = self.ec2.describe_instances(InstanceIds=[instance])
        return found["Reservations"][0]["Instances"][0]["State"]["Name"]

    def look_around(self):
        t = self.things
        t["account"] = self.sts.get_caller_identity()["Account"]
        t["vpc"] = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        mine = [{"Name": "vpc-id", "Values": [t["vpc"]]}]
        subnets = self.ec2.describe_subnets(Filters=mine)["Subnets"]
        t["subnets"] = [subnet["SubnetId"] for subnet in subnets]
        zones = self.ec2.describe_availability_zones()["AvailabilityZones"]
        same("zones", {subnet["AvailabilityZone"] for subnet in subnets}, {zone["ZoneName"] for zone in zones})
        names = [{"Name": "name", "Values": ["al2023-ami-*"]}, {"Name": "state", "Values": ["available"]}]
        images = self.ec2.describe_images(Owners=["amazon"], Filters=names)["Images"]
        t["image"] = max(images, key=lambda image: image["CreationDate"])["ImageId"]
        hello = [{"Name": "name", "Values": ["bgform-hello-*"]}]
        found = self.ec2.describe_images(Filters=hello)["Images"]
        t["hello"] = found[0]["ImageId"] if found else t["image"]

    def network(self):
        t, ec2 = self.things, self.ec2
        made = ec2.create_security_group(GroupName="clients-web", Description="web", VpcId=t["vpc"],
                                         TagSpecifications=tagged("security-group", "web"))
        group = t["group"] = made["GroupId"]
        rules = [
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
             "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]},
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]},
        ]
        added = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
        same("rules added", len(added["SecurityGroupRules"]), 3)
        only = [{"Name": "group-id", "Values": [group]}]
        found = ec2.describe_security_group_rules(Filters=only)["SecurityGroupRules"]
        same("rules, with the one outwards", len(found), 4)
        ec2.update_security_group_rule_descriptions_ingress(
            GroupId=group, SecurityGroupRuleDescriptions=[{
                "SecurityGroupRuleId": added["SecurityGroupRules"][0]["SecurityGroupRuleId"], "Description": "lan"}])
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rules[1]])
        # In the default VPC a rule that is not there is no error (API_RevokeSecurityGroupIngress).
        again = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rules[1]])
        same("unknown rules", len(again["UnknownIpPermissions"]), 1)
        shown = ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["we?"]}])["SecurityGroups"]
        same("groups by tag", [one["GroupId"] for one in shown], [group])
        same("rules inwards", len(shown[0]["IpPermissions"]), 2)
        pages = ec2.get_paginator("describe_security_group_rules")
        pages = list(pages.paginate(PaginationConfig={"PageSize": 5}))
        if not pages[0]["SecurityGroupRules"]:
            raise AssertionError("the first page is empty")

    def launch_template(self):
        t, ec2 = self.things, self.ec2
        data = {"ImageId": t["hello"], "InstanceType": "t3.micro", "SecurityGroupIds": [t["group"]],
                "TagSpecifications": tagged("instance", "fleet")}
        made = ec2.create_launch_template(LaunchTemplateName="clients-web", LaunchTemplateData=data,
                                          VersionDescription="first", ClientToken="clients-lt",
                                          TagSpecifications=tagged("launch-template", "web"))
        again = ec2.create_launch_template(LaunchTemplateName="clients-web", LaunchTemplateData=data,
                                           VersionDescription="first", ClientToken="clients-lt",
                                           TagSpecifications=tagged("launch-template", "web"))
        same("the repeat's template", again["LaunchTemplate"]["LaunchTemplateId"],
             made["LaunchTemplate"]["LaunchTemplateId"])
        t["template"] = made["LaunchTemplate"]["LaunchTemplateId"]
        ec2.create_launch_template_version(LaunchTemplateName="clients-web", SourceVersion="1",
                                           LaunchTemplateData={"InstanceType": "t3.small"})
        versions = ec2.describe_launch_template_versions(LaunchTemplateName="clients-web")["LaunchTemplateVersions"]
        same("versions, newest first", [version["VersionNumber"] for version in versions], [2, 1])
        same("inherited image", versions[0]["LaunchTemplateData"]["ImageId"], t["hello"])
        ec2.modify_launch_template(LaunchTemplateName="clients-web", DefaultVersion="2")
        shown = ec2.describe_launch_templates(LaunchTemplateIds=[t["template"]])["LaunchTemplates"][0]
        same("default version", shown["DefaultVersionNumber"], 2)
        ec2.modify_launch_template(LaunchTemplateName="clients-web", DefaultVersion="1")
        gone = ec2.delete_launch_template_versions(LaunchTemplateName="clients-web", Versions=["2", "9"])
        same("deleted versions", len(gone["SuccessfullyDeletedLaunchTemplateVersions"]), 1)
        same("not deleted", gone["UnsuccessfullyDeletedLaunchTemplateVersions"][0]["ResponseError"]["Code"],
             "launchTemplateVersionDoesNotExist")

    def instance(self):
        t, ec2 = self.things, self.ec2
        t["token"] = "clients-run-1"
        one = {"ImageId": t["image"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
               "SecurityGroupIds": [t["group"]], "SubnetId": t["subnets"][0], "ClientToken": t["token"],
               "TagSpecifications": tagged("instance", "one") + tagged("volume", "one"),
               "UserData": "#!/bin/sh\necho booted with user data\n"}
        run = ec2.run_instances(**one)
        i = t["instance"] = run["Instances"][0]["InstanceId"]
        same("the repeat's instance", ec2.run_instances(**one)["Instances"][0]["InstanceId"], i)
        same("first state", run["Instances"][0]["State"]["Name"], "pending")
        ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        ec2.get_waiter("instance_status_ok").wait(InstanceIds=[i], WaiterConfig={"Delay": 1, "MaxAttempts": 90})
        until("console output", lambda: ec2.get_console_output(InstanceId=i).get("Output", ""),
              lambda text: "booted with user data" in text)
        ec2.create_tags(Resources=[i], Tags=[{"Key": "extra", "Value": "1"}])
        tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [i]}])["Tags"]
        same("tags", {tag["Key"] for tag in tags}, {"Name", "clients", "extra"})
        ec2.delete_tags(Resources=[i], Tags=[{"Key": "extra"}])
        ec2.reboot_instances(InstanceIds=[i])
        same("while it reboots", self.state(i), "running")
        change = ec2.stop_instances(InstanceIds=[i])["StoppingInstances"][0]
        same("change", (change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("running", "stopping"))
        until("state", lambda: self.state(i), "stopped")
        ec2.modify_instance_attribute(InstanceId=i, InstanceType={"Value": "t3.large"})
        change = ec2.start_instances(InstanceIds=[i])["StartingInstances"][0]
        same("change", (change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("stopped", "pending"))
        until("state", lambda: self.state(i), "running")
        attribute = ec2.describe_instance_attribute(InstanceId=i, Attribute="instanceType")
        same("type", attribute["InstanceType"]["Value"], "t3.large")
        for filters in [{"instance-state-name": "running", "tag:Name": "one"}, {"image-id": t["image"]},
                        {"subnet-id": t["subnets"][0]}, {"vpc-id": t["vpc"]}, {"instance-type": "t3.*"}]:
            named = [{"Name": name, "Values": [value]} for name, value in filters.items()]
            found = ec2.describe_instances(Filters=named)["Reservations"]
            same(f"instances by {filters}", [one["InstanceId"] for r in found for one in r["Instances"]], [i])

    def commands(self):
        t, ssm = self.things, self.ssm
        i = t["instance"]
        online = lambda: [one["PingStatus"] for one in ssm.describe_instance_information(  # noqa: E731
            Filters=[{"Key": "InstanceIds", "Values": [i]}])["InstanceInformationList"]]
        until("the agent", online, ["Online"])
        for script, status, code, out in [("echo hello; echo oops >&2", "Success", 0, "hello\n"),
                                          ("exit 3", "Failed", 3, "")]:
            sent = ssm.send_command(InstanceIds=[i], DocumentName="AWS-RunShellScript",
                                    Parameters={"commands": [script]}, Comment="clients")["Command"]
            ask = lambda: ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=i)  # noqa: B023, E731
            until("invocations", lambda: len(ssm.list_command_invocations(
                CommandId=sent["CommandId"])["CommandInvocations"]), 1)  # noqa: B023
            done = until("command", ask, lambda found: found["Status"] not in ("Pending", "InProgress", "Delayed"))
            same(script, (done["Status"], done["ResponseCode"], done["StandardOutputContent"]), (status, code, out))
        ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)
        same("commands", ssm.list_commands(CommandId=sent["CommandId"])["Commands"][0]["Status"], "Failed")

    def image(self):
        t, ec2 = self.things, self.ec2
        t["made"] = ec2.create_image(InstanceId=t["instance"], Name="clients-image", NoReboot=True,
                                     TagSpecifications=tagged("image", "made") + tagged("snapshot", "made"))["ImageId"]
        shown = ec2.describe_images(ImageIds=[t["made"]])["Images"][0]
        same("first state", shown["State"], "pending")
        ec2.get_waiter("image_available").wait(ImageIds=[t["made"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        mine = ec2.describe_images(Owners=["self"])["Images"]
        same("own images", [image["ImageId"] for image in mine], [t["made"]])
        ec2.describe_image_attribute(ImageId=t["made"], Attribute="description")
        run = ec2.run_instances(ImageId=t["made"], InstanceType="t3.micro", MinCount=2, MaxCount=2)
        two = [one["InstanceId"] for one in run["Instances"]]
        ec2.get_waiter("instance_running").wait(InstanceIds=two, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        ec2.terminate_instances(InstanceIds=two)
        for i in two:
            until("state", lambda: self.state(i), "terminated")  # noqa: B023

    def load_balancer(self):
        t, elb = self.things, self.elb
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

    def group(self):
        found = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["clients-asg"])["AutoScalingGroups"]
        return found[0] if found else None

    def in_service(self):
        return sum(one["LifecycleState"] == "InService" for one in self.group()["Instances"])

    def fleet(self):
        t, asg = self.things, self.asg
        name = {"AutoScalingGroupName": "clients-asg"}
        tag = {"Key": "Name", "Value": "fleet", "PropagateAtLaunch": True,
               "ResourceId": "clients-asg", "ResourceType": "auto-scaling-group"}
        asg.create_auto_scaling_group(MinSize=1, MaxSize=4, DesiredCapacity=2, TargetGroupARNs=[t["green"]],
                                      LaunchTemplate={"LaunchTemplateName": "clients-web", "Version": "1"},
                                      VPCZoneIdentifier=",".join(t["subnets"][:2]), HealthCheckType="ELB",
                                      HealthCheckGracePeriod=300, Tags=[tag], **name)
        until("instances in service", self.in_service, 2)
        until("targets", lambda: [one["TargetHealth"]["State"] for one in self.elb.describe_target_health(
            TargetGroupArn=t["green"])["TargetHealthDescriptions"]], ["healthy", "healthy"])
        asg.set_desired_capacity(DesiredCapacity=3, **name)
        until("instances in service", self.in_service, 3)
        asg.update_auto_scaling_group(DesiredCapacity=1, **name)
        until("instances", lambda: len(self.group()["Instances"]), 1)
        hook = {"LifecycleHookName": "clients-hook", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        asg.put_lifecycle_hook(HeartbeatTimeout=60, DefaultResult="ABANDON", **hook, **name)
        asg.describe_lifecycle_hooks(**name)
        asg.set_desired_capacity(DesiredCapacity=2, **name)
        waiting = until("a waiting instance", lambda: [one["InstanceId"] for one in self.group()["Instances"]
                                                       if one["LifecycleState"] == "Pending:Wait"], bool)[0]
        asg.complete_lifecycle_action(LifecycleHookName="clients-hook", LifecycleActionResult="CONTINUE",
                                      InstanceId=waiting, **name)
        until("instances in service", self.in_service, 2)
        asg.delete_lifecycle_hook(LifecycleHookName="clients-hook", **name)
        asg.suspend_processes(ScalingProcesses=["Launch"], **name)
        same("suspended", [one["ProcessName"] for one in self.group()["SuspendedProcesses"]], ["Launch"])
        asg.resume_processes(**name)
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        asg.put_scheduled_update_group_action(ScheduledActionName=LATE, StartTime=later, DesiredCapacity=1, **name)
        same("scheduled", len(asg.describe_scheduled_actions(**name)["ScheduledUpdateGroupActions"]), 1)
        asg.delete_scheduled_action(ScheduledActionName=LATE, **name)
        refresh = asg.start_instance_refresh(Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0}, **name)
        codes = refusals.code_of(lambda: asg.start_instance_refresh(**name))
        same("a second refresh", codes, "InstanceRefreshInProgress")
        until("refresh", lambda: asg.describe_instance_refreshes(
            InstanceRefreshIds=[refresh["InstanceRefreshId"]], **name)["InstanceRefreshes"][0]["Status"], "Successful")
        until("instances in service", self.in_service, 2)
        member = self.group()["Instances"][0]["InstanceId"]
        asg.terminate_instance_in_auto_scaling_group(InstanceId=member, ShouldDecrementDesiredCapacity=True)
        until("instances", lambda: len(self.group()["Instances"]), 1)
        asg.describe_scaling_activities(**name)
        asg.describe_auto_scaling_instances()
        asg.create_or_update_tags(Tags=[dict(tag, Key="more")])
        same("tags", len(asg.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": ["clients-asg"]}])["Tags"]), 2)

    def metrics(self):
        c, now = self.cloudwatch, datetime.datetime.now(datetime.timezone.utc)
        minute = datetime.timedelta(minutes=1)
        of = [{"Name": "Color", "Value": "blue"}]
        metric = {"Namespace": "Clients", "MetricName": "Errors", "Dimensions": of}
        c.put_metric_data(Namespace="Clients", MetricData=[
            {"MetricName": "Errors", "Dimensions": of, "Unit": "Count", "Timestamp": now - 2 * minute, "Value": 9},
            {"MetricName": "Errors", "Dimensions": of, "Unit": "Count", "Timestamp": now - 2 * minute,
             "Values": [1, 2], "Counts": [2, 1]}])
        same("metrics", c.list_metrics(Namespace="Clients")["Metrics"], [metric])
        window = {"StartTime": now - 10 * minute, "EndTime": now + minute}
        stats = c.get_metric_statistics(Period=60, Statistics=["Sum", "Maximum", "SampleCount"],
                                        ExtendedStatistics=["p90"], **window, **metric)["Datapoints"]
        same("datapoints", [(one["Sum"], one["Maximum"], one["SampleCount"], one["Unit"]) for one in stats],
             [(13, 9, 4, "Count")])
        query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}, "ReturnData": False}
        data = c.get_metric_data(MetricDataQueries=[query, {"Id": "e", "Expression": "m * 4"}], **window)
        same("values", data["MetricDataResults"][0]["Values"], [13])
        c.put_metric_alarm(AlarmName="clients-alarm", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=5,
                           ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
                           Tags=[{"Key": "a", "Value": "b"}], **metric)
        alarm = c.describe_alarms(AlarmNames=["clients-alarm"])["MetricAlarms"][0]
        same("first state", alarm["StateValue"], "INSUFFICIENT_DATA")
        c.set_alarm_state(AlarmName="clients-alarm", StateValue="ALARM", StateReason="a test")
        same("alarms", len(c.describe_alarms_for_metric(**metric)["MetricAlarms"]), 1)
        same("tags", len(c.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]), 1)
        c.disable_alarm_actions(AlarmNames=["clients-alarm"])
        c.enable_alarm_actions(AlarmNames=["clients-alarm"])
        c.describe_alarm_history(AlarmName="clients-alarm")

    def describe_all(self):
        """Describe calls that the walk has no other use for."""
        ec2 = ["account_attributes", "regions", "internet_gateways", "route_tables", "network_acls", "dhcp_options",
               "network_interfaces", "instances", "instance_status", "instance_types", "images", "volumes",
               "volumes_modifications", "snapshots", "tags", "iam_instance_profile_associations",
               "launch_template_versions", "security_groups"]
        extra = {"launch_template_versions": {"Versions": ["$Latest"]}}
        asg = ["account_limits", "adjustment_types", "lifecycle_hook_types", "termination_policy_types",
               "metric_collection_types", "scaling_process_types", "policies", "auto_scaling_groups", "tags",
               "scaling_activities"]
        elb = ["load_balancers", "target_groups", "account_limits"]
        for client, names in [(self.ec2, ec2), (self.asg, asg), (self.elb, elb)]:
            for name in names:
                self.step(f"describe_{name}", lambda: getattr(client, f"describe_{name}")(**extra.get(name, {})))  # noqa: B023
        vpc = {"VpcId": self.things["vpc"], "Attribute": "enableDnsHostnames"}
        self.step("describe_vpc_attribute", lambda: self.ec2.describe_vpc_attribute(**vpc))
        listener = {"ListenerArn": self.things["listener"]}
        self.step("describe_listener_attributes", lambda: self.elb.describe_listener_attributes(**listener))

    def tear_down(self):
        t, ec2, elb, asg = self.things, self.ec2, self.elb, self.asg
        if "rules" in t:
            for rule in t["rules"]:
                elb.delete_rule(RuleArn=rule)
            elb.delete_listener(ListenerArn=t["listener"])
            elb.delete_load_balancer(LoadBalancerArn=t["balancer"])
        if self.group():
            asg.delete_auto_scaling_group(AutoScalingGroupName="clients-asg", ForceDelete=True)
            until("group", self.group, None)
        for color in ["blue", "green"]:
            if color in t:
                until(f"deletion of {color}", lambda: refusals.code_of(
                    lambda: elb.delete_target_group(TargetGroupArn=t[color])), None)  # noqa: B023
        if "instance" in t:
            ec2.terminate_instances(InstanceIds=[t["instance"]])
            ec2.get_waiter("instance_terminated").wait(
                InstanceIds=[t["instance"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        if "made" in t:
            ec2.deregister_image(ImageId=t["made"])
        if "template" in t:
            ec2.delete_launch_template(LaunchTemplateId=t["template"])
        self.cloudwatch.delete_alarms(AlarmNames=["clients-alarm"])
        if "group" in t:
            until("deletion of the security group", lambda: refusals.code_of(
                lambda: ec2.delete_security_group(GroupId=t["group"])), None)


if __name__ == "__main__":
    main()
