"""Calls that AWS refuses, and the code that it refuses each with (the services' pages of error
codes and API references). `things` has the names and ids of what `estate.py` made."""

from botocore.exceptions import ClientError

UNKNOWN = "0123456789abcdef0"


def code_of(call):
    """The error code of a call; None where it went well."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def arn(things, kind, name):
    return f"arn:aws:elasticloadbalancing:us-east-1:{things['account']}:{kind}/{name}"


def ec2(client, things):
    """Pairs of a call and the code that it is to be refused with."""
    image, instance, group = things["image"], things["instance"], things["group"]
    one = {"MinCount": 1, "MaxCount": 1}
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    backwards = {"IpProtocol": "tcp", "FromPort": 90, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    wrong_cidr = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/99"}]}
    c = client
    return [
        (lambda: c.describe_instances(InstanceIds=["i-xyz"]), "InvalidInstanceID.Malformed"),
        (lambda: c.describe_instances(InstanceIds=[f"i-{UNKNOWN}"]), "InvalidInstanceID.NotFound"),
        (lambda: c.stop_instances(InstanceIds=[f"i-{UNKNOWN}"]), "InvalidInstanceID.NotFound"),
        (lambda: c.stop_instances(InstanceIds=["i-xyz"]), "InvalidInstanceID.Malformed"),
        (lambda: c.start_instances(InstanceIds=[f"i-{UNKNOWN}"]), "InvalidInstanceID.NotFound"),
        (lambda: c.reboot_instances(InstanceIds=[f"i-{UNKNOWN}"]), "InvalidInstanceID.NotFound"),
        (lambda: c.terminate_instances(InstanceIds=[f"i-{UNKNOWN}"]), "InvalidInstanceID.NotFound"),
        (lambda: c.get_console_output(InstanceId=f"i-{UNKNOWN}"), "InvalidInstanceID.NotFound"),
        (lambda: c.run_instances(ImageId=f"ami-{UNKNOWN}", InstanceType="t3.micro", **one), "InvalidAMIID.NotFound"),
        (lambda: c.run_instances(ImageId="ami-xyz", InstanceType="t3.micro", **one), "InvalidAMIID.Malformed"),
        (lambda: c.run_instances(ImageId=image, InstanceType="t3.micro", DryRun=True, **one), "DryRunOperation"),
        (lambda: c.run_instances(ImageId=image, InstanceType="x9.mega", **one), "InvalidParameterValue"),
        (lambda: c.run_instances(InstanceType="t3.micro", **one), "MissingParameter"),
        (lambda: c.run_instances(ImageId=image, MinCount=2, MaxCount=1), "InvalidParameterValue"),
        (
            lambda: c.run_instances(ImageId=image, SubnetId=f"subnet-{UNKNOWN}", **one),
            "InvalidSubnetID.NotFound",
        ),
        (
            lambda: c.run_instances(ImageId=image, SecurityGroupIds=[f"sg-{UNKNOWN}"], **one),
            "InvalidGroup.NotFound",
        ),
        (
            lambda: c.run_instances(ImageId=image, InstanceType="t3.small", ClientToken=things["token"], **one),
            "IdempotentParameterMismatch",
        ),
        (lambda: c.run_instances(LaunchTemplate={"LaunchTemplateName": "nobody"}, **one),
         "InvalidLaunchTemplateName.NotFoundException"),
        (lambda: c.terminate_instances(InstanceIds=[instance], DryRun=True), "DryRunOperation"),
        (lambda: c.describe_images(ImageIds=[f"ami-{UNKNOWN}"]), "InvalidAMIID.NotFound"),
        (lambda: c.deregister_image(ImageId=f"ami-{UNKNOWN}"), "InvalidAMIID.NotFound"),
        (lambda: c.create_image(InstanceId=instance, Name="clients-image"), "InvalidAMIName.Duplicate"),
        (lambda: c.create_image(InstanceId=instance, Name="clients!image"), "InvalidAMIName.Malformed"),
        (lambda: c.describe_security_groups(GroupIds=[f"sg-{UNKNOWN}"]), "InvalidGroup.NotFound"),
        (lambda: c.describe_security_groups(GroupIds=["sg-xyz"]), "InvalidGroupId.Malformed"),
        (lambda: c.delete_security_group(GroupId=group), "DependencyViolation"),
        (lambda: c.delete_security_group(GroupId=f"sg-{UNKNOWN}"), "InvalidGroup.NotFound"),
        (lambda: c.create_security_group(GroupName="clients-web", Description="x"), "InvalidGroup.Duplicate"),
        (lambda: c.create_security_group(GroupName="sg-clients", Description="x"), "InvalidParameterValue"),
        (lambda: c.create_security_group(GroupName="clients-vpc", Description="x", VpcId=f"vpc-{UNKNOWN}"),
         "InvalidVpcID.NotFound"),
        (
            lambda: c.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule]),
            "InvalidPermission.Duplicate",
        ),
        (
            lambda: c.authorize_security_group_ingress(GroupId=group, IpPermissions=[backwards]),
            "InvalidParameterValue",
        ),
        (
            lambda: c.authorize_security_group_ingress(GroupId=group, IpPermissions=[wrong_cidr]),
            "InvalidParameterValue",
        ),
        (lambda: c.describe_vpcs(VpcIds=[f"vpc-{UNKNOWN}"]), "InvalidVpcID.NotFound"),
        (lambda: c.describe_subnets(SubnetIds=[f"subnet-{UNKNOWN}"]), "InvalidSubnetID.NotFound"),
        (lambda: c.describe_vpcs(Filters=[{"Name": "nonsense", "Values": ["x"]}]), "InvalidParameterValue"),
        (lambda: c.describe_launch_templates(LaunchTemplateNames=["nobody"]),
         "InvalidLaunchTemplateName.NotFoundException"),
        (lambda: c.describe_launch_templates(LaunchTemplateIds=[f"lt-{UNKNOWN}"]),
         "InvalidLaunchTemplateId.NotFound"),
        (
            lambda: c.create_launch_template(LaunchTemplateName="clients-web", LaunchTemplateData={"ImageId": image}),
            "InvalidLaunchTemplateName.AlreadyExistsException",
        ),
        (lambda: c.modify_launch_template(LaunchTemplateName="clients-web", DefaultVersion="77"),
         "InvalidLaunchTemplateId.VersionNotFound"),
        (lambda: c.describe_launch_template_versions(LaunchTemplateName="clients-web", Versions=["77"]),
         "InvalidLaunchTemplateId.VersionNotFound"),
        (lambda: c.create_tags(Resources=[f"i-{UNKNOWN}"], Tags=[{"Key": "a", "Value": "b"}]),
         "InvalidInstanceID.NotFound"),
        (lambda: c.create_tags(Resources=[instance], Tags=[{"Key": "aws:a", "Value": "b"}]),
         "InvalidParameterValue"),
        (lambda: c.describe_instances(MaxResults=2), "InvalidParameterValue"),
        (lambda: c.describe_instances(NextToken="nonsense"), "InvalidNextToken"),
        (lambda: c.describe_volumes(VolumeIds=[f"vol-{UNKNOWN}"]), "InvalidVolume.NotFound"),
        (lambda: c.create_dhcp_options(DhcpConfigurations=[]), "InvalidAction"),
    ]


def elbv2(client, things):
    c, tg, balancer, listener = client, things["blue"], things["balancer"], things["listener"]
    forward = [{"Type": "forward", "TargetGroupArn": tg}]
    path = [{"Field": "path-pattern", "Values": ["/x"]}]
    nobody = arn(things, "targetgroup", "nobody/0123456789abcdef")
    no_listener = listener[:-16] + "0123456789abcdef"
    health = {"Protocol": "HTTP", "Port": 80, "VpcId": things["vpc"]}
    weights = {"TargetGroups": [{"TargetGroupArn": tg, "Weight": 1000}]}
    return [
        (lambda: c.describe_target_groups(Names=["nobody"]), "TargetGroupNotFound"),
        (lambda: c.describe_target_groups(TargetGroupArns=[nobody]), "TargetGroupNotFound"),
        (lambda: c.describe_target_health(TargetGroupArn=nobody), "TargetGroupNotFound"),
        (lambda: c.delete_target_group(TargetGroupArn=tg), "ResourceInUse"),
        (lambda: c.create_target_group(Name="clients-blue", Protocol="HTTP", Port=81, VpcId=things["vpc"]),
         "DuplicateTargetGroupName"),
        (lambda: c.create_target_group(Name="-wrong-", **health), "ValidationError"),
        (lambda: c.create_target_group(Name="x" * 33, **health), "ValidationError"),
        (lambda: c.register_targets(TargetGroupArn=tg, Targets=[{"Id": f"i-{UNKNOWN}"}]), "InvalidTarget"),
        (lambda: c.register_targets(TargetGroupArn=nobody, Targets=[{"Id": things["instance"]}]),
         "TargetGroupNotFound"),
        (lambda: c.describe_load_balancers(Names=["nobody"]), "LoadBalancerNotFound"),
        (lambda: c.create_load_balancer(Name="clients-lb", Subnets=things["subnets"][:2], Scheme="internal"),
         "DuplicateLoadBalancerName"),
        (lambda: c.create_load_balancer(Name="clients-one", Subnets=things["subnets"][:1]), "ValidationError"),
        (lambda: c.create_load_balancer(Name="clients-none", Subnets=[f"subnet-{UNKNOWN}"] * 2), "SubnetNotFound"),
        (lambda: c.describe_listeners(ListenerArns=[no_listener]), "ListenerNotFound"),
        (lambda: c.describe_rules(ListenerArn=no_listener), "ListenerNotFound"),
        (lambda: c.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418"}}]), "DuplicateListener"),
        (lambda: c.create_rule(ListenerArn=listener, Priority=10, Conditions=path, Actions=forward),
         "PriorityInUse"),
        (lambda: c.create_rule(ListenerArn=listener, Priority=50001, Conditions=path, Actions=forward),
         "ValidationError"),
        (lambda: c.create_rule(ListenerArn=listener, Priority=77, Conditions=path, Actions=[
            {"Type": "forward", "TargetGroupArn": nobody}]), "TargetGroupNotFound"),
        (lambda: c.create_rule(ListenerArn=listener, Priority=77, Conditions=path, Actions=[
            {"Type": "forward", "ForwardConfig": weights}]), "ValidationError"),
        (lambda: c.delete_rule(RuleArn=things["default_rule"]), "OperationNotPermitted"),
        (lambda: c.set_rule_priorities(RulePriorities=[{"RuleArn": things["rules"][0], "Priority": 20}]),
         "PriorityInUse"),
        (lambda: c.describe_tags(ResourceArns=[nobody]), "TargetGroupNotFound"),
    ]


def autoscaling(client, things):
    c = client
    template = {"LaunchTemplateName": "clients-web", "Version": "1"}
    zone = {"VPCZoneIdentifier": things["subnets"][0]}
    return [
        (lambda: c.create_auto_scaling_group(AutoScalingGroupName="clients-asg", MinSize=0, MaxSize=1,
                                             LaunchTemplate=template, **zone), "AlreadyExists"),
        (lambda: c.create_auto_scaling_group(AutoScalingGroupName="clients-x", MinSize=2, MaxSize=1,
                                             LaunchTemplate=template, **zone), "ValidationError"),
        (lambda: c.create_auto_scaling_group(AutoScalingGroupName="clients-x", MinSize=0, MaxSize=1, **zone),
         "ValidationError"),
        (lambda: c.set_desired_capacity(AutoScalingGroupName="clients-asg", DesiredCapacity=99), "ValidationError"),
        (lambda: c.set_desired_capacity(AutoScalingGroupName="nobody", DesiredCapacity=1), "ValidationError"),
        (lambda: c.delete_auto_scaling_group(AutoScalingGroupName="nobody"), "ValidationError"),
        (lambda: c.delete_auto_scaling_group(AutoScalingGroupName="clients-asg"), "ResourceInUse"),
        (lambda: c.cancel_instance_refresh(AutoScalingGroupName="clients-asg"), "ActiveInstanceRefreshNotFound"),
        (lambda: c.delete_scheduled_action(AutoScalingGroupName="clients-asg", ScheduledActionName="nobody"),
         "ValidationError"),
        (lambda: c.describe_auto_scaling_groups(NextToken="nonsense"), "InvalidNextToken"),
        (lambda: c.create_launch_configuration(LaunchConfigurationName="clients"), "InvalidAction"),
    ]


def ssm(client, things):
    c, shell = client, "AWS-RunShellScript"
    command = "01234567-89ab-4def-8123-456789abcdef"
    return [
        (lambda: c.send_command(InstanceIds=[f"i-{UNKNOWN}"], DocumentName=shell,
                                Parameters={"commands": ["true"]}), "InvalidInstanceId"),
        (lambda: c.send_command(InstanceIds=[things["instance"]], DocumentName="Nobody-Knows"), "InvalidDocument"),
        (lambda: c.get_command_invocation(CommandId=command, InstanceId=things["instance"]),
         "InvocationDoesNotExist"),
        (lambda: c.cancel_command(CommandId=command), "InvalidCommandId"),
        (lambda: c.list_commands(CommandId="nonsense-nonsense-nonsense-nonsense-"), "InvalidCommandId"),
    ]


def cloudwatch(client, things):
    c = client
    alarm = {"AlarmName": "clients-x", "MetricName": "m", "Namespace": "Clients", "Statistic": "Sum",
             "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    return [
        (lambda: c.delete_alarms(AlarmNames=["clients-alarm", "nobody"]), "ResourceNotFound"),
        (lambda: c.set_alarm_state(AlarmName="nobody", StateValue="OK", StateReason="x"), "ResourceNotFound"),
        (lambda: c.put_metric_alarm(**alarm), "ValidationError"),
        (lambda: c.put_metric_alarm(Period=60, DatapointsToAlarm=2, **alarm), "ValidationError"),
        (lambda: c.put_metric_data(Namespace="AWS/EC2", MetricData=[{"MetricName": "a", "Value": 1}]),
         "InvalidParameterValue"),
        (lambda: c.put_metric_data(Namespace="Clients", MetricData=[{"MetricName": "a"}]), "MissingParameter"),
        (lambda: c.describe_alarms(NextToken="nonsense"), "InvalidNextToken"),
    ]


def ecs(client, things):
    c, web = client, {"cluster": "clients", "service": "web"}
    run = {"cluster": "clients", "taskDefinition": things["definition"], "networkConfiguration": things["awsvpc"]}
    bad = "InvalidParameterException"
    return [
        (lambda: c.list_services(cluster="nobody"), "ClusterNotFoundException"),
        (lambda: c.delete_cluster(cluster="nobody"), "ClusterNotFoundException"),
        (lambda: c.delete_cluster(cluster="clients"), "ClusterContainsServicesException"),
        (lambda: c.describe_services(cluster="clients", services=[]), bad),
        (lambda: c.update_service(cluster="clients", service="nobody"), "ServiceNotFoundException"),
        (lambda: c.delete_service(**web), bad),
        (lambda: c.update_service(taskDefinition="nobody", **web), "ClientException"),
        (lambda: c.describe_task_definition(taskDefinition="nobody"), "ClientException"),
        (lambda: c.deregister_task_definition(taskDefinition="clients-web"), "ClientException"),
        (lambda: c.register_task_definition(family="x", containerDefinitions=[]), "ClientException"),
        (lambda: c.register_task_definition(family="x", containerDefinitions=[{"name": "a", "image": "b"}]),
         "ClientException"),
        (lambda: c.run_task(launchType="EC2", **run), bad),
        (lambda: c.run_task(count=11, **run), bad),
        (lambda: c.run_task(clientToken="once", **run), "ConflictException"),
        (lambda: c.run_task(platformVersion="9.9.9", **run), "PlatformUnknownException"),
        (lambda: c.run_task(launchType="NONE", **run), bad),
        (lambda: c.stop_task(cluster="clients", task="0" * 32), bad),
        (lambda: c.list_tasks(cluster="clients", serviceName="nobody"), "ServiceNotFoundException"),
        (lambda: c.list_tags_for_resource(resourceArn=things["cluster"].replace("clients", "nobody")), bad),
        (lambda: c.put_cluster_capacity_providers(cluster="clients", capacityProviders=["nobody"],
                                                  defaultCapacityProviderStrategy=[]), bad),
    ]


TABLES = {"ec2": ec2, "elbv2": elbv2, "autoscaling": autoscaling, "ssm": ssm, "cloudwatch": cloudwatch, "ecs": ecs}


def check(session, things):
    """What was refused otherwise than AWS does; a line each."""
    wrong, count = [], 0
    for service, table in TABLES.items():
        try:
            rows = table(session.client(service), things)
        except KeyError as missing:
            wrong.append(f"{service}: not tried, for {missing} was not made")
            continue
        for call, code in rows:
            count += 1
            try:
                found = code_of(call)
            except Exception as error:  # noqa: BLE001: the walk goes on
                found = f"{type(error).__name__}: {error}"
            if found != code:
                wrong.append(f"{service}, refusals.py:{call.__code__.co_firstlineno}: {found or 'no error'} instead of {code}")
    return wrong, count
