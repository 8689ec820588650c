//! `listener_rule`: forwards matching requests to target groups by weight. A change of weights waits for the
//! targets' health and is one call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use aws_sdk_elasticloadbalancingv2::operation::create_rule::CreateRuleInput;
use aws_sdk_elasticloadbalancingv2::types::{Rule as Described, RulePriorityPair};
use futures_util::future::try_join;
use serde::Deserialize;

use super::elbv2::actions::{self, Action};
use super::elbv2::conditions::{self, Condition};
use super::elbv2::cutover::{cut_over, wait_for_first};
use super::elbv2::door::door;
use super::elbv2::{self, SERVICE};
use super::router::{Door, Router, Shares};
use super::schema::{Schema, Type, Wrong, attribute, output};
use super::together::Together;
use super::{Boxed, Kind, Live, Named, Permissions, Tags, Traffic, Update, Wanted};
use crate::address::Address;
use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

/// A rule of a listener: its conditions, and its actions.
pub struct ListenerRule;

#[derive(Debug, Deserialize)]
pub struct Spec {
    listener: String,
    priority: i32,
    condition: Vec<Condition>,
    action: Vec<Action>,
    tags: Tags,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "listener_rule",
    doc: "Which requests of a listener go to which target groups, by weight.",
    attributes: vec![
        attribute("listener", Type::arn_of(&["listener"]), "The listener.")
            .required()
            .replaces()
            .api(&["listener_arn"]),
        attribute(
            "priority",
            Type::Integer { min: 1, max: 50_000 },
            "Rules are tried from the lowest number up; no two of a listener have the same.",
        )
        .required(),
        conditions::attribute_of_conditions(),
        actions::attribute_of_actions("action", "What is done with such requests.").api(&["actions"]),
        elbv2::tags_attribute(),
    ],
    outputs: vec![output("id", "The ARN."), output("arn", "The ARN.")],
    not_offered: &[("transforms", "rewriting of hosts and URLs is not offered yet")],
    unique: &["listener", "priority"],
});

/// Rules by ARN; missing ones are left out.
async fn described(cloud: &Cloud, arns: &[String]) -> Result<Vec<Described>, Error> {
    let fetch = |batch: Vec<String>| async move {
        let batch = &batch;
        elbv2::pages(|marker| async move {
            let describe = cloud.elbv2.describe_rules().set_rule_arns(Some(batch.clone())).set_marker(marker);
            let answer = cloud.read(SERVICE, "DescribeRules", || describe.clone().send()).await?;
            Ok((answer.rules.unwrap_or_default(), answer.next_marker))
        })
        .await
    };
    elbv2::batched(arns, elbv2::HUNDRED, fetch).await
}

/// All rules of a listener; empty if it is gone.
pub async fn rules_of(cloud: &Cloud, listener: &str) -> Result<Vec<Described>, Error> {
    let all = elbv2::pages(|marker| async move {
        let describe = cloud.elbv2.describe_rules().listener_arn(listener).set_marker(marker);
        let answer = cloud.read(SERVICE, "DescribeRules", || describe.clone().send()).await?;
        Ok((answer.rules.unwrap_or_default(), answer.next_marker))
    });
    Ok(elbv2::unless_gone(all.await)?.unwrap_or_default())
}

/// The listener of a rule. A rule's ARN is its listener's with `listener-rule` and one more part; no other
/// field of the API's answer names the listener.
fn listener_of(rule: &str) -> Option<String> {
    let (listener, _) = rule.rsplit_once('/')?;
    Some(listener.replacen(":listener-rule/", ":listener/", 1))
}

fn inputs_of(described: &Described, last: Option<&Record>) -> Object {
    let last = last.and_then(|last| last.inputs.get("action"));
    let arn = described.rule_arn().unwrap_or_default();
    let priority = described.priority().and_then(|text| text.parse::<i32>().ok());
    Object::from_iter([
        ("listener".to_owned(), listener_of(arn).into()),
        ("priority".to_owned(), priority.into()),
        ("condition".to_owned(), conditions::from_api(described.conditions())),
        ("action".to_owned(), actions::from_api(described.actions(), last)),
    ])
}

