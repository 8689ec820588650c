"""Checks answers of an AWS endpoint against the shapes that botocore has of the API.

Clients skip what they do not know and fill in what is missing, so an answer can be wrong without an
error. `checked_session(endpoint)` gives clients that look at every answer as it came: an unknown
element, wrong nesting, a missing required member, a value that does not parse or is not one of an
enumeration is written to `problems`, with its path.
"""

import base64
import binascii
import json
import re
import xml.etree.ElementTree as ElementTree

import boto3
from botocore.config import Config

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")
# What EC2 answers besides what its model says: CreateSecurityGroup and others a `return` (their
# pages' example responses), an internet gateway's attachment is `available` (its page's text), and
# a command of which nobody is notified has an empty type (the CLI's example of send-command).
UNLISTED = {"available": "Attachments[].State", "": "NotificationConfig.NotificationType"}
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class CheckedSession:
    """Clients of one endpoint and region; `problems`: what was wrong, in order, each once; `calls`:
    the names of the operations that were called."""

    def __init__(self, endpoint, region):
        self.endpoint = endpoint
        self.problems = []
        self.calls = set()
        self.session = boto3.Session(region_name=region, **CREDENTIALS)
        self.session.events.register("before-parse", self._check)

    def client(self, service):
        retries = {"mode": "standard", "total_max_attempts": 2}
        config = Config(retries=retries, read_timeout=30)
        return self.session.client(service, endpoint_url=self.endpoint, config=config)

    def _check(self, operation_model, response_dict, **_):
        service = operation_model.service_model.service_name
        name = operation_model.name
        self.calls.add(f"{service}.{name}")
        answer = Answer(operation_model, response_dict)
        try:
            answer.check()
        except (ElementTree.ParseError, ValueError) as error:
            answer.problem("body", f"does not parse: {error}")
        for problem in answer.problems:
            line = f"{service}.{name}: {problem}"
            if line not in self.problems:
                self.problems.append(line)


def checked_session(endpoint, region="us-east-1"):
    """Clients of the endpoint whose answers are checked."""
    return CheckedSession(endpoint, region)


