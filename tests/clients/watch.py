"""Steps of the walk: metrics and alarms, calls that only look, and the end of it all."""

import datetime

from refusals import code_of
from traffic import group
from walk import same, until


def metrics(walk):
    c, now = walk.cloudwatch, datetime.datetime.now(datetime.timezone.utc)
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


def describe_all(walk):
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
    for client, names in [(walk.ec2, ec2), (walk.asg, asg), (walk.elb, elb)]:
        for name in names:
            walk.step(f"describe_{name}", lambda: getattr(client, f"describe_{name}")(**extra.get(name, {})))  # noqa: B023
    vpc = {"VpcId": walk.things["vpc"], "Attribute": "enableDnsHostnames"}
    walk.step("describe_vpc_attribute", lambda: walk.ec2.describe_vpc_attribute(**vpc))
    listener = {"ListenerArn": walk.things["listener"]}
    walk.step("describe_listener_attributes", lambda: walk.elb.describe_listener_attributes(**listener))


def tear_down(walk):
    t, ec2, elb, asg = walk.things, walk.ec2, walk.elb, walk.asg
    if "rules" in t:
        for rule in t["rules"]:
            elb.delete_rule(RuleArn=rule)
        elb.delete_listener(ListenerArn=t["listener"])
        elb.delete_load_balancer(LoadBalancerArn=t["balancer"])
    if group(walk):
        asg.delete_auto_scaling_group(AutoScalingGroupName="clients-asg", ForceDelete=True)
        until("group", lambda: group(walk), None)
    for color in ["blue", "green", "ip"]:
        if color in t:
            until(f"deletion of {color}", lambda: code_of(
                lambda: elb.delete_target_group(TargetGroupArn=t[color])), None)  # noqa: B023
    if "instance" in t:
        ec2.terminate_instances(InstanceIds=[t["instance"]])
        ec2.get_waiter("instance_terminated").wait(
            InstanceIds=[t["instance"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    if "made" in t:
        ec2.deregister_image(ImageId=t["made"])
    if "template" in t:
        ec2.delete_launch_template(LaunchTemplateId=t["template"])
    walk.cloudwatch.delete_alarms(AlarmNames=["clients-alarm"])
    if "group" in t:
        until("deletion of the security group", lambda: code_of(
            lambda: ec2.delete_security_group(GroupId=t["group"])), None)