/// The highest free priority of a listener below `below` that is not in `chosen`.
pub(super) async fn free_priority(
    cloud: &Cloud,
    listener: &str,
    below: u32,
    chosen: &[u32],
) -> Result<Option<u32>, Error> {
    let rules = rules_of(cloud, listener).await?;
    let taken: BTreeSet<u32> =
        rules.iter().filter_map(|rule| rule.priority()?.parse().ok()).chain(chosen.iter().copied()).collect();
    Ok((1..below).rev().find(|priority| !taken.contains(priority)))
}

fn taken(listener: &str, priority: i32) -> Error {
    Error::failed(
        format!("priority {priority} is taken by another rule of {listener}"),
        "choose a free one; rules of the stack that change places with each other do so in one apply",
    )
}

/// The rule that this operation has made.
async fn made(op: &Operation<'_>, spec: &Spec) -> Result<Option<String>, Error> {
    let priority = spec.priority.to_string();
    let rules = rules_of(op.cloud, &spec.listener).await?.into_iter();
    let arns = rules.filter(|rule| rule.priority() == Some(&*priority)).filter_map(|rule| rule.rule_arn);
    elbv2::made_by(op, arns.collect()).await
}

/// Sets the priorities of rules, all or none (API_SetRulePriorities).
async fn set_priorities(op: &Operation<'_>, places: &[(String, Value)]) -> Result<(), Error> {
    let number = |value: &Value| value.as_number().map(|number| number as i32);
    let pairs = places.iter().map(|(arn, priority)| {
        RulePriorityPair::builder().rule_arn(arn).set_priority(number(priority)).build()
    });
    let set = op.cloud.elbv2.set_rule_priorities().set_rule_priorities(Some(pairs.collect()));
    match op.call(SERVICE, "SetRulePriorities", Repeat::Safe, || set.clone().send()).await {
        Err(error) if error.already_exists() => {
            // A repeat after a lost answer: the rules already have these priorities.
            let arns: Vec<String> = places.iter().map(|(arn, _)| arn.clone()).collect();
            let rules = described(op.cloud, &arns).await?;
            let stands = |(arn, priority): &(String, Value)| {
                let mut rules = rules.iter().filter(|rule| rule.rule_arn() == Some(arn));
                rules.any(|rule| rule.priority().and_then(|text| text.parse().ok()) == number(priority))
            };
            match places.iter().find(|place| !stands(place)) {
                None => Ok(()),
                Some((arn, priority)) => {
                    let listener = listener_of(arn).unwrap_or_default();
                    Err(taken(&listener, number(priority).unwrap_or_default()))
                }
            }
        }
        answer => answer.map(drop),
    }
}

