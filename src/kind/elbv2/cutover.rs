//! Changes weights without sending a request to a group that is not ready: names the groups so that they are
//! health-checked, waits until all their targets are healthy, then shifts in one call. Knows neither
//! listeners nor rules: the caller passes in how actions are written.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::actions::{Action, Forward, MOST_GROUPS, Weighted};
use super::health::{self, Health, Target};
use super::name_in;
use crate::cloud::error::Error;
use crate::kind::operation::{Operation, Poll};

/// Maximum time for targets to become healthy.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Weights by target group ARN.
type Weights = BTreeMap<String, i32>;

fn forward(actions: &[Action]) -> Option<&Forward> {
    actions.iter().find_map(|action| match action {
        Action::Forward(forward) => Some(forward),
        _ => None,
    })
}

fn weights(actions: &[Action]) -> Weights {
    let groups = forward(actions).map(|forward| forward.groups.as_slice()).unwrap_or_default();
    groups.iter().map(|one| (one.arn.clone(), one.weight)).collect()
}

/// The groups whose share of the requests increases.
fn gaining(before: &Weights, after: &Weights) -> Vec<String> {
    let share = |weights: &Weights, arn: &str| {
        let total: i32 = weights.values().sum();
        let weight = weights.get(arn).copied().unwrap_or_default();
        f64::from(weight) / f64::from(total.max(1))
    };
    // Shares such as 1/3 and 33/99 are the same.
    let gains = |arn: &&String| share(after, arn) > share(before, arn) + 1e-9;
    after.keys().filter(gains).cloned().collect()
}

/// The live actions with `missing` groups added at weight 0; `None` if none are missing.
fn named(live: &[Action], after: &Weights, missing: &[Weighted]) -> Result<Option<Vec<Action>>, Error> {
    if missing.is_empty() {
        return Ok(None);
    }
    if live.contains(&Action::Other) {
        return Err(Error::failed(
            "a live action before the forward is of a type that bgform does not know, and would be lost",
            "take that action away, or add the target groups at weight 0 where you made it",
        ));
    }
    let mut live = live.to_vec();
    for action in &mut live {
        let Action::Forward(forward) = action else { continue };
        let idle = |one: &Weighted| one.weight == 0 && !after.contains_key(&one.arn);
        if forward.groups.len() + missing.len() > MOST_GROUPS {
            forward.groups.retain(|one| !idle(one));
        }
        if forward.groups.len() + missing.len() > MOST_GROUPS {
            return Err(Error::failed(
                format!(
                    "the live forward and the new target groups are more than the {MOST_GROUPS} that AWS takes"
                ),
                "go in two steps: first take away target groups that have no weight any more",
            ));
        }
        forward.groups.extend(missing.iter().cloned());
    }
    Ok(Some(live))
}

/// Goes from the live actions to others. `write` replaces the live actions in one call; `finally` does the
/// same with the other changes.
pub async fn cut_over<W, F, Writing, Finishing>(
    op: &Operation<'_>,
    live: &[Action],
    after: &[Action],
    write: W,
    finally: F,
) -> Result<(), Error>
where
    W: FnOnce(Vec<Action>) -> Writing,
    F: FnOnce(Vec<Action>) -> Finishing,
    Writing: Future<Output = Result<(), Error>>,
    Finishing: Future<Output = Result<(), Error>>,
{
    let (was, will) = (weights(live), weights(after));
    if forward(live).is_none() {
        // No group is health-checked before it is named, and none had weight.
        finally(after.to_vec()).await?;
        return wait_for_first(op, after).await;
    }
    let gaining = gaining(&was, &will);
    let missing: Vec<_> = gaining
        .iter()
        .filter(|arn| !was.contains_key(*arn))
        .map(|arn| Weighted { arn: arn.clone(), weight: 0 })
        .collect();
    if let Some(named) = named(live, &will, &missing)? {
        op.progress("naming the new target groups at weight 0, so that they are health-checked");
        write(named).await?;
    }
    let first = was.values().all(|weight| *weight == 0);
    wait_until_healthy(op, &gaining, first, Some(&was)).await.map_err(nothing_shifted)?;
    finally(after.to_vec()).await
}

/// Tells whether a group with weight has a healthy target.
async fn serves(op: &Operation<'_>, weights: &Weights) -> Result<bool, Error> {
    let weighted = weights.iter().filter(|(_, weight)| **weight > 0);
    let all = try_join_all(weighted.map(|(arn, _)| targets(op, arn))).await?;
    Ok(all.iter().flatten().any(Target::is_healthy))
}

/// Adds to the error of a wait before the shift what serves the requests now.
fn nothing_shifted(error: Error) -> Error {
    match error {
        Error::Wait { .. } => Error::failed(
            format!("{error}. No request was shifted: the weights are as they were"),
            "see why these targets fail the `health_check` of their target group, mend that and run \
             `bgform apply` again: it goes on from here. To leave it, apply with the old values",
        ),
        error => error,
    }
}

