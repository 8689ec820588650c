//! An instance refresh: starts one for the wanted version, or follows one under way for it, to its end.
//! Decisions are apart from the calls.

use std::time::Duration;

use aws_sdk_autoscaling::types::{DesiredConfiguration, InstanceRefresh, InstanceRefreshStatus};

use super::group::observe_one;
use super::ready::{Wanted, ready};
use super::spec::{Refresh, Spec};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::fleet::Template;
use crate::kind::operation::{Operation, Poll};

/// The error code of StartInstanceRefresh when a refresh is under way: a group has one at a time.
const UNDER_WAY: &str = "InstanceRefreshInProgress";
/// The error codes of RollbackInstanceRefresh when no refresh is under way, or it cannot be rolled back.
const NONE_ACTIVE: &str = "ActiveInstanceRefreshNotFound";
const IRREVERSIBLE: &str = "IrreversibleInstanceRefresh";

/// A refresh as last observed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    id: String,
    status: InstanceRefreshStatus,
    reason: Option<String>,
    percentage: i32,
    /// The version that it installs.
    template: Option<Template>,
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Start,
    /// This refresh brings the wanted version.
    Follow(String),
    /// This refresh must end first.
    After(String),
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    Pending(String),
    /// The refresh did not succeed; its end, in words.
    Failed(String),
}

impl Seen {
    fn from_sdk(refresh: &InstanceRefresh) -> Option<Self> {
        let desired = refresh.desired_configuration();
        let mixed = desired.and_then(|desired| desired.mixed_instances_policy());
        let specification = desired
            .and_then(|desired| desired.launch_template())
            .or_else(|| mixed?.launch_template()?.launch_template_specification());
        Some(Self {
            id: refresh.instance_refresh_id()?.to_owned(),
            status: refresh.status()?.clone(),
            reason: refresh.status_reason().map(str::to_owned),
            percentage: refresh.percentage_complete().unwrap_or_default(),
            template: specification.and_then(Template::from_sdk),
        })
    }

    fn summary(&self) -> String {
        let reason = self.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("instance refresh {} is {}, {}% done{reason}", self.id, self.status, self.percentage)
    }

    fn ended(&self) -> bool {
        use InstanceRefreshStatus::{Cancelled, Failed, RollbackFailed, RollbackSuccessful, Successful};
        matches!(self.status, Cancelled | Failed | RollbackFailed | RollbackSuccessful | Successful)
    }

    /// Tells whether it goes towards its version, and not back or to a stop.
    fn goes_on(&self) -> bool {
        use InstanceRefreshStatus::{Baking, InProgress, Pending};
        matches!(self.status, Pending | InProgress | Baking)
    }
}

fn next(refreshes: &[Seen], wanted: &Template) -> Next {
    match refreshes.iter().find(|one| !one.ended()) {
        None => Next::Start,
        Some(one) if one.goes_on() && one.template.as_ref() == Some(wanted) => Next::Follow(one.id.clone()),
        Some(one) => Next::After(one.summary()),
    }
}

fn end(seen: &Seen) -> End {
    let reason = seen.reason.as_deref().unwrap_or("no reason was given");
    match &seen.status {
        InstanceRefreshStatus::Successful => End::Done,
        InstanceRefreshStatus::Failed => {
            End::Failed(format!("it failed after {}%: {reason}", seen.percentage))
        }
        InstanceRefreshStatus::Cancelled => {
            End::Failed(format!("it was cancelled after {}%: {reason}", seen.percentage))
        }
        InstanceRefreshStatus::RollbackSuccessful => {
            End::Failed(format!("it failed and was rolled back: {reason}"))
        }
        InstanceRefreshStatus::RollbackFailed => {
            End::Failed(format!("it failed, and so did its rollback: {reason}"))
        }
        _ => End::Pending(seen.summary()),
    }
}

