#!/usr/bin/env python3
"""Writes `shapes.txt` of each service: the input shapes of the actions that the sandbox answers.

    python3 -m venv v && v/bin/pip install botocore && v/bin/python src/sandbox/wire/shapes/make.py

The shapes come from the service models that botocore ships (Apache License 2.0); the actions from the
`ACTIONS` lists in the folder of the service, which has the name that botocore has for it (`_` for `-`). `mod.rs` beside
this file reads the tables and says what their lines mean.
"""
import gzip
import json
import re
import textwrap
from pathlib import Path

import botocore

SANDBOX = Path(__file__).resolve().parents[2]
MODELS = Path(botocore.__file__).parent / "data"
KINDS = {"string": "text", "integer": "int", "long": "long", "float": "double", "double": "double",
         "boolean": "bool", "timestamp": "time", "blob": "blob"}
# Which characters a text may have at all is checked for every text at once (wire/xml.rs).
XML = "[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*"
# Rust's regex knows no lookahead.
SAME = {
    r"^(?!\s*$).+": r"^.*\S.*$",
    r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+":
        r"[^\x00-\x20\x7f-\x9f:/|]([^\x00-\x1f\x7f-\x9f:/|]*[^\x00-\x20\x7f-\x9f:/|])?",
    r"(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])":
        r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
}
# EC2 refuses these with a code of their own.
OWN_CODE = {"LaunchTemplateName", "ImageNameRequest"}
# Longer enumerations are catalogues, which the service keeps for itself: the types of instances.
LONGEST_ENUM = 200

# What the models leave out and the pages of the API reference say, by member, or by structure and member:
# a TYPE or a line of the table; "!" where it is required.
DOCUMENTED = {
    "ssm": {"Target.Key": "!"},
    "autoscaling": {
        "AttachInstances.InstanceIds": "list 1..20 XmlStringMaxLen19",
        "DetachInstances.InstanceIds": "list 1..20 XmlStringMaxLen19",
        "DescribeAutoScalingInstances.InstanceIds": "list ..50 XmlStringMaxLen19",
        "SetInstanceProtection.InstanceIds": "list ..50 XmlStringMaxLen19",
        "AdjustmentType": "enum ChangeInCapacity ExactCapacity PercentChangeInCapacity",
        "DefaultCooldown": "int 0..",
        "AlarmSpecification.Alarms": "list ..10 XmlStringMaxLen255",
        # Users' guide, enable-default-instance-warmup.
        "DefaultInstanceWarmup": "int -1..3600",
        "DefaultResult": "enum CONTINUE ABANDON",
        **{f"{call}AutoScalingGroup.{size}": "int 0.."
           for call in ("Create", "Update") for size in ("MinSize", "MaxSize", "DesiredCapacity")},
        "DesiredCapacity": "int -1..",
        "HealthCheckGracePeriod": "int 0..",
        "HealthStatus": "enum Healthy Unhealthy",
        "HeartbeatTimeout": "int 30..7200",
        "LifecycleActionResult": "enum CONTINUE ABANDON",
        "LifecycleTransition": "enum autoscaling:EC2_INSTANCE_LAUNCHING autoscaling:EC2_INSTANCE_TERMINATING",
        "MaxRecords": "int 1..100",
        "MaxSize": "int -1..",
        "MinSize": "int -1..",
        "PolicyType": "enum SimpleScaling StepScaling TargetTrackingScaling PredictiveScaling",
        "Tag.ResourceType": "enum auto-scaling-group",
    },
    "cloudwatch": {
        "Metric.MetricName": "!",
        "Metric.Namespace": "!",
        "MaxDatapoints": "int 1..100800",
        "MetricData": "list 1..1000 MetricDatum",
        "MetricDataQueries": "list 1..500 MetricDataQuery",
        "TreatMissingData": "enum breaching notBreaching ignore missing",
        "Values": "list ..150 double",
    },
    "ec2": {
        "BlockDeviceMapping.DeviceName": "!",
        "CreateSubnet.CidrBlock": "!",
        "CreateVpc.CidrBlock": "!",
        "DescribeAccountAttributes.AttributeNames": "[text]",
        "HttpPutResponseHopLimit": "int 1..64",
        "InstanceBlockDeviceMappingSpecification.DeviceName": "!",
        "IpPermission.IpProtocol": "!",
        "IpRange.CidrIp": "!",
        "Ipv6Range.CidrIpv6": "!",
        "LaunchTemplateBlockDeviceMappingRequest.DeviceName": "!",
        "LaunchTemplateTagSpecificationRequest.ResourceType": "!",
        "PrefixListId.PrefixListId": "!",
        "SecurityGroupRuleDescription.SecurityGroupRuleId": "!",
        "SecurityGroupRuleRequest.IpProtocol": "!",
        "CreateTags.Resources": "list ..1000 text",
        "DeleteTags.Resources": "list ..1000 text",
        "DeleteLaunchTemplateVersions.Versions": "list ..200 text",
        "Tag.Key": "! text ..128",
        "Tag.Value": "text ..256",
        "TagSpecification.ResourceType": "!",
        "DescribeInstanceStatus.MaxResults": "int 5..1000",
        "DescribeInstances.MaxResults": "int 5..1000",
        "DescribeTags.MaxResults": "int 5..1000",
    },
    "elbv2": {
        "Certificate.CertificateArn": "!",
        "HttpHeaderConditionConfig.HttpHeaderName": "!",
        "ListenerAttribute.Key": "!",
        "LoadBalancerAttribute.Key": "!",
        "QueryStringKeyValuePair.Value": "!",
        "RuleCondition.Field": "!",
        "RulePriorityPair.Priority": "!",
        "RulePriorityPair.RuleArn": "!",
        "SubnetMapping.SubnetId": "!",
        "TargetGroupAttribute.Key": "!",
        "TargetGroupTuple.TargetGroupArn": "!",
        "DescribeLoadBalancers.LoadBalancerArns": "list ..20 text",
        "DescribeLoadBalancers.Names": "list ..20 text",
        # These may be empty, as Terraform's provider sends them.
        "FixedResponseActionConfig.ContentType":
            "text 0..32 (text/(plain|css|html)|application/(javascript|json))?",
        "MutualAuthenticationAttributes.Mode": "text .. (off|passthrough|verify)?",
        "ProtocolVersion": "text .. (HTTP1|HTTP2|GRPC)?",
        "HealthCheckProtocol": "enum HTTP HTTPS TCP",
        "ResourceArns": "list 1..20 text",
        "SessionTimeout": "long 1..604800",
        "TargetGroupStickinessConfig.DurationSeconds": "int 1..604800",
        "TargetGroupTuple.Weight": "int 0..999",
    },
}


