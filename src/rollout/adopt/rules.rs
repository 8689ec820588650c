//! The rules that a deployment takes over: each has to send all that it forwards to the adopted
//! target group, and nothing else may go there.

use aws_sdk_elasticloadbalancingv2::types::{ActionTypeEnum, Rule};

use super::{Stop, Taking, refused};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::elbv2::{name_in, pages};
use crate::kind::{self, listener_rule::rules_of};
use crate::plan::PlanError;
use crate::plan::resolve::resolve;
use crate::plan::take_over::Taken;
use crate::value::Value;

/// One rule of a listener, the default one included.
struct Route {
    listener: String,
    rule: Rule,
}

impl Route {
    fn arn(&self) -> &str {
        self.rule.rule_arn().unwrap_or_default()
    }

    fn is_default(&self) -> bool {
        self.rule.is_default() == Some(true)
    }

    fn priority(&self) -> Option<i64> {
        self.rule.priority().and_then(|text| text.parse().ok())
    }

    fn names(&self, group: &str) -> bool {
        self.rule.actions().iter().any(|action| {
            let weighted = action.forward_config().map(|config| config.target_groups()).unwrap_or_default();
            action.r#type() == Some(&ActionTypeEnum::Forward)
                && (action.target_group_arn() == Some(group)
                    || weighted.iter().any(|one| one.target_group_arn() == Some(group)))
        })
    }

    fn called(&self) -> String {
        let listener = listener_name(&self.listener);
        match self.priority() {
            Some(priority) => format!("the rule with priority {priority} of listener {listener}"),
            None => format!("the default action of listener {listener}"),
        }
    }
}

/// `edge/1234` of an ARN.
fn listener_name(arn: &str) -> String {
    let parts: Vec<&str> = arn.rsplit('/').take(3).collect();
    match parts.as_slice() {
        [id, _, name] => format!("{name}/{id}"),
        _ => arn.to_owned(),
    }
}

/// Takes every rule that the deployment writes; what it says of each.
pub(super) async fn take(taking: &mut Taking<'_>, group: &str) -> Result<Vec<String>, Stop> {
    let routes = routes(taking.cloud, group).await?;
    let mut mine: Vec<String> = Vec::new();
    let (mut lines, mut all_of) = (Vec::new(), Vec::new());
    for address in taking.program.rules_of(taking.name) {
        let (listener, priority) = place(taking, &address)?;
        let here = |route: &&Route| route.listener == listener && route.priority() == Some(priority);
        let Some(route) = routes.iter().find(here) else {
            return not_there(&routes, &address, &listener, priority, group);
        };
        let taken = taking.one(address, route.arn()).await?;
        same_requests(&taken, route)?;
        let left = all_weight(&taken, route, group)?;
        if takes_everything(&taken) {
            all_of.push(listener);
        }
        mine.push(route.arn().to_owned());
        lines.push(format!(
            "{}: 100% to blue, as it is; green is named beside it with 0%{left}",
            route.called()
        ));
    }
    // Nothing comes to the default action of a listener where a rule takes everything.
    let unreachable = |route: &Route| route.is_default() && all_of.contains(&route.listener);
    let other = routes.iter().find(|route| {
        route.names(group) && !mine.iter().any(|arn| arn == route.arn()) && !unreachable(route)
    });
    match other {
        None => Ok(lines),
        Some(route) => refused(
            format!("{} forwards to {} as well, and would go on doing so when blue has retired", route.called(), name_in(group)),
            match route.is_default() {
                true => "make a rule for these requests that forwards to the same target group, and write it as a \
                         `listener_rule` of the deployment".to_owned(),
                false => "write it as a `listener_rule \"label\"` of the deployment, so that it follows each release"
                    .to_owned(),
            },
        ),
    }
}

/// The listener and the priority that the file says.
fn place(taking: &Taking<'_>, address: &Address) -> Result<(String, i64), Stop> {
    let mut mistakes = Vec::new();
    let node = taking.node(address);
    let evaluated = node.and_then(|node| taking.program.evaluate(node, &taking.known, &mut mistakes));
    let (Some(evaluated), Some(kind)) = (evaluated, kind::find_managed("listener_rule")) else {
        return Err(PlanError::stack(taking.program, mistakes).into());
    };
    let inputs = resolve(kind.schema(), &evaluated.inputs, &taking.known);
    let listener = inputs.get("listener").and_then(Value::as_str).map(str::to_owned);
    #[allow(clippy::cast_possible_truncation, reason = "the schema bounds it")]
    let priority = inputs.get("priority").and_then(Value::as_number).map(|priority| priority as i64);
    match listener.zip(priority) {
        Some(place) => Ok(place),
        None => refused(
            format!("the listener of `{address}` does not exist yet"),
            "name the one that has the traffic: existing listener \"http\" { id = \"arn:...\" }",
        ),
    }
}