/// Replaces the instances of `group`. The version is in the refresh's desired configuration, which AWS gives
/// to the group only after success: so a rollback has a version to return to (API_StartInstanceRefresh).
pub async fn refresh(op: &Operation<'_>, group: &str, spec: &Spec, how: &Refresh) -> Result<(), Error> {
    let wanted = spec.template()?;
    let until = format!("an instance refresh of `{group}` to version {} is under way", wanted.version);
    let id = op
        .wait(&until, how.timeout(), || async {
            match next(&describe(op, group, None).await?, &wanted) {
                Next::Follow(id) => Ok(Poll::Ready(id)),
                Next::After(other) => Ok(Poll::Pending(format!("another one has to end first: {other}"))),
                Next::Start => match start(op, group, spec, how).await {
                    Ok(id) => Ok(Poll::Ready(id)),
                    Err(Error::Cloud(error)) if error.code.as_deref() == Some(UNDER_WAY) => {
                        Ok(Poll::Pending("another one has begun".to_owned()))
                    }
                    Err(error) => Err(error),
                },
            }
        })
        .await?;
    let until = format!("the instances of `{group}` run version {}", wanted.version);
    let failed = op
        .wait(&until, how.timeout(), || async {
            let seen = describe(op, group, Some(&id)).await?;
            Ok(match seen.first().map(end) {
                Some(End::Done) => Poll::Ready(None),
                Some(End::Pending(seen)) => Poll::Pending(seen),
                Some(End::Failed(how)) => Poll::Ready(Some(how)),
                None => Poll::Pending("not visible yet".to_owned()),
            })
        })
        .await?;
    match failed {
        None => ready(op, group, Wanted::InService, spec.ready_timeout()).await.map(drop),
        Some(how) => {
            let fleet = observe_one(op.cloud, group).await?;
            let stands = fleet.map(|fleet| {
                let version = fleet.template.as_ref().map_or("none", |template| template.version.as_str());
                format!("; the group stands at version {version} with {}", fleet.summary())
            });
            Err(Error::failed(
                format!("instance refresh {id} of `{group}`: {how}{}", stands.unwrap_or_default()),
                "mend the cause and run `bgform apply` again: it starts another one",
            ))
        }
    }
}

/// The progress of the refresh under way, in percent and in words.
pub async fn under_way(op: &Operation<'_>, group: &str) -> Result<Option<(i32, String)>, Error> {
    let seen = describe(op, group, None).await?;
    Ok(seen.iter().find(|one| !one.ended()).map(|one| (one.percentage, one.summary())))
}

/// Turns round a refresh that goes forward (API_RollbackInstanceRefresh); cancels it if it cannot be rolled
/// back. Does not wait.
pub async fn turn_back(op: &Operation<'_>, group: &str) -> Result<(), Error> {
    if !describe(op, group, None).await?.iter().any(Seen::goes_on) {
        return Ok(());
    }
    let client = &op.cloud.autoscaling;
    let turned = op
        .call(Service::AutoScaling, "RollbackInstanceRefresh", Repeat::OnThrottle, || {
            client.rollback_instance_refresh().auto_scaling_group_name(group).send()
        })
        .await;
    let Err(error) = turned else { return Ok(()) };
    match code(&error) {
        Some(NONE_ACTIVE) => Ok(()),
        Some(IRREVERSIBLE) => cancel(op, group).await,
        _ => Err(error),
    }
}

/// Cancels the refresh under way, if there is one: replaced instances stay, and so do the others
/// (API_CancelInstanceRefresh). Does not wait.
pub async fn cancel(op: &Operation<'_>, group: &str) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let cancelled = op
        .call(Service::AutoScaling, "CancelInstanceRefresh", Repeat::OnThrottle, || {
            client.cancel_instance_refresh().auto_scaling_group_name(group).send()
        })
        .await;
    match cancelled {
        Err(error) if code(&error) != Some(NONE_ACTIVE) => Err(error),
        _ => Ok(()),
    }
}

fn code(error: &Error) -> Option<&str> {
    match error {
        Error::Cloud(error) => error.code.as_deref(),
        _ => None,
    }
}

/// Turns round a refresh that goes forward, and waits until none is under way.
pub async fn turned_back(op: &Operation<'_>, group: &str, limit: Duration) -> Result<(), Error> {
    turn_back(op, group).await?;
    op.wait(&format!("no instance refresh of `{group}` is under way"), limit, || async {
        Ok(match under_way(op, group).await? {
            None => Poll::Ready(()),
            Some((_, seen)) => Poll::Pending(seen),
        })
    })
    .await
}

