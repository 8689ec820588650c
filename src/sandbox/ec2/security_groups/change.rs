//! Adds, removes and changes rules.

use serde_json::{Value, json};

use super::super::super::api::{Call, Params, Refusal};
use super::super::{ids, tags};
use super::groups::meant;
use super::rules::{self, Rule};
use super::{SecurityGroup, get, show};

/// Maximum number of rules of a group in one direction (VPC user guide, amazon-vpc-limits).
const RULES: usize = 60;

/// API_AuthorizeSecurityGroupIngress, API_AuthorizeSecurityGroupEgress
pub fn authorize(call: &mut Call, egress: bool) -> Result<Value, Refusal> {
    let id = meant(call)?;
    let group = get(call.state, &id)?;
    let new = rules::given(call.state, group, call.params, egress)?;
    for rule in &new {
        no_duplicate(group, rule)?;
    }
    let had = group.rules.values().filter(|rule| rule.egress == egress).count();
    if had + new.len() > RULES {
        return Err(Refusal::new(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    let given = tags::specified(call.params, "security-group-rule")?;
    for rule in &new {
        tags::set(call.state, &rule.id, given.clone());
    }
    let shown: Vec<_> = new.iter().map(|rule| show::rule(call.state, &id, rule)).collect();
    if let Some(group) = call.state.ec2.security_groups.get_mut(&id) {
        new.into_iter().for_each(|rule| drop(group.add(rule)));
    }
    Ok(json!({ "return": true, "securityGroupRuleSet": shown }))
}

fn no_duplicate(group: &SecurityGroup, rule: &Rule) -> Result<(), Refusal> {
    match group.rules.values().any(|other| other.id != rule.id && other.same(rule)) {
        false => Ok(()),
        true => Err(Refusal::new(
            "InvalidPermission.Duplicate",
            format!("the specified rule \"{}\" already exists", rule.words()),
        )),
    }
}

fn no_permission() -> Refusal {
    Refusal::new("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

/// The id of a rule of this group and direction: `InvalidSecurityGroupRuleId.NotFound`.
fn own_rule(group: &SecurityGroup, id: &str, egress: Option<bool>) -> Result<Rule, Refusal> {
    let rule = group.rules.get(id).filter(|rule| egress.is_none_or(|egress| rule.egress == egress));
    rule.cloned().ok_or_else(|| ids::refused("sgr", id))
}

/// API_RevokeSecurityGroupIngress, API_RevokeSecurityGroupEgress. In a default VPC, permissions that
/// no rule matches are answered and no error; in others they are one, and nothing is revoked.
pub fn revoke(call: &mut Call, egress: bool) -> Result<Value, Refusal> {
    let id = meant(call)?;
    let group = get(call.state, &id)?;
    let by_id = call.params.texts("SecurityGroupRuleId");
    let (mut gone, mut unknown) = (Vec::new(), Vec::new());
    if by_id.is_empty() {
        for wanted in rules::given(call.state, group, call.params, egress)? {
            match group.rules.values().find(|rule| rule.same(&wanted)) {
                Some(rule) => gone.push(rule.clone()),
                None => unknown.push(wanted),
            }
        }
        let default = call.state.ec2.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.is_default);
        if !unknown.is_empty() && !default {
            return Err(no_permission());
        }
    } else {
        for rule in &by_id {
            gone.push(own_rule(group, rule, Some(egress))?);
        }
    }
    if let Some(group) = call.state.ec2.security_groups.get_mut(&id) {
        group.rules.retain(|rule, _| !gone.iter().any(|gone| gone.id == *rule));
    }
    gone.iter().for_each(|rule| tags::forget(call.state, &rule.id));
    let revoked: Vec<_> = gone.iter().map(|rule| show::revoked(&id, rule)).collect();
    let unknown = (!unknown.is_empty()).then(|| show::permissions(call.state, unknown.iter()));
    Ok(json!({
        "return": true,
        "unknownIpPermissionSet": unknown,
        "revokedSecurityGroupRuleSet": revoked,
    }))
}

/// API_ModifySecurityGroupRules
pub fn modify_security_group_rules(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("GroupId");
    let updates = call.params.items("SecurityGroupRule");
    if updates.is_empty() {
        return Err(Refusal::missing("SecurityGroupRule"));
    }
    for update in &updates {
        let group = get(call.state, &id)?;
        let old = own_rule(group, &update.needed("SecurityGroupRuleId"), None)?;
        let request =
            update.child("SecurityGroupRule").ok_or_else(|| Refusal::missing("SecurityGroupRule"))?;
        let new = rules::modified(call.state, &old, &request)?;
        no_duplicate(group, &new)?;
        if let Some(group) = call.state.ec2.security_groups.get_mut(&id) {
            group.add(new);
        }
    }
    get(call.state, &id)?;
    Ok(json!({ "return": true }))
}

/// API_UpdateSecurityGroupRuleDescriptionsIngress, API_UpdateSecurityGroupRuleDescriptionsEgress
pub fn describe_anew(call: &mut Call, egress: bool) -> Result<Value, Refusal> {
    let id = meant(call)?;
    let group = get(call.state, &id)?;
    let by_id: Vec<Params> = call.params.items("SecurityGroupRuleDescription");
    let mut texts = Vec::new();
    if by_id.is_empty() {
        for wanted in rules::given(call.state, group, call.params, egress)? {
            let rule = group.rules.values().find(|rule| rule.same(&wanted)).ok_or_else(no_permission)?;
            texts.push((rule.id.clone(), wanted.description));
        }
    }
    for given in &by_id {
        let rule = own_rule(group, &given.needed("SecurityGroupRuleId"), Some(egress))?;
        texts.push((rule.id, rules::description(given)?));
    }
    if let Some(group) = call.state.ec2.security_groups.get_mut(&id) {
        for (rule, text) in texts {
            if let Some(rule) = group.rules.get_mut(&rule) {
                rule.description = text;
            }
        }
    }
    Ok(json!({ "return": true }))
}
