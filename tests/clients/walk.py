"""The walk that steps make: its clients, what was made so far, and the failures."""

import os
import time
import traceback

PATIENCE = 90  # seconds, for anything that takes time
HERE = os.path.dirname(os.path.abspath(__file__))


class Walk:
    """`things`: names and ids of what the steps made, for the steps after them."""

    def __init__(self, session):
        self.session = session
        self.failures = []
        self.things = {}
        self.ec2, self.elb = session.client("ec2"), session.client("elbv2")
        self.asg, self.ssm = session.client("autoscaling"), session.client("ssm")
        self.ecs = session.client("ecs")
        self.cloudwatch, self.sts = session.client("cloudwatch"), session.client("sts")

    def step(self, name, part):
        """Does a part; what fails is written down with its line, and the walk goes on."""
        try:
            part()
        except Exception as error:  # noqa: BLE001: the walk goes on
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if os.path.dirname(os.path.abspath(frame.filename)) == HERE]
            where = [frame for frame in own if frame.name not in ("same", "until", "step", "<lambda>")] or own
            line = f"{os.path.basename(where[-1].filename)}:{where[-1].lineno}"
            self.failures.append(f"{name} ({line}): {type(error).__name__}: {error}")

    def state(self, instance):
        found = self.ec2.describe_instances(InstanceIds=[instance])
        return found["Reservations"][0]["Instances"][0]["State"]["Name"]


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
