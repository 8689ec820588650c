//! The routers that a deployment adopts. Each must forward only to the adopted target group, and no other
//! route may forward to it.

use super::{Stop, Taking, refused};
use crate::address::Address;
use crate::kind::router::Router;
use crate::kind::routes::{Route, routes};
use crate::kind::{self, name_in};
use crate::plan::PlanError;
use crate::plan::resolve::resolve;
use crate::plan::take_over::Taken;
use crate::value::Value;

fn called(route: &Route) -> String {
    let listener = listener_name(&route.listener);
    match route.priority {
        Some(priority) => format!("the rule with priority {priority} of listener {listener}"),
        None => format!("the default action of listener {listener}"),
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

/// Adopts every router that the deployment declares; returns a line about each.
pub(super) async fn take(taking: &mut Taking<'_>, group: &str) -> Result<Vec<String>, Stop> {
    let routes = routes(taking.cloud, group).await?;
    let mut mine: Vec<String> = Vec::new();
    let (mut lines, mut all_of) = (Vec::new(), Vec::new());
    for address in taking.program.routers_of(taking.name) {
        let Some(router) = kind::router(&address.kind) else { continue };
        let (id, route) = match router.named_by() {
            Some(_) => default_of(taking, &routes, &address, group)?,
            None => {
                let (listener, priority) = place(taking, &address, router)?;
                let here = |route: &&Route| route.listener == listener && route.priority == Some(priority);
                let Some(route) = routes.iter().find(here) else {
                    return not_there(&routes, &address, &listener, priority, group);
                };
                (route.arn.clone(), route)
            }
        };
        let taken = taking.one(address, &id).await?;
        same_requests(&taken, route, router)?;
        let left = all_weight(&taken, route, group)?;
        if takes_everything(&taken) {
            all_of.push(route.listener.clone());
        }
        mine.push(route.arn.clone());
        lines.push(format!(
            "{}: 100% to blue, as it is; green is named beside it with 0%{left}",
            called(route)
        ));
    }
    // The default action of a listener gets no request if a rule takes everything.
    let unreachable = |route: &Route| route.is_default() && all_of.contains(&route.listener);
    let other =
        routes.iter().find(|route| route.names(group) && !mine.contains(&route.arn) && !unreachable(route));
    match other {
        None => Ok(lines),
        Some(route) => refused(
            format!("{} forwards to {} as well, and would go on doing so when blue has retired", called(route), name_in(group)),
            match route.is_default() {
                true => "make a rule for these requests that forwards to the same target group, and write it as a \
                         `listener_rule` of the deployment".to_owned(),
                false => "write it as a `listener_rule \"label\"` of the deployment, so that it follows each release"
                    .to_owned(),
            },
        ),
    }
}

/// The default action of a listener of the stack: the listener's ARN and the route.
fn default_of<'r>(
    taking: &Taking<'_>,
    routes: &'r [Route],
    address: &Address,
    group: &str,
) -> Result<(String, &'r Route), Stop> {
    let record = taking.snapshot.resources.get(address);
    let here = |route: &&Route| route.is_default() && record.is_some_and(|one| one.id == route.listener);
    if let Some(route) = routes.iter().find(here) {
        return Ok((route.listener.clone(), route));
    }
    let there = routes.iter().find(|route| route.is_default() && route.names(group));
    match (record, there) {
        (None, Some(route)) => refused(
            format!("`{address}` is not in the state, and the deployment changes its default action"),
            format!("run bgform import {address} {}, then plan again", route.listener),
        ),
        _ => refused(
            format!("target group {} gets no traffic from the default action of `{address}`", name_in(group)),
            "name the listener whose default action forwards to it",
        ),
    }
}

/// The listener and the priority that the file gives a rule.
fn place(taking: &Taking<'_>, address: &Address, router: &dyn Router) -> Result<(String, u32), Stop> {
    let mut mistakes = Vec::new();
    let node = taking.node(address);
    let evaluated = node.and_then(|node| taking.program.evaluate(node, &taking.known, &mut mistakes));
    let (Some(evaluated), Some(kind)) = (evaluated, kind::find_managed(&address.kind)) else {
        return Err(PlanError::stack(taking.program, mistakes).into());
    };
    let inputs = resolve(kind.schema(), &evaluated.inputs, &taking.known);
    match router.place(&inputs) {
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
    priority: u32,
    group: &str,
) -> Result<T, Stop> {
    let of_listener = || routes.iter().filter(|route| route.listener == listener);
    let reason = format!(
        "`{address}` stands for no rule: listener {} has none with priority {priority}",
        listener_name(listener)
    );
    let numbered = of_listener().filter(|route| route.names(group)).find_map(|route| route.priority);
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
             forwards to the same target group, which changes nothing for any request, and adopt that; or write \
             listener { listener = ... } in place of the rule, with a listener of this stack",
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

/// Checks that adopting the rule keeps its requests and answers: other conditions, or other actions before
/// the forward, would change them.
fn same_requests(taken: &Taken, route: &Route, router: &dyn Router) -> Result<(), Stop> {
    let changes = taken.changes_but(&[router.forward(), "tags"]);
    if let Some(change) = changes.first() {
        let shown = crate::plan::render::show_value;
        return refused(
            format!(
                "{} has {} {}, and the file says {}",
                called(route),
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
    let (live, said) =
        (types(taken.live.inputs.get(router.forward())), types(taken.inputs.get(router.forward())));
    if live == said {
        return Ok(());
    }
    refused(
        format!(
            "{} does {}, and the file says {}",
            called(route),
            live.join(", then "),
            said.join(", then ")
        ),
        "write the actions before the forward as they are; the forward itself is the deployment's",
    )
}

/// Checks that all of the rule's weight is on the adopted target group; returns the other groups that it
/// names.
fn all_weight(taken: &Taken, route: &Route, group: &str) -> Result<String, Stop> {
    let Some(kind) = kind::find_managed(&taken.address.kind) else { return Ok(String::new()) };
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
                called(route),
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
                called(route),
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

/// Tells whether every request meets the conditions.
fn takes_everything(taken: &Taken) -> bool {
    let conditions = taken.live.inputs.get("condition").and_then(Value::as_list).unwrap_or_default();
    let any = |path: &Value| matches!(path.as_str(), Some("*" | "/*"));
    let of = |condition: &Value| condition.get("path_pattern").as_list().unwrap_or_default().iter().any(any);
    !conditions.is_empty() && conditions.iter().all(of)
}