fn not_there<T>(
    routes: &[Route],
    address: &Address,
    listener: &str,
    priority: i64,
    group: &str,
) -> Result<T, Stop> {
    let of_listener = || routes.iter().filter(|route| route.listener == listener);
    let reason = format!(
        "`{address}` stands for no rule: listener {} has none with priority {priority}",
        listener_name(listener)
    );
    let numbered = of_listener().filter(|route| route.names(group)).find_map(Route::priority);
    if let Some(number) = numbered {
        return refused(
            reason,
            format!("write priority = {number}: that rule forwards to {}", name_in(group)),
        );
    }
    if of_listener().any(|route| route.is_default() && route.names(group)) {
        return refused(
            format!("{reason}; its default action forwards to {}", name_in(group)),
            "a default action is the whole listener's: make a rule with the condition path_pattern = [\"/*\"] that \
             forwards to the same target group, which changes nothing for any request, and adopt that",
        );
    }
    if of_listener().next().is_none() {
        return refused(
            format!(
                "target group {} has no traffic from the load balancer of `{address}`'s listener",
                name_in(group)
            ),
            "name the listener whose rule forwards to it",
        );
    }
    refused(reason, format!("no rule of this listener forwards to {}; check the listener", name_in(group)))
}

/// Other conditions, or other actions before the forward, would change which requests are answered how.
fn same_requests(taken: &Taken, route: &Route) -> Result<(), Stop> {
    let changes = taken.changes_but(&["action", "tags"]);
    if let Some(change) = changes.first() {
        let shown = crate::plan::render::show_value;
        return refused(
            format!(
                "{} has {} {}, and the file says {}",
                route.called(),
                change.path,
                shown(&change.before),
                shown(&change.after)
            ),
            "write what the rule has, and change it in a later apply",
        );
    }
    let types = |value: Option<&Value>| -> Vec<String> {
        let actions = value.and_then(Value::as_list).unwrap_or_default();
        actions.iter().filter_map(|action| action.get("type").as_str().map(str::to_owned)).collect()
    };
    let (live, said) = (types(taken.live.inputs.get("action")), types(taken.inputs.get("action")));
    if live == said {
        return Ok(());
    }
    refused(
        format!(
            "{} does {}, and the file says {}",
            route.called(),
            live.join(", then "),
            said.join(", then ")
        ),
        "write the actions before the forward as they are; the forward itself is the deployment's",
    )
}

/// All of the rule's weight is the adopted target group's; what it names beside that.
fn all_weight(taken: &Taken, route: &Route, group: &str) -> Result<String, Stop> {
    let Some(kind) = kind::find_managed("listener_rule") else { return Ok(String::new()) };
    let forwards = kind.traffic(&taken.live.inputs).forwards;
    let forwards: Vec<(&str, u32)> =
        forwards.iter().filter_map(|(group, weight)| Some((group.as_str()?, *weight))).collect();
    let weight = forwards.iter().find(|(arn, _)| *arn == group).map_or(0, |(_, weight)| *weight);
    let others: Vec<&(&str, u32)> = forwards.iter().filter(|(arn, _)| *arn != group).collect();
    if weight == 0 {
        let where_to: Vec<&str> = others.iter().map(|(arn, _)| name_in(arn)).collect();
        return refused(
            format!(
                "{} sends nothing to {}: it forwards to {}",
                route.called(),
                name_in(group),
                where_to.join(" and ")
            ),
            "adopt the group that has the traffic, or name the rule that sends to this one",
        );
    }
    if let Some((arn, share)) = others.iter().find(|(_, weight)| *weight > 0) {
        return refused(
            format!(
                "{} gives {weight} to {} and {share} to {}: only one can be the live colour",
                route.called(),
                name_in(group),
                name_in(arn)
            ),
            format!("shift all of it to {} first", name_in(group)),
        );
    }
    Ok(match others.as_slice() {
        [] => String::new(),
        others => {
            let names: Vec<&str> = others.iter().map(|(arn, _)| name_in(arn)).collect();
            format!(" in place of {}, which has no weight and stays as it is", names.join(" and "))
        }
    })
}

/// Whether every request meets the conditions.
fn takes_everything(taken: &Taken) -> bool {
    let conditions = taken.live.inputs.get("condition").and_then(Value::as_list).unwrap_or_default();
    let any = |path: &Value| matches!(path.as_str(), Some("*" | "/*"));
    let of = |condition: &Value| condition.get("path_pattern").as_list().unwrap_or_default().iter().any(any);
    !conditions.is_empty() && conditions.iter().all(of)
}

/// All rules of all listeners of the load balancers that use a target group.
async fn routes(cloud: &Cloud, group: &str) -> Result<Vec<Route>, Error> {
    let elbv2 = &cloud.elbv2;
    let described = cloud
        .read(Service::Elbv2, "DescribeTargetGroups", || {
            elbv2.describe_target_groups().target_group_arns(group).send()
        })
        .await?;
    let balancers = described.target_groups.unwrap_or_default();
    let balancers = balancers.iter().flat_map(|group| group.load_balancer_arns());
    let mut routes = Vec::new();
    for balancer in balancers {
        let listeners = pages(|marker| async move {
            let describe = elbv2.describe_listeners().load_balancer_arn(balancer).set_marker(marker);
            let answer = cloud.read(Service::Elbv2, "DescribeListeners", || describe.clone().send()).await?;
            Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
        })
        .await?;
        for listener in listeners.iter().filter_map(|listener| listener.listener_arn()) {
            let rules = rules_of(cloud, listener).await?;
            routes.extend(rules.into_iter().map(|rule| Route { listener: listener.to_owned(), rule }));
        }
    }
    Ok(routes)
}