/// Waits, after a rule was made, until the targets of its weighted groups are healthy. A group without
/// targets is not waited for: it is filled after the rule.
pub async fn wait_for_first(op: &Operation<'_>, actions: &[Action]) -> Result<(), Error> {
    let groups = weights(actions);
    let groups: Vec<_> = groups.into_iter().filter(|(_, weight)| *weight > 0).map(|(arn, _)| arn).collect();
    wait_until_healthy(op, &groups, true, None).await
}

/// Waits until every registered target of each group is healthy. A group without targets is an error, unless
/// this is `first`, when no client is served yet. On the way back one healthy target is enough: the requests
/// come from a group in worse health. If the caller waits itself, and no group with weight in `was` has a
/// healthy target, no request is lost by a shift now.
async fn wait_until_healthy(
    op: &Operation<'_>,
    groups: &[String],
    first: bool,
    was: Option<&Weights>,
) -> Result<(), Error> {
    if groups.is_empty() {
        return Ok(());
    }
    let is_free = || async {
        match was.filter(|_| op.unawaited) {
            Some(was) => Ok(!serves(op, was).await?),
            None => Ok::<_, Error>(false),
        }
    };
    let look = || async {
        let all = try_join_all(groups.iter().map(|arn| targets(op, arn))).await?;
        let mut waiting = Vec::new();
        for (arn, targets) in groups.iter().zip(all) {
            if targets.is_empty() && !first && !is_free().await? {
                return Err(Error::failed(
                    format!("target group `{}` is to get traffic and has no targets", name_in(arn)),
                    "attach an Auto Scaling group with a capacity of at least 1 to it, or register its instances \
                     again where somebody has deregistered them, then apply again; the weights are as they were",
                ));
            }
            let some = targets.iter().any(Target::is_healthy);
            if !(op.way_back && some) {
                waiting.extend(not_healthy(arn, &targets));
            }
        }
        Ok(match waiting.as_slice() {
            [] => Poll::Ready(()),
            _ if is_free().await? => Poll::Ready(()),
            waiting => Poll::Pending(waiting.join("; ")),
        })
    };
    op.wait("the targets that are to get traffic are healthy", PATIENCE, look).await
}

/// The registered targets, without draining ones.
async fn targets(op: &Operation<'_>, arn: &str) -> Result<Vec<Target>, Error> {
    let mut targets = health::targets(op.cloud, arn).await?;
    targets.retain(|one| one.health != Health::Draining);
    Ok(targets)
}

/// `1 of 2 targets of `web` are healthy, i-1 is unhealthy (Target.Timeout)`; `None` if all are.
fn not_healthy(arn: &str, targets: &[Target]) -> Option<String> {
    let ill: Vec<_> = targets.iter().filter(|one| !one.is_healthy()).collect();
    let told: Vec<_> = ill.iter().take(3).map(|one| one.told.as_str()).collect();
    let more = ill.len().saturating_sub(told.len());
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    (!ill.is_empty()).then(|| {
        let healthy = targets.len() - ill.len();
        let name = name_in(arn);
        format!("{healthy} of {} targets of `{name}` are healthy, {}{more}", targets.len(), told.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights<const N: usize>(of: [(&str, i32); N]) -> Weights {
        of.map(|(arn, weight)| (arn.to_owned(), weight)).into()
    }

    #[test]
    fn a_group_gains_when_its_share_grows_not_when_its_number_does() {
        let blue_only = weights([("blue", 1)]);
        let both = weights([("blue", 100), ("green", 0)]);
        let shifted = weights([("blue", 0), ("green", 100)]);
        assert!(gaining(&blue_only, &both).is_empty());
        assert_eq!(gaining(&both, &shifted), ["green"]);
        assert_eq!(gaining(&shifted, &both), ["blue"]);
        assert_eq!(gaining(&weights([("blue", 0)]), &blue_only), ["blue"]);
    }

    #[test]
    fn who_waits_is_told_which_targets_are_not_healthy_and_why() {
        let target = |id: &str, health, told: &str| Target {
            id: Some(id.to_owned()),
            health,
            told: format!("{id} is {told}"),
        };
        let targets = [
            target("i-1", Health::Healthy, "healthy"),
            target("i-2", Health::Unhealthy, "unhealthy (Target.Timeout)"),
        ];
        let said = not_healthy("arn:aws:elasticloadbalancing:r:1:targetgroup/web/1", &targets);
        assert_eq!(
            said.as_deref(),
            Some("1 of 2 targets of `web` are healthy, i-2 is unhealthy (Target.Timeout)")
        );
    }
}
