//! Replaces instances one after another: terminates one that runs an older version, waits for its
//! replacement, and goes on until none is left. Observes again before each, so that it can be restarted at
//! any point.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::group::{Group, observe_one};
use super::ready::{Wanted, ready};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::fleet::{Member, Template};
use crate::kind::operation::{Operation, Poll};

/// The tags in which EC2 records the launch template of an instance; nobody can change them (EC2 user guide,
/// launch-instances-from-launch-template).
const ID_TAG: &str = "aws:ec2launchtemplate:id";
const VERSION_TAG: &str = "aws:ec2launchtemplate:version";
/// Maximum number of values in a filter (EC2 user guide, Using_Filtering).
const FILTER_VALUES: usize = 200;

/// The next action.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Done,
    /// Terminate this instance; `left` counts it too.
    End {
        id: String,
        left: usize,
    },
    /// An instance on standby with an older version: a person must end it.
    OnStandby(String),
}

/// Rolls `group`, which is already pinned to `template`. Ends when every instance runs it.
pub async fn roll(
    op: &Operation<'_>,
    group: &str,
    template: &Template,
    limit: Duration,
) -> Result<(), Error> {
    // Instances that were launching when the version changed are in service after this; later ones have the
    // new version.
    let fleet = ready(op, group, Wanted::InService, limit).await?;
    let versions = versions(op.cloud, &fleet).await?;
    let old = outdated(&fleet, &versions, template);
    let mut fleet = fleet;
    loop {
        if fleet.template.as_ref() != Some(template) {
            return Err(Error::failed(
                format!(
                    "`{group}` was pinned to another version from outside while its instances were replaced"
                ),
                "run `bgform plan` to see its present state",
            ));
        }
        let (id, left) = match next(&fleet, &old) {
            Next::Done => return Ok(()),
            Next::End { id, left } => (id, left),
            Next::OnStandby(id) => {
                return Err(Error::failed(
                    format!("{id} is on standby in `{group}` and runs an older version"),
                    "end it, or bring it back into service, and run `bgform apply` again",
                ));
            }
        };
        let halted = ["Launch", "Terminate"].into_iter().find(|process| fleet.suspended.contains(*process));
        if let Some(process) = halted {
            return Err(Error::failed(
                format!("`{group}` cannot replace its instances while its process {process} is suspended"),
                "take it out of suspended_processes, or resume it, and run `bgform apply` again",
            ));
        }
        op.progress(&format!("replacing {id}, {left} of {} left on an older version", fleet.members.len()));
        end(op, group, &id, limit).await?;
        fleet = ready(op, group, Wanted::HealthyTargetsBeside(&old), limit).await?;
    }
}

/// Replaces these instances one after another; the next begins when the replacement is a healthy target.
/// Missing instances are passed over.
pub async fn replace(
    op: &Operation<'_>,
    group: &str,
    ids: &BTreeSet<String>,
    limit: Duration,
) -> Result<(), Error> {
    loop {
        let fleet = ready(op, group, Wanted::HealthyTargetsBeside(ids), limit).await?;
        match next(&fleet, ids) {
            Next::Done => return Ok(()),
            Next::OnStandby(id) => end(op, group, &id, limit).await?,
            Next::End { id, left } => {
                op.progress(&format!("replacing {id}, {left} left"));
                end(op, group, &id, limit).await?;
            }
        }
    }
}

/// Ids of the instances that do not run `template`.
fn outdated(fleet: &Group, versions: &BTreeMap<String, Template>, template: &Template) -> BTreeSet<String> {
    let runs = |member: &Member| versions.get(&member.id).or(member.template.as_ref()) == Some(template);
    fleet.members.iter().filter(|member| !runs(member)).map(|member| member.id.clone()).collect()
}

/// Unhealthy instances go first, since nothing is lost with them.
fn next(fleet: &Group, old: &BTreeSet<String>) -> Next {
    let there = fleet.members.iter().filter(|member| old.contains(&member.id) && !member.leaving());
    let mut left: Vec<_> = there.collect();
    if let Some(standing) = left.iter().find(|member| member.state.contains("Standby")) {
        return Next::OnStandby(standing.id.clone());
    }
    left.sort_by_key(|member| (member.in_service(), &member.id));
    match left.first() {
        Some(first) => Next::End { id: first.id.clone(), left: left.len() },
        None => Next::Done,
    }
}