impl Kind for ListenerRule {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            write: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateRule",
                "elasticloadbalancing:DeleteRule",
                "elasticloadbalancing:ModifyRule",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:SetRulePriorities",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let create = op
            .cloud
            .elbv2
            .create_rule()
            .listener_arn(&spec.listener)
            .priority(spec.priority)
            .set_conditions(Some(conditions::to_api(&spec.condition)))
            .set_actions(Some(actions::to_api(&spec.action)))
            .set_tags(Some(elbv2::tag_list(&op.tags(&spec.tags))));
        let answer = op.call(SERVICE, "CreateRule", Repeat::OnThrottle, || create.clone().send()).await;
        let arn = match answer {
            Ok(answer) => answer.rules().first().and_then(|rule| rule.rule_arn()).map(str::to_owned),
            Err(error) if error.already_exists() => {
                let made = op.said_twice(error, || made(op, &spec)).await;
                Some(made.map_err(|error| match error.already_exists() {
                    true => taken(&spec.listener, spec.priority),
                    false => error,
                })?)
            }
            Err(error) => return Err(error),
        };
        let arn = arn.ok_or_else(|| elbv2::unanswered("CreateRule"))?;
        wait_for_first(op, &spec.action).await?;
        Ok(arn)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let arns = elbv2::ids(wanted);
        let (all, tags) = try_join(described(cloud, &arns), elbv2::declared_tags_of(cloud, wanted)).await?;
        let last: BTreeMap<&str, Option<&Record>> = wanted.iter().map(|one| (one.id, one.last)).collect();
        let live = all.iter().map(|one| {
            let arn = one.rule_arn().unwrap_or_default().to_owned();
            let mut inputs = inputs_of(one, last.get(arn.as_str()).copied().flatten());
            inputs.extend(tags.get(&arn).map(|tags| ("tags".to_owned(), tags.clone())));
            let outputs = ["id", "arn"].map(|name| (name.to_owned(), Value::string(&arn)));
            (arn.clone(), Live { inputs, outputs: Object::from_iter(outputs) })
        });
        Ok(live.collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let (before, after) = (&update.before, &update.after);
        if update.touches("priority") {
            set_priorities(op, &[(update.id.to_owned(), after.priority.into())]).await?;
        }
        let conditions = update.touches("condition").then(|| conditions::to_api(&after.condition));
        // An omitted action list or condition list stays as it is (API_ModifyRule).
        let modify = |actions: Option<Vec<Action>>, conditions| {
            let modify = op.cloud.elbv2.modify_rule().rule_arn(update.id).set_conditions(conditions);
            let modify = modify.set_actions(actions.map(|actions| actions::to_api(&actions)));
            async move { op.call(SERVICE, "ModifyRule", Repeat::Safe, || modify.clone().send()).await.map(drop) }
        };
        if update.touches("action") {
            let write = |named| modify(Some(named), None);
            let finally = |all| modify(Some(all), conditions);
            cut_over(op, &before.action, &after.action, write, finally).await?;
        } else if conditions.is_some() {
            modify(None, conditions).await?;
        }
        if update.touches("tags") {
            elbv2::retag(op, update.id, &before.tags, &after.tags).await?;
        }
        if op.resumes && !update.touches("action") {
            wait_for_first(op, &after.action).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let delete = op.cloud.elbv2.delete_rule().rule_arn(&record.id);
        let answer = op.call(SERVICE, "DeleteRule", Repeat::Safe, || delete.clone().send()).await;
        elbv2::unless_gone(answer).map(drop)
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        made(op, &spec).await
    }

    fn check(&self, inputs: &Object) -> Vec<elbv2::Mistake> {
        let mut mistakes = actions::mistakes("action", inputs);
        mistakes.extend(actions::sticky_mistakes("action", inputs, false));
        mistakes.extend(conditions::mistakes(inputs));
        mistakes
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        let listener = inputs.get("listener").and_then(named);
        let protocol = listener.as_ref().and_then(|listener| listener.get("protocol")?.as_str());
        // API_CreateRule: only Application Load Balancers have rules.
        let wrong = protocol.filter(|protocol| !matches!(*protocol, "HTTP" | "HTTPS")).map(|protocol| {
            (
                "listener",
                format!("a listener that speaks {protocol} has no rules"),
                "say what is done with its connections in its default action; in a deployment write \
                 listener { listener = listener.NAME }"
                    .to_owned(),
            )
        });
        let groups = protocol.and_then(|protocol| actions::beside("action", protocol, inputs, named));
        wrong.or(groups).into_iter().collect()
    }

    fn traffic(&self, inputs: &Object) -> Traffic {
        Traffic { forwards: actions::forwards(inputs.get("action")), serves: Vec::new() }
    }

    fn router(&self) -> Option<&'static dyn Router> {
        Some(&Self)
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let mut arns = Vec::new();
            for listener in within.iter().filter(|id| id.contains(":listener/")) {
                arns.extend(rules_of(cloud, listener).await?.into_iter().filter_map(|one| one.rule_arn));
            }
            elbv2::of_stack(cloud, stack, arns).await
        })
    }

    fn together(&self) -> Option<&'static dyn Together> {
        Some(&Self)
    }

    fn create_inputs(&self) -> Vec<String> {
        vec![format!("{:?}", CreateRuleInput::builder().build())]
    }
}

