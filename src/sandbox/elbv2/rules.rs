//! Rules of listeners.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, random_hex};
use super::LoadBalancer;
use super::actions::{self, Action};
use super::conditions::{self, Condition};
use super::load_balancers::Kind;
use super::resource::{self, Resource};
use super::{Listener, limits, tags};

/// The calls about rules, by name.
pub const ACTIONS: Actions = &[
    ("CreateRule", create),
    ("ModifyRule", modify),
    ("DeleteRule", delete),
    ("SetRulePriorities", set_priorities),
    ("DescribeRules", describe),
];

/// A rule of a listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub arn: String,
    /// ARN.
    pub listener: String,
    /// 1 to 50,000; `None` for the default rule, which comes last.
    pub priority: Option<u32>,
    pub conditions: Vec<Condition>,
    pub action: Action,
}

impl Rule {
    /// A rule with a new ARN.
    pub fn new(listener: &str, priority: Option<u32>, conditions: Vec<Condition>, action: Action) -> Self {
        let arn = format!("{}/{}", listener.replacen(":listener/", ":listener-rule/", 1), random_hex(16));
        Self { arn, listener: listener.to_owned(), priority, conditions, action }
    }

    /// As answers have it (API_Rule).
    fn shown(&self) -> Value {
        json!({
            "RuleArn": self.arn,
            "Priority": self.priority.map_or("default".to_owned(), |priority| priority.to_string()),
            "Conditions": self.conditions.iter().map(Condition::shown).collect::<Vec<_>>(),
            "Actions": self.action.shown(),
            "IsDefault": self.priority.is_none(),
        })
    }
}

fn no_transforms(call: &Call) -> Result<(), Refusal> {
    match call.params.items("Transforms").is_empty() {
        true => Ok(()),
        false => Err(Refusal::validation("Transforms are not available in this region")),
    }
}

fn in_use(priority: u32) -> Refusal {
    Refusal::new("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

/// API_CreateRule
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let listener = Listener::arn(call.params)?;
    let Listener { load_balancer, protocol, .. } = Listener::find(call.state, &listener)?;
    let balancer = LoadBalancer::find(call.state, load_balancer)?;
    if balancer.kind == Kind::Network {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            "Rules are not supported on listeners of network load balancers",
        ));
    }
    no_transforms(call)?;
    let priority = call.params.number("Priority").unwrap_or_default();
    let conditions = conditions::read(call.params)?;
    let action = actions::read(call.state, call.params, "Actions", None)?;
    actions::allowed(call.state, balancer, protocol, &action)?;
    let tags = tags::given(call.params)?;
    if call.state.elbv2.rules_of(&listener).iter().any(|rule| rule.priority == Some(priority)) {
        return Err(in_use(priority));
    }
    let balancer = balancer.arn.clone();
    if rules_of_balancer(call.state, &balancer) >= limits::RULES {
        let message = "The maximum number of rules per load balancer has been reached";
        return Err(Refusal::new("TooManyRules", message));
    }
    let rule = Rule::new(&listener, Some(priority), conditions, action);
    let answer = json!({ "Rules": [rule.shown()] });
    tags::set(call.state, &rule.arn, tags);
    call.state.elbv2.rules.insert(rule.arn.clone(), rule);
    actions::few_groups(call.state, &balancer)?;
    Ok(answer)
}

/// Rules of all its listeners, without the default ones.
fn rules_of_balancer(state: &State, balancer: &str) -> usize {
    let known = &state.elbv2;
    let of = |rule: &&super::Rule| {
        let listener = known.listeners.get(&rule.listener);
        rule.priority.is_some() && listener.is_some_and(|listener| listener.load_balancer == balancer)
    };
    known.rules.values().filter(of).count()
}

/// API_ModifyRule: a given list replaces the whole list, an omitted one stays.
fn modify(call: &mut Call) -> Result<Value, Refusal> {
    let arn = Rule::arn(call.params)?;
    let mut rule = Rule::find(call.state, &arn)?.clone();
    if rule.priority.is_none() {
        return Err(Refusal::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be modified"),
        ));
    }
    no_transforms(call)?;
    let (conditions, actions) = (call.params.has("Conditions"), call.params.has("Actions"));
    if !conditions && !actions {
        return Err(Refusal::validation("Either conditions or actions must be specified"));
    }
    if conditions {
        rule.conditions = conditions::read(call.params)?;
    }
    let listener = Listener::find(call.state, &rule.listener)?;
    let balancer = LoadBalancer::find(call.state, &listener.load_balancer)?;
    if actions {
        rule.action = actions::read(call.state, call.params, "Actions", Some(&rule.action))?;
        actions::allowed(call.state, balancer, &listener.protocol, &rule.action)?;
    }
    let balancer = balancer.arn.clone();
    let answer = json!({ "Rules": [rule.shown()] });
    call.state.elbv2.rules.insert(arn, rule);
    actions::few_groups(call.state, &balancer)?;
    Ok(answer)
}

/// API_DeleteRule
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let arn = Rule::arn(call.params)?;
    if Rule::find(call.state, &arn)?.priority.is_none() {
        return Err(Refusal::new("OperationNotPermitted", format!("Default rule '{arn}' cannot be deleted")));
    }
    call.state.elbv2.rules.shift_remove(&arn);
    call.state.elbv2.tags.remove(&arn);
    Ok(json!({}))
}

/// API_SetRulePriorities: all at once, so that rules can change places.
fn set_priorities(call: &mut Call) -> Result<Value, Refusal> {
    let mut moved = BTreeSet::new();
    for pair in call.params.items("RulePriorities") {
        let arn = Rule::arn(&pair)?;
        let priority = pair.number::<u32>("Priority").ok_or_else(|| resource::missing("Priority"))?;
        if Rule::find(call.state, &arn)?.priority.is_none() {
            let message = format!("Default rule '{arn}' cannot be given a priority");
            return Err(Refusal::new("OperationNotPermitted", message));
        }
        if let Some(rule) = call.state.elbv2.rules.get_mut(&arn) {
            rule.priority = Some(priority);
        }
        if !moved.insert(arn) {
            return Err(Refusal::validation("A rule was specified more than once"));
        }
    }
    let mut shown = Vec::new();
    for arn in &moved {
        let rule = Rule::find(call.state, arn)?;
        let same = |other: &&Rule| other.priority == rule.priority && other.arn != rule.arn;
        if let Some(priority) = rule.priority
            && call.state.elbv2.rules_of(&rule.listener).iter().any(same)
        {
            return Err(in_use(priority));
        }
        shown.push(rule.shown());
    }
    Ok(json!({ "Rules": shown }))
}

/// API_DescribeRules: a listener's, or some by ARN.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let arns = Rule::arns(call.params)?;
    let shown = match (call.params.has("ListenerArn"), arns.is_empty()) {
        (true, true) => {
            let listener = Listener::arn(call.params)?;
            Listener::find(call.state, &listener)?;
            call.state.elbv2.rules_of(&listener).into_iter().map(Rule::shown).collect()
        }
        (false, false) => {
            arns.iter().map(|arn| Ok(Rule::find(call.state, arn)?.shown())).collect::<Result<_, Refusal>>()?
        }
        (true, false) => {
            return Err(Refusal::validation("You can't specify both a listener ARN and rule ARNs"));
        }
        (false, true) => {
            return Err(Refusal::validation("You must specify either listener rule ARNs or a listener ARN"));
        }
    };
    resource::PAGES.answer(call.params, "Rules", shown)
}