/// Terminates an instance for replacement and waits until it is out of service.
async fn end(op: &Operation<'_>, group: &str, id: &str, limit: Duration) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let until = format!("{id} is out of service");
    op.wait(&until, limit, || async {
        let Some(fleet) = observe_one(op.cloud, group).await? else { return Ok(Poll::Gone) };
        match fleet.members.iter().find(|member| member.id == id) {
            None => return Ok(Poll::Ready(())),
            Some(member) if member.leaving() => return Ok(Poll::Ready(())),
            Some(_) => {}
        }
        let ended = op
            .call(Service::AutoScaling, "TerminateInstanceInAutoScalingGroup", Repeat::OnThrottle, || {
                let call = client.terminate_instance_in_auto_scaling_group().instance_id(id);
                call.should_decrement_desired_capacity(false).send()
            })
            .await;
        match ended {
            Ok(_) => Ok(Poll::Pending("ending".to_owned())),
            // The next observation tells whether it was carried out; a repeat terminates no other instance.
            Err(error) if error.is_in_use() || error.in_doubt() => Ok(Poll::Pending(error.to_string())),
            Err(error) => Err(error),
        }
    })
    .await
}

/// The version of each instance, from EC2's tags: the group's own listing shows its current version if it did
/// not keep an instance's.
async fn versions(cloud: &Cloud, fleet: &Group) -> Result<BTreeMap<String, Template>, Error> {
    let ids: Vec<_> = fleet.members.iter().map(|member| member.id.clone()).collect();
    let mut versions = BTreeMap::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let filter =
            aws_sdk_ec2::types::Filter::builder().name("instance-id").set_values(Some(ids.to_vec())).build();
        let mut token = None;
        loop {
            let page = cloud
                .read(Service::Ec2, "DescribeInstances", || {
                    cloud
                        .ec2
                        .describe_instances()
                        .filters(filter.clone())
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            for instance in page.reservations().iter().flat_map(|one| one.instances()) {
                let tag = |key: &str| instance.tags().iter().find(|tag| tag.key() == Some(key))?.value();
                if let (Some(id), Some(template), Some(version)) =
                    (instance.instance_id(), tag(ID_TAG), tag(VERSION_TAG))
                {
                    let template = Template { id: template.to_owned(), version: version.to_owned() };
                    versions.insert(id.to_owned(), template);
                }
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::autoscaling_group::tests::{fleet, template};

    fn old(fleet: &Group, ids: &[&str]) -> BTreeSet<String> {
        fleet.members.iter().map(|one| one.id.clone()).filter(|id| ids.contains(&id.as_str())).collect()
    }

    #[test]
    fn only_instances_of_another_version_are_outdated_and_ec2_knows_better_than_the_listing() {
        let fleet = fleet(3, &[("i-1", "InService", 2), ("i-2", "InService", 1), ("i-3", "InService", 2)]);
        let tagged = BTreeMap::from([("i-3".to_owned(), template(1))]);
        let outdated = outdated(&fleet, &tagged, &template(2));
        assert_eq!(outdated.into_iter().collect::<Vec<_>>(), ["i-2", "i-3"]);
    }

    #[test]
    fn the_unhealthy_go_first_and_those_on_their_way_out_are_not_ended_again() {
        let mut fleet =
            fleet(3, &[("i-1", "InService", 1), ("i-2", "InService", 1), ("i-3", "Terminating", 1)]);
        let all = old(&fleet, &["i-1", "i-2", "i-3"]);
        assert_eq!(next(&fleet, &all), Next::End { id: "i-1".into(), left: 2 });
        fleet.standing.members[1].healthy = false;
        assert_eq!(next(&fleet, &all), Next::End { id: "i-2".into(), left: 2 });
        assert_eq!(next(&fleet, &BTreeSet::new()), Next::Done);
    }

    #[test]
    fn an_old_instance_on_standby_is_left_to_whoever_put_it_there() {
        let fleet = fleet(1, &[("i-1", "InService", 1), ("i-2", "Standby", 1)]);
        let all = old(&fleet, &["i-1", "i-2"]);
        assert_eq!(next(&fleet, &all), Next::OnStandby("i-2".into()));
    }
}
