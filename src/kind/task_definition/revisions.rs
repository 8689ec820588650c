//! Revisions of one family: registers the next one once, and deregisters old ones that nothing uses.
//!
//! RegisterTaskDefinition takes no client token, so that a revision is found again by the tag of its operation.
//! A deregistered revision runs on where it runs (API_DeregisterTaskDefinition), and starts no new service.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecs::types as t;

use super::request::Spec;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::answers::pages;
use crate::kind::ecs::{self, SERVICE};
use crate::kind::operation::{OPERATION_TAG, Operation, Poll};
use crate::kind::{ecs_cluster, ecs_service};

/// The newest revisions among which that of an operation is looked for: others may register meanwhile.
const LATEST: usize = 10;
const VISIBLE: Duration = Duration::from_secs(60);

/// A revision and its tags.
pub struct Revision {
    pub definition: t::TaskDefinition,
    pub tags: Vec<t::Tag>,
}

impl Revision {
    pub fn arn(&self) -> &str {
        self.definition.task_definition_arn().unwrap_or_default()
    }

    pub fn is_active(&self) -> bool {
        self.definition.status() == Some(&t::TaskDefinitionStatus::Active)
    }
}

/// The revision that `named` names: `family` for its newest active one, `family:revision`, or an ARN; `None` if
/// there is none. ECS answers the same code for that and for other mistakes, so that the family is listed then.
pub async fn described(cloud: &Cloud, named: &str) -> Result<Option<Revision>, Error> {
    let send = || {
        let describe = cloud.ecs.describe_task_definition().task_definition(named);
        describe.include(t::TaskDefinitionField::Tags).send()
    };
    match cloud.read(SERVICE, "DescribeTaskDefinition", send).await {
        Ok(answer) => {
            let tags = answer.tags.unwrap_or_default();
            Ok(answer.task_definition.map(|definition| Revision { definition, tags }))
        }
        Err(error) if error.is_refused() => {
            let (family, number) = match ecs::revision_in(named) {
                Some((family, number)) => (family, Some(number)),
                None => (ecs::last(named).to_owned(), None),
            };
            let active = active(cloud, &family).await?;
            let is_there = match &number {
                Some(number) => {
                    active.iter().any(|arn| ecs::revision_in(arn).is_some_and(|one| one.1 == *number))
                }
                None => !active.is_empty(),
            };
            if is_there { Err(error) } else { Ok(None) }
        }
        Err(error) => Err(error),
    }
}

/// The ARNs of a family's active revisions, the newest first.
pub async fn active(cloud: &Cloud, family: &str) -> Result<Vec<String>, Error> {
    let mut found: Vec<String> = pages(|token| async move {
        let send = || {
            let list = cloud.ecs.list_task_definitions().family_prefix(family);
            let list = list.status(t::TaskDefinitionStatus::Active).sort(t::SortOrder::Desc);
            list.set_next_token(token.clone()).send()
        };
        let page = cloud.read(SERVICE, "ListTaskDefinitions", send).await?;
        Ok((page.task_definition_arns, page.next_token))
    })
    .await?;
    // An emulator may not sort them.
    let number = |arn: &String| ecs::revision_in(arn).and_then(|(_, number)| number.parse::<u64>().ok());
    found.sort_by_key(|arn| std::cmp::Reverse(number(arn)));
    Ok(found)
}

/// The revision that this operation registered.
pub async fn made(op: &Operation<'_>, family: &str) -> Result<Option<Revision>, Error> {
    for arn in active(op.cloud, family).await?.into_iter().take(LATEST) {
        let found = described(op.cloud, &arn).await?;
        let is_ours = |one: &Revision| ecs::pairs(&one.tags).get(OPERATION_TAG) == Some(&op.id);
        if let Some(found) = found.filter(is_ours) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Registers a revision, unless this operation has done so, and waits until it is the family's newest.
pub async fn register(op: &Operation<'_>, family: &str, spec: &Spec) -> Result<(), Error> {
    let number = match made(op, family).await? {
        Some(made) => made.definition.revision(),
        None => {
            let request = spec.data.request(family, &op.tags(&spec.tags))?;
            let client = &op.cloud.ecs;
            let answer = op
                .call(SERVICE, "RegisterTaskDefinition", Repeat::OnThrottle, || {
                    request.clone().send_with(client)
                })
                .await?;
            answer.task_definition.map(|one| one.revision()).unwrap_or_default()
        }
    };
    op.wait("ECS shows the new revision", VISIBLE, || async {
        let shown = described(op.cloud, family).await?.map(|one| one.definition.revision());
        Ok(match shown {
            Some(latest) if latest >= number => Poll::Ready(()),
            Some(latest) => Poll::Pending(format!("revision {latest} is the newest")),
            None => Poll::Pending("not visible yet".to_owned()),
        })
    })
    .await
}

/// Deregisters all active revisions except the newest `keep` and those that a service names.
pub async fn prune(op: &Operation<'_>, family: &str, keep: usize) -> Result<(), Error> {
    let mut old: Vec<String> = active(op.cloud, family).await?.into_iter().skip(keep).collect();
    if old.is_empty() {
        return Ok(());
    }
    let used = used(op.cloud).await?;
    old.retain(|arn| !used.contains(arn));
    for arn in old {
        deregister(op, &arn).await?;
    }
    Ok(())
}

/// Deregisters a revision; one that is gone or inactive already stays so.
pub async fn deregister(op: &Operation<'_>, arn: &str) -> Result<(), Error> {
    let ecs = &op.cloud.ecs;
    let send = || ecs.deregister_task_definition().task_definition(arn).send();
    match op.call(Service::Ecs, "DeregisterTaskDefinition", Repeat::Safe, send).await {
        Ok(_) => Ok(()),
        Err(error)
            if error.is_refused() && described(op.cloud, arn).await?.is_none_or(|one| !one.is_active()) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The ARNs of the revisions that services of the region name, in any cluster.
async fn used(cloud: &Cloud) -> Result<BTreeSet<String>, Error> {
    let mut used = BTreeSet::new();
    for cluster in ecs_cluster::all(cloud).await? {
        let services = ecs_service::service::in_cluster(cloud, &cluster).await?;
        for service in services {
            used.extend(service.task_definition().map(str::to_owned));
            let deployments = service.deployments().iter().filter_map(|one| one.task_definition());
            used.extend(deployments.map(str::to_owned));
        }
    }
    Ok(used)
}
