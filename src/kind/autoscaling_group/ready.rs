//! Waits until a group has its wanted capacity in service and, if its target groups judge it, every one of
//! these instances is healthy there. Changes nothing.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_autoscaling::types::{Activity, ScalingActivityStatusCode};

use super::group::{Group, observe_one};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::elbv2::health::told;
use crate::kind::elbv2::name_in;
use crate::kind::operation::{Operation, Poll};

/// Failed launches since the wait began after which the wait fails.
const FAILURES: usize = 3;
/// Targets that are listed in a message.
const SHOWN: usize = 5;

/// The condition to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The desired capacity in service.
    InService,
    /// Also healthy in the group's target groups, if they judge the group and are in use. These instances,
    /// which are to be replaced, do not count.
    HealthyTargetsBeside(&'a BTreeSet<String>),
    /// Also healthy in the group's target groups, even if they do not judge the group.
    HealthyTargets,
}

impl Wanted<'_> {
    /// The condition that an operation which adds instances waits for.
    pub fn of(op: &Operation<'_>) -> Self {
        if op.relieves { Self::HealthyTargets } else { Self::InService }
    }
}

/// Waits, and returns the group as then observed.
pub async fn ready(
    op: &Operation<'_>,
    name: &str,
    wanted: Wanted<'_>,
    limit: Duration,
) -> Result<Group, Error> {
    let failures = Failures::default();
    let none = BTreeSet::new();
    let (healthy, beside, judged_anyway) = match wanted {
        Wanted::InService => ("", None, false),
        Wanted::HealthyTargetsBeside(beside) => {
            (", healthy where its target groups judge it", Some(beside), false)
        }
        Wanted::HealthyTargets => (", every one a healthy target", Some(&none), true),
    };
    // Instances that were never healthy are replaced, and their successors do not tell why.
    let why = Mutex::new(String::new());
    let why = || why.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let until = format!("`{name}` has its desired capacity in service{healthy}");
    op.wait(&until, limit, || async {
        let Some(fleet) = observe_one(op.cloud, name).await? else { return Ok(Poll::Gone) };
        if fleet.deleting {
            return Ok(Poll::Gone);
        }
        if !fleet.settled() {
            let failed = failures.since_the_first_look(&failed_activities(op.cloud, name).await?);
            let before = match why().as_str() {
                "" => String::new(),
                why => format!("; before that {why}"),
            };
            return Ok(match judge(&fleet, &failed) {
                Poll::Pending(seen) => Poll::Pending(seen + &before),
                Poll::Failed(seen) => Poll::Failed(seen + &before),
                other => other,
            });
        }
        if let Some(beside) = beside
            && (fleet.judged_by_targets || judged_anyway)
        {
            for target_group in &fleet.target_groups {
                if let Some(seen) =
                    unhealthy_targets(op.cloud, &fleet, target_group, beside, op.way_back).await?
                {
                    if seen.contains(" unhealthy ") {
                        why().clone_from(&seen);
                    }
                    return Ok(Poll::Pending(seen));
                }
            }
        }
        Ok(Poll::Ready(fleet))
    })
    .await
}

/// Judges a group that is not ready yet, given why launches failed since the wait began, the latest first.
fn judge(fleet: &Group, failed: &[String]) -> Poll<Group> {
    let summary = fleet.summary();
    match failed {
        [] => Poll::Pending(summary),
        [latest, ..] if failed.len() >= FAILURES => {
            Poll::Failed(format!("{summary}; {} activities failed, the last one: {latest}", failed.len()))
        }
        [latest, ..] => Poll::Pending(format!("{summary}; an activity failed: {latest}")),
    }
}

/// The failed activities from before the wait, which do not count.
#[derive(Default)]
struct Failures(Mutex<Option<BTreeSet<String>>>);

impl Failures {
    fn since_the_first_look(&self, failed: &[(String, String)]) -> Vec<String> {
        let ids = || failed.iter().map(|(id, _)| id.clone()).collect();
        // A poisoned lock would mean a panic while it was held, and nothing there panics.
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let old = seen.get_or_insert_with(ids);
        failed.iter().filter(|(id, _)| !old.contains(id)).map(|(_, message)| message.clone()).collect()
    }
}

/// Ids and messages of failed activities, the latest first (API_DescribeScalingActivities).
async fn failed_activities(cloud: &Cloud, name: &str) -> Result<Vec<(String, String)>, Error> {
    let answer = cloud
        .read(Service::AutoScaling, "DescribeScalingActivities", || {
            cloud
                .autoscaling
                .describe_scaling_activities()
                .auto_scaling_group_name(name)
                .max_records(20)
                .send()
        })
        .await?;
    let failed = |one: &&Activity| one.status_code() == Some(&ScalingActivityStatusCode::Failed);
    let message = |one: &Activity| {
        let message = one.status_message().or(one.description()).unwrap_or("no reason was given");
        (one.activity_id().unwrap_or_default().to_owned(), message.to_owned())
    };
    Ok(answer.activities().iter().filter(failed).map(message).collect())
}

/// The in-service instances that are not healthy targets, one after another. A target group that no listener
/// uses checks no target (`unused`), and so delays nothing. On the `way_back`, one that somebody has
/// deregistered delays nothing either: nothing but a person registers it again.
pub async fn unhealthy_targets(
    cloud: &Cloud,
    fleet: &Group,
    arn: &str,
    beside: &BTreeSet<String>,
    way_back: bool,
) -> Result<Option<String>, Error> {
    let answer = cloud
        .read(Service::Elbv2, "DescribeTargetHealth", || {
            cloud.elbv2.describe_target_health().target_group_arn(arn).send()
        })
        .await?;
    let targets = answer.target_health_descriptions();
    let target =
        |id: &str| targets.iter().find(|one| one.target().and_then(|target| target.id()) == Some(id));
    let fit = |id: &str| {
        let health = target(id).and_then(|target| target.target_health());
        matches!(health.and_then(|health| health.state()), Some(state) if ["healthy", "unused"].contains(&state.as_str()))
    };
    let judged = fleet.members.iter().filter(|member| {
        let is_judged = !way_back || target(&member.id).is_some();
        member.in_service() && !beside.contains(&member.id) && is_judged
    });
    let unfit: Vec<String> = judged
        .filter(|member| !fit(&member.id))
        .map(|member| target(&member.id).map_or_else(|| format!("{} is not registered", member.id), told))
        .collect();
    let shown = unfit.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = unfit.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Ok((!unfit.is_empty()).then(|| format!("{shown}{more} in target group `{}`", name_in(arn))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::autoscaling_group::tests::fleet;

    #[test]
    fn three_failed_launches_end_the_wait_and_fewer_are_shown() {
        let empty = fleet(2, &[]);
        let failed = |count| vec!["no capacity".to_owned(); count];
        assert!(matches!(judge(&empty, &failed(0)), Poll::Pending(seen) if seen == "0 of 2 in service"));
        assert!(matches!(judge(&empty, &failed(2)), Poll::Pending(seen) if seen.ends_with("no capacity")));
        assert!(matches!(judge(&empty, &failed(3)), Poll::Failed(seen) if seen.contains("3 activities")));
    }

    #[test]
    fn failures_from_before_the_wait_do_not_count() {
        let failures = Failures::default();
        let one = |id: &str| (id.to_owned(), format!("why {id}"));
        assert!(failures.since_the_first_look(&[one("a")]).is_empty());
        assert_eq!(failures.since_the_first_look(&[one("b"), one("a")]), ["why b"]);
    }
}
