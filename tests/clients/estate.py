#!/usr/bin/env python3
"""Walks through an estate with boto3 as a person would, and checks every answer.

    estate.py ENDPOINT

Needs an endpoint with nothing in it but what an account begins with. Each step that fails is told
with its reason, and the walk goes on; at the end come answers that are not of the shape that
botocore knows, and calls that were refused otherwise than AWS refuses them. Exit 1 for any.
"""

import sys

import around
import compute
import containers
import refusals
import traffic
import watch
from shapes import checked_session
from walk import Walk

STEPS = [compute.look_around, compute.network, compute.launch_template, compute.instance,
         compute.commands, compute.image, traffic.load_balancer, traffic.fleet,
         containers.cluster, containers.task, containers.service, containers.schedule, watch.metrics,
         around.names, around.roles, around.kept, watch.describe_all]


def main():
    session = checked_session(sys.argv[1])
    walk = Walk(session)
    for step in STEPS:
        walk.step(step.__name__, lambda: step(walk))  # noqa: B023
    wrong, count = refusals.check(session, walk.things)
    walk.step("tear_down", lambda: containers.tear_down(walk))
    walk.step("tear_down", lambda: watch.tear_down(walk))
    for line in walk.failures:
        print("STEP  ", line)
    for line in session.problems:
        print("SHAPE ", line)
    for line in wrong:
        print("CODE  ", line)
    bad = len(walk.failures) + len(session.problems) + len(wrong)
    print(f"{len(session.calls)} operations, {count} refusals, {bad} failures")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