impl Together for ListenerRule {
    fn attribute(&self) -> &'static str {
        "priority"
    }

    fn change<'a>(&'a self, op: &'a Operation<'a>, values: &'a [(String, Value)]) -> Boxed<'a, ()> {
        Box::pin(set_priorities(op, values))
    }

    fn neighbours<'a>(&'a self, cloud: &'a Cloud, inputs: &'a Object) -> Boxed<'a, Vec<(String, Value)>> {
        Box::pin(async move {
            let Some(listener) = inputs.get("listener").and_then(Value::as_str) else {
                return Ok(Vec::new());
            };
            let rules = rules_of(cloud, listener).await?.into_iter();
            // The default rule has no number.
            let placed =
                |rule: Described| Some((rule.rule_arn?, Value::from(rule.priority?.parse::<i32>().ok()?)));
            Ok(rules.filter_map(placed).collect())
        })
    }

    fn of_stack<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, ids: Vec<String>) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(elbv2::of_stack(cloud, stack, ids))
    }
}

/// The router of the requests that a rule matches. AWS answers and replaces the whole list of actions.
impl Router for ListenerRule {
    fn forward(&self) -> &'static str {
        "action"
    }

    /// The preview's header is one more value.
    fn no_preview(&self, inputs: &Object) -> Option<(String, String)> {
        let (count, most) = (conditions::count(inputs)?, conditions::MOST_VALUES);
        (count >= most).then(|| {
            (
                format!("a rule has at most {most} condition values, and with the preview's header this one has more"),
                "use wildcards for fewer values, or leave the preview out".to_owned(),
            )
        })
    }

    fn read<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Shares>> {
        Box::pin(async move {
            let rules = described(cloud, &[id.to_owned()]).await?;
            Ok(rules.first().map(|rule| actions::shares(rule.actions())))
        })
    }

    /// A listener tries the lowest number first.
    fn preview<'a>(
        &'a self,
        cloud: &'a Cloud,
        address: &'a Address,
        record: &'a Record,
        chosen: &'a [u32],
    ) -> Boxed<'a, u32> {
        Box::pin(async move {
            let Some((listener, own)) = self.place(&record.inputs) else {
                return Err(Error::failed(
                    format!("`{address}` says no listener and no priority, and its preview stands above it"),
                    "run `bgform plan`, which reads the rule again",
                ));
            };
            free_priority(cloud, &listener, own, chosen).await?.ok_or_else(|| {
                Error::failed(
                    format!(
                        "no priority above {own} is free on the listener, and the preview of `{address}` needs one"
                    ),
                    "give the deployment's rule a larger number, so that the number before it is free",
                )
            })
        })
    }

    fn door<'a>(&'a self, cloud: &'a Cloud, record: &'a Record) -> Boxed<'a, Result<Door, String>> {
        Box::pin(async move {
            let listener = record.inputs.get("listener").and_then(Value::as_str).unwrap_or_default();
            door(cloud, listener, host_of(record)).await
        })
    }

    fn door_permissions(&self) -> &'static [&'static str] {
        &elbv2::door::ACTIONS
    }

    fn balancer(&self, inputs: &Object) -> Option<String> {
        elbv2::balancer_of(inputs.get("listener")?.as_str()?)
    }

    fn place(&self, inputs: &Object) -> Option<(String, u32)> {
        let listener = inputs.get("listener")?.as_str()?.to_owned();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 50,000")]
        let priority = inputs.get("priority")?.as_number()? as u32;
        Some((listener, priority))
    }
}

/// The first host without a wildcard in the rule's conditions.
fn host_of(rule: &Record) -> Option<String> {
    let conditions = rule.inputs.get("condition")?.as_list()?;
    let hosts = conditions.iter().filter_map(|condition| condition.get("host_header").as_list());
    let plain = |host: &&str| !host.contains(['*', '?']);
    hosts.flatten().filter_map(Value::as_str).find(plain).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_listener_in_its_arn() {
        let rule = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/edge/50dc/f2f7/9683";
        let listener = "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/edge/50dc/f2f7";
        assert_eq!(listener_of(rule).as_deref(), Some(listener));
    }
}