class Answer:
    """One HTTP answer, of which `check` finds the problems."""

    def __init__(self, operation, response):
        self.operation = operation
        self.service = operation.service_model
        self.response = response
        self.protocol = self.service.resolved_protocol
        self.problems = []

    def problem(self, path, what):
        # The third of ten wrong items is no news.
        path = re.sub(r"\[\d+\]", "[]", path)
        self.problems.append(f"{path}: {what}")

    def check(self):
        body = self.response["body"]
        refused = self.response["status_code"] >= 300
        if self.protocol == "json":
            value = json.loads(body or b"{}")
            self.refusal_json(value) if refused else self.json(value, self.operation.output_shape, "answer")
            return
        root = ElementTree.fromstring(body)
        for element in root.iter():
            element.tag = element.tag.split("}")[-1]
        if refused:
            self.refusal_xml(root)
        else:
            self.answer_xml(root)

    # Errors.

    def refusal_json(self, value):
        if not value.get("__type"):
            self.problem("error", "has no __type")
        if "message" not in value and "Message" not in value:
            self.problem("error", "has no message")

    def refusal_xml(self, root):
        ec2 = self.protocol == "ec2"
        error = root.find("Errors/Error" if ec2 else "Error")
        if root.tag != ("Response" if ec2 else "ErrorResponse") or error is None:
            self.problem("error", f"is a {root.tag}, not of the protocol's form")
            return
        for wanted in ["Code", "Message"] + ([] if ec2 else ["Type"]):
            if error.find(wanted) is None:
                self.problem("error", f"has no {wanted}")
        if root.find("RequestID" if ec2 else "RequestId") is None:
            self.problem("error", "has no request id")

    # XML.

    def answer_xml(self, root):
        name = self.operation.name
        if root.tag != f"{name}Response":
            self.problem("answer", f"is a {root.tag}")
        shape = self.operation.output_shape
        if self.protocol == "ec2":
            if root.find("requestId") is None:
                self.problem("answer", "has no requestId")
            known = shape.members.values() if shape else []
            # Many operations say that they went well; for a few it is a member of their output.
            skipped = {"requestId", "return"} - {member.serialization.get("name") for member in known}
            children = [child for child in root if child.tag not in skipped]
            if shape is not None:
                self.structure(children, shape, "answer")
            for child in children if shape is None else []:
                self.problem(child.tag, "is unknown")
            return
        if self.protocol == "rest-xml":
            self.structure(list(root), shape, "answer")
            return
        if root.find("ResponseMetadata/RequestId") is None:
            self.problem("answer", "has no ResponseMetadata")
        result = root.find(f"{name}Result")
        if result is None:
            if shape is not None:
                self.problem("answer", f"has no {name}Result")
        elif shape is None:
            for child in result:
                self.problem(child.tag, "is unknown")
        else:
            self.structure(list(result), shape, "answer")

    def structure(self, children, shape, path):
        members = {}
        for name, member in shape.members.items():
            flattened = member.type_name == "list" and member.serialization.get("flattened")
            named = member.serialization.get("name", name)
            if flattened:
                named = member.member.serialization.get("name", named)
            members[named] = (name, member, flattened)
        seen = set()
        for child in children:
            if child.tag not in members:
                self.problem(f"{path}.{child.tag}", f"is unknown; known are {', '.join(sorted(members)) or 'none'}")
                continue
            name, member, flattened = members[child.tag]
            if name in seen and not flattened:
                self.problem(f"{path}.{child.tag}", "is there twice")
            seen.add(name)
            if flattened:
                self.xml(child, member.member, f"{path}.{name}[]")
            else:
                self.xml(child, member, f"{path}.{name}")
        for name in set(shape.required_members) - seen:
            if shape.members[name].serialization.get("location") != "header":
                self.problem(f"{path}.{name}", "is required and missing")

    def xml(self, element, shape, path):
        kind = shape.type_name
        if kind == "structure":
            self.structure(list(element), shape, path)
        elif kind == "list":
            item = shape.member.serialization.get("name", "member")
            for index, child in enumerate(element):
                if child.tag != item:
                    self.problem(path, f"has <{child.tag}>, not <{item}>")
                else:
                    self.xml(child, shape.member, f"{path}[{index}]")
            self.no_text(element, path)
        elif kind == "map":
            for entry in element:
                if entry.tag != "entry" or [child.tag for child in entry] != ["key", "value"]:
                    self.problem(path, f"has a <{entry.tag}> that is no entry of a key and a value")
                else:
                    self.xml(entry[1], shape.value, f"{path}{{}}")
        elif len(element):
            self.problem(path, f"is a {kind} and has <{element[0].tag}> in it")
        else:
            self.scalar(element.text or "", shape, path)
            return
        self.no_text(element, path)

    def no_text(self, element, path):
        if (element.text or "").strip():
            self.problem(path, f"has text: {element.text!r}")

    def scalar(self, text, shape, path):
        kind = shape.type_name
        try:
            if kind in ("integer", "long"):
                int(text)
            elif kind in ("float", "double"):
                float(text)
            elif kind == "boolean" and text not in ("true", "false"):
                raise ValueError
            elif kind == "timestamp" and not TIME.match(text):
                raise ValueError
            elif kind == "blob":
                base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            self.problem(path, f"is no {kind}: {text!r}")
        self.enumerated(text, shape, path)

    def enumerated(self, text, shape, path):
        names = getattr(shape, "enum", None)
        usual = text in UNLISTED and re.sub(r"\[\d+\]", "[]", path).endswith(UNLISTED[text])
        if names and text not in names and not usual:
            self.problem(path, f"is {text!r}, not one of {', '.join(names)}")

    # JSON.

    def json(self, value, shape, path):
        if shape is None:
            if value != {}:
                self.problem(path, f"should be empty: {value}")
            return
        kind = shape.type_name
        if kind == "structure":
            if not isinstance(value, dict):
                self.problem(path, f"is no structure: {value!r}")
                return
            for name, inner in value.items():
                if name not in shape.members:
                    self.problem(f"{path}.{name}", "is unknown")
                elif inner is not None:
                    self.json(inner, shape.members[name], f"{path}.{name}")
            for name in shape.required_members:
                if value.get(name) is None:
                    self.problem(f"{path}.{name}", "is required and missing")
        elif kind == "list" and isinstance(value, list):
            for index, inner in enumerate(value):
                self.json(inner, shape.member, f"{path}[{index}]")
        elif kind == "map" and isinstance(value, dict):
            for inner in value.values():
                self.json(inner, shape.value, f"{path}{{}}")
        elif kind in ("string", "character") and isinstance(value, str):
            self.enumerated(value, shape, path)
        elif kind == "boolean" and isinstance(value, bool):
            pass
        elif kind in ("integer", "long") and isinstance(value, int) and not isinstance(value, bool):
            pass
        elif kind in ("float", "double", "timestamp") and isinstance(value, (int, float)):
            pass
        elif kind == "blob" and isinstance(value, str):
            self.scalar(value, shape, path)
        else:
            self.problem(path, f"is no {kind}: {value!r}")