class Table:
    def __init__(self, service, model):
        self.documented, self.said = DOCUMENTED.get(service, {}), set()
        self.shapes, self.ec2 = model["shapes"], model["metadata"]["protocol"] == "ec2"
        self.lines = {}

    def wire(self, name, member):
        """The name of a member in a request."""
        if not self.ec2:
            return member.get("locationName", name)
        location = member.get("locationName", name)
        return member.get("queryName", location[0].upper() + location[1:])

    def members(self, name, shape):
        return " ".join(self.member(name, member, of, shape) for member, of in shape["members"].items())

    def member(self, name, member, of, shape):
        key = next((key for key in (f"{name}.{member}", member) if key in self.documented), None)
        self.said.add(key)
        documented = self.documented.get(key, "")
        line = documented.removeprefix("!").strip()
        for word in line.split()[2:]:
            if word in self.shapes:
                self.type(word)
        if " " in line:
            self.lines[key] = line
        needed = "!" if member in shape.get("required", []) or documented.startswith("!") else ""
        kind = key if " " in line else line or self.type(of["shape"])
        return f"{self.wire(member, of)}{needed}:{kind}"

    def type(self, name):
        """The word for a shape; its line is written where it has one."""
        shape = self.shapes[name]
        kind, bounds = shape["type"], f"{shape.get('min', '')}..{shape.get('max', '')}"
        pattern = SAME.get(shape.get("pattern"), shape.get("pattern", "")).replace(XML, "").replace(" ", r"\x20")
        if kind == "list":
            item = self.type(shape["member"]["shape"])
            if bounds == "..":
                return f"[{item}]"
            line = f"list {bounds} {item}"
        elif kind == "map":
            line = f"map {bounds} {self.type(shape['key']['shape'])} {self.type(shape['value']['shape'])}"
        elif kind == "structure":
            if name in self.lines:
                return name
            self.lines[name] = ""  # a shape may hold itself
            line = f"struct {self.members(name, shape)}"
        elif "enum" in shape and len(shape["enum"]) <= LONGEST_ENUM:
            line = "enum " + " ".join(shape["enum"])
        elif (bounds == ".." and not pattern) or (self.ec2 and name in OWN_CODE):
            return KINDS[kind]
        else:
            line = f"{KINDS[kind]} {bounds} {pattern}"
        self.lines[name] = line
        return name


def main():
    for folder in sorted(path.parent for path in SANDBOX.glob("*/mod.rs")):
        name = folder.name.replace("_", "-")
        if not (MODELS / name).is_dir():
            continue
        actions = sorted({
            action
            for source in folder.rglob("*.rs")
            for listed in re.findall(r"ACTIONS: .*?;\n", source.read_text(), re.DOTALL)
            for action in re.findall(r'\("(\w+)",\s', listed)})
        if not actions:
            continue
        with gzip.open(max((MODELS / name).iterdir()) / "service-2.json.gz") as file:
            model = json.load(file)
        table, calls = Table(name, model), []
        for action in actions:
            operation = model["operations"][action]
            shape = model["shapes"][operation["input"]["shape"]] if "input" in operation else {"members": {}}
            # The errors that an operation declares tell how it refuses parameters (CloudWatch).
            errors = {error["shape"] for error in operation.get("errors", [])}
            manner = "own" if "MissingRequiredParameterException" in errors else "plain"
            if model["metadata"]["protocol"] == "rest-xml":
                manner = f"rest {operation['http']['method']} {operation['http']['requestUri']}"
            calls.append(f"{action} {manner} {table.members(action, shape)}")
        assert not set(table.documented) - table.said, set(table.documented) - table.said
        lines = calls + [f"{name} {line}" for name, line in sorted(table.lines.items())]
        head = (f"# Input shapes of {model['metadata']['serviceId']}, {model['metadata']['apiVersion']}, from botocore "
                f"{botocore.__version__} (Apache License 2.0).\n# Made by wire/shapes/make.py; not to be edited.\n")
        wrap = textwrap.TextWrapper(110, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        (folder / "shapes.txt").write_text(head + "".join(wrap.fill(line) + "\n" for line in lines))
        print(f"{folder.name}: {len(actions)} actions, {len(lines)} shapes")


main()
