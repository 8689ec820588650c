//! Groups and rules as answers have them.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::list::{List, list};
use super::super::{network, tags};
use super::rules::{Rule, Source, no_name};
use super::{SecurityGroup, get, named};

const GROUPS: List = List {
    ids: ("GroupId", "groupId"),
    answer: "securityGroupInfo",
    most: 1000,
    filters: &[
        ("description", "groupDescription"),
        ("egress.ip-permission.cidr", "ipPermissionsEgress.ipRanges.cidrIp"),
        ("egress.ip-permission.from-port", "ipPermissionsEgress.fromPort"),
        ("egress.ip-permission.group-id", "ipPermissionsEgress.groups.groupId"),
        ("egress.ip-permission.ipv6-cidr", "ipPermissionsEgress.ipv6Ranges.cidrIpv6"),
        ("egress.ip-permission.prefix-list-id", "ipPermissionsEgress.prefixListIds.prefixListId"),
        ("egress.ip-permission.protocol", "ipPermissionsEgress.ipProtocol"),
        ("egress.ip-permission.to-port", "ipPermissionsEgress.toPort"),
        ("egress.ip-permission.user-id", "ipPermissionsEgress.groups.userId"),
        ("group-id", "groupId"),
        ("group-name", "groupName"),
        ("ip-permission.cidr", "ipPermissions.ipRanges.cidrIp"),
        ("ip-permission.from-port", "ipPermissions.fromPort"),
        ("ip-permission.group-id", "ipPermissions.groups.groupId"),
        ("ip-permission.ipv6-cidr", "ipPermissions.ipv6Ranges.cidrIpv6"),
        ("ip-permission.prefix-list-id", "ipPermissions.prefixListIds.prefixListId"),
        ("ip-permission.protocol", "ipPermissions.ipProtocol"),
        ("ip-permission.to-port", "ipPermissions.toPort"),
        ("ip-permission.user-id", "ipPermissions.groups.userId"),
        ("owner-id", "ownerId"),
        ("vpc-id", "vpcId"),
    ],
};

const RULES: List = List {
    ids: ("SecurityGroupRuleId", "securityGroupRuleId"),
    answer: "securityGroupRuleSet",
    most: 1000,
    filters: &[("group-id", "groupId"), ("security-group-rule-id", "securityGroupRuleId")],
};

/// API_DescribeSecurityGroups; names are those of the default VPC.
pub fn describe_security_groups(call: &mut Call) -> Result<Value, Refusal> {
    for id in call.params.texts("GroupId") {
        get(call.state, &id)?;
    }
    let names = call.params.texts("GroupName");
    let vpc = network::default_vpc(call.state).map(|vpc| vpc.id.as_str()).unwrap_or_default();
    if let Some(unknown) = names.iter().find(|name| named(call.state, vpc, name).is_none()) {
        return Err(no_name(call.state, unknown));
    }
    let groups = call.state.ec2.security_groups.values();
    let asked = groups.filter(|group| names.is_empty() || (group.vpc == vpc && names.contains(&group.name)));
    list(call, &GROUPS, asked.map(|group| shown(call.state, group)).collect())
}

/// API_DescribeSecurityGroupRules
pub fn describe_security_group_rules(call: &mut Call) -> Result<Value, Refusal> {
    let groups = call.state.ec2.security_groups.values();
    let rules = groups.flat_map(|group| group.rules.values().map(|one| rule(call.state, &group.id, one)));
    list(call, &RULES, rules.collect())
}

fn shown(state: &State, group: &SecurityGroup) -> Value {
    let rules = |egress| permissions(state, group.rules.values().filter(move |rule| rule.egress == egress));
    json!({
        "groupId": group.id,
        "ipPermissionsEgress": rules(true),
        "tagSet": tags::shown(&tags::of(state, &group.id)),
        "vpcId": group.vpc,
        "securityGroupArn": state.arn("ec2", &format!("security-group/{}", group.id)),
        "ownerId": state.account,
        "groupName": group.name,
        "groupDescription": group.description,
        "ipPermissions": rules(false),
    })
}

/// The key by which rules form one permission: protocol and ports.
type Same<'a> = (&'a str, Option<(i32, i32)>);

/// Rules as permissions: those of the same protocol and ports are one.
pub fn permissions<'a>(state: &State, rules: impl Iterator<Item = &'a Rule>) -> Value {
    let mut permissions: Vec<(Same, Value)> = Vec::new();
    for rule in rules {
        let key = (rule.protocol.as_str(), rule.ports);
        let index = match permissions.iter().position(|(other, _)| *other == key) {
            Some(index) => index,
            None => {
                let empty = json!({
                    "ipProtocol": rule.protocol,
                    "fromPort": rule.ports.map(|(from, _)| from),
                    "toPort": rule.ports.map(|(_, to)| to),
                    "groups": [], "ipRanges": [], "ipv6Ranges": [], "prefixListIds": [],
                });
                permissions.push((key, empty));
                permissions.len() - 1
            }
        };
        let text = rule.description.as_deref();
        let (place, source) = match &rule.source {
            Source::Ipv4(cidr) => ("ipRanges", json!({ "cidrIp": cidr, "description": text })),
            Source::Ipv6(cidr) => ("ipv6Ranges", json!({ "cidrIpv6": cidr, "description": text })),
            Source::PrefixList(id) => ("prefixListIds", json!({ "prefixListId": id, "description": text })),
            Source::Group(id) => {
                ("groups", json!({ "userId": state.account, "groupId": id, "description": text }))
            }
        };
        let list = permissions.get_mut(index).and_then(|(_, permission)| permission[place].as_array_mut());
        list.into_iter().for_each(|list| list.push(source.clone()));
    }
    permissions.into_iter().map(|(_, permission)| permission).collect()
}

/// A rule in the form of DescribeSecurityGroupRules; ports are -1 if the protocol has none.
pub fn rule(state: &State, group: &str, rule: &Rule) -> Value {
    let mut shown = common(group, rule, &state.account);
    if let Source::Group(id) = &rule.source {
        shown["referencedGroupInfo"] = json!({ "groupId": id, "userId": state.account });
    }
    shown["description"] = json!(rule.description);
    shown["tagSet"] = tags::shown(&tags::of(state, &rule.id));
    shown["securityGroupRuleArn"] = json!(state.arn("ec2", &format!("security-group-rule/{}", rule.id)));
    shown
}

/// A rule as Revoke answers it.
pub fn revoked(group: &str, rule: &Rule) -> Value {
    let mut shown = common(group, rule, "");
    shown["groupOwnerId"] = Value::Null;
    if let Source::Group(id) = &rule.source {
        shown["referencedGroupId"] = json!(id);
    }
    shown["description"] = json!(rule.description);
    shown
}

fn common(group: &str, rule: &Rule, owner: &str) -> Value {
    let (from, to) = rule.ports.unwrap_or((-1, -1));
    let mut shown = json!({
        "securityGroupRuleId": rule.id,
        "groupId": group,
        "groupOwnerId": owner,
        "isEgress": rule.egress,
        "ipProtocol": rule.protocol,
        "fromPort": from,
        "toPort": to,
    });
    match &rule.source {
        Source::Ipv4(cidr) => shown["cidrIpv4"] = json!(cidr),
        Source::Ipv6(cidr) => shown["cidrIpv6"] = json!(cidr),
        Source::PrefixList(id) => shown["prefixListId"] = json!(id),
        Source::Group(_) => {}
    }
    shown
}