/// Takes the group back to the version that `spec` names. A refresh to another version is turned round, and
/// another refresh replaces instances of a different version that are left.
pub async fn back(op: &Operation<'_>, group: &str, spec: &Spec, how: &Refresh) -> Result<(), Error> {
    let wanted = spec.template()?;
    if let Next::After(_) = next(&describe(op, group, None).await?, &wanted) {
        turned_back(op, group, how.timeout()).await?;
    }
    let fleet = observe_one(op.cloud, group).await?;
    let is_back = fleet.is_some_and(|fleet| {
        let mut running = fleet.members.iter().filter(|member| !member.leaving());
        fleet.template.as_ref() == Some(&wanted)
            && running.all(|member| member.template.as_ref() == Some(&wanted))
    });
    match is_back {
        true => Ok(()),
        false => refresh(op, group, spec, how).await,
    }
}

async fn start(op: &Operation<'_>, group: &str, spec: &Spec, how: &Refresh) -> Result<String, Error> {
    let desired = match spec.mixed_instances_policy()? {
        Some(mixed) => DesiredConfiguration::builder().mixed_instances_policy(mixed),
        None => DesiredConfiguration::builder().launch_template(spec.template()?.specification()),
    };
    let desired = desired.build();
    let client = &op.cloud.autoscaling;
    let answer = op
        .call(Service::AutoScaling, "StartInstanceRefresh", Repeat::OnThrottle, || {
            client
                .start_instance_refresh()
                .auto_scaling_group_name(group)
                .desired_configuration(desired.clone())
                .preferences(how.preferences())
                .send()
        })
        .await?;
    Ok(answer.instance_refresh_id.unwrap_or_default())
}

/// The latest refreshes, or the refresh with this id.
async fn describe(op: &Operation<'_>, group: &str, id: Option<&str>) -> Result<Vec<Seen>, Error> {
    let client = &op.cloud.autoscaling;
    let answer = op
        .cloud
        .read(Service::AutoScaling, "DescribeInstanceRefreshes", || {
            client
                .describe_instance_refreshes()
                .auto_scaling_group_name(group)
                .set_instance_refresh_ids(id.map(|id| vec![id.to_owned()]))
                .max_records(100)
                .send()
        })
        .await?;
    Ok(answer.instance_refreshes().iter().filter_map(Seen::from_sdk).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::autoscaling_group::tests::template;

    fn seen(status: InstanceRefreshStatus, version: u64) -> Seen {
        let reason = Some("because".to_owned());
        Seen { id: "r-1".into(), status, reason, percentage: 40, template: Some(template(version)) }
    }

    #[test]
    fn a_refresh_to_the_wanted_version_is_followed_and_any_other_is_waited_for() {
        use InstanceRefreshStatus as Status;
        assert_eq!(next(&[], &template(2)), Next::Start);
        assert_eq!(next(&[seen(Status::Successful, 2), seen(Status::Failed, 2)], &template(2)), Next::Start);
        for status in [Status::Pending, Status::InProgress, Status::Baking] {
            assert_eq!(next(&[seen(status.clone(), 2)], &template(2)), Next::Follow("r-1".into()));
            assert!(matches!(next(&[seen(status, 1)], &template(2)), Next::After(_)));
        }
        for status in [Status::Cancelling, Status::RollbackInProgress] {
            assert!(matches!(next(&[seen(status, 2)], &template(2)), Next::After(_)));
        }
    }

    #[test]
    fn every_end_but_success_says_why_it_failed() {
        use InstanceRefreshStatus as Status;
        assert_eq!(end(&seen(Status::Successful, 2)), End::Done);
        for status in [Status::Failed, Status::Cancelled, Status::RollbackSuccessful, Status::RollbackFailed]
        {
            assert!(matches!(end(&seen(status, 2)), End::Failed(how) if how.ends_with(": because")));
        }
        let End::Pending(seen) = end(&seen(Status::InProgress, 2)) else { panic!("it goes on") };
        assert_eq!(seen, "instance refresh r-1 is InProgress, 40% done: because");
    }
}
