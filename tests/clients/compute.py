"""Steps of the walk: a network, a machine, commands on it, an image of it."""

from walk import same, tagged, until


def look_around(walk):
    t = walk.things
    t["account"] = walk.sts.get_caller_identity()["Account"]
    t["vpc"] = walk.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    mine = [{"Name": "vpc-id", "Values": [t["vpc"]]}]
    subnets = walk.ec2.describe_subnets(Filters=mine)["Subnets"]
    t["subnets"] = [subnet["SubnetId"] for subnet in subnets]
    zones = walk.ec2.describe_availability_zones()["AvailabilityZones"]
    same("zones", {subnet["AvailabilityZone"] for subnet in subnets}, {zone["ZoneName"] for zone in zones})
    names = [{"Name": "name", "Values": ["al2023-ami-*"]}, {"Name": "state", "Values": ["available"]}]
    images = walk.ec2.describe_images(Owners=["amazon"], Filters=names)["Images"]
    t["image"] = max(images, key=lambda image: image["CreationDate"])["ImageId"]
    hello = [{"Name": "name", "Values": ["bgform-hello-*"]}]
    found = walk.ec2.describe_images(Filters=hello)["Images"]
    t["hello"] = found[0]["ImageId"] if found else t["image"]


def network(walk):
    t, ec2 = walk.things, walk.ec2
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


def launch_template(walk):
    t, ec2 = walk.things, walk.ec2
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


def instance(walk):
    t, ec2 = walk.things, walk.ec2
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
    own = ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]
    attached = [{"Name": "attachment.instance-id", "Values": [i]}]
    shown = ec2.describe_network_interfaces(Filters=attached)["NetworkInterfaces"][0]
    same("its interface", {name: shown[name] for name in own if name != "Attachment"},
         {name: own[name] for name in own if name != "Attachment"})
    until("console output", lambda: ec2.get_console_output(InstanceId=i).get("Output", ""),
          lambda text: "booted with user data" in text)
    ec2.create_tags(Resources=[i], Tags=[{"Key": "extra", "Value": "1"}])
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [i]}])["Tags"]
    same("tags", {tag["Key"] for tag in tags}, {"Name", "clients", "extra"})
    ec2.delete_tags(Resources=[i], Tags=[{"Key": "extra"}])
    ec2.reboot_instances(InstanceIds=[i])
    same("while it reboots", walk.state(i), "running")
    change = ec2.stop_instances(InstanceIds=[i])["StoppingInstances"][0]
    same("change", (change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("running", "stopping"))
    until("state", lambda: walk.state(i), "stopped")
    ec2.modify_instance_attribute(InstanceId=i, InstanceType={"Value": "t3.large"})
    change = ec2.start_instances(InstanceIds=[i])["StartingInstances"][0]
    same("change", (change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("stopped", "pending"))
    until("state", lambda: walk.state(i), "running")
    attribute = ec2.describe_instance_attribute(InstanceId=i, Attribute="instanceType")
    same("type", attribute["InstanceType"]["Value"], "t3.large")
    for filters in [{"instance-state-name": "running", "tag:Name": "one"}, {"image-id": t["image"]},
                    {"subnet-id": t["subnets"][0]}, {"vpc-id": t["vpc"]}, {"instance-type": "t3.*"}]:
        named = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        found = ec2.describe_instances(Filters=named)["Reservations"]
        same(f"instances by {filters}", [one["InstanceId"] for r in found for one in r["Instances"]], [i])


def commands(walk):
    t, ssm = walk.things, walk.ssm
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


def image(walk):
    t, ec2 = walk.things, walk.ec2
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
        until("state", lambda: walk.state(i), "terminated")  # noqa: B023
