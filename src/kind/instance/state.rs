//! Starts and stops an instance and waits for its state. Shared by `instance` and by the bake of an `image`.

use std::time::Duration;

use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};

use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::ec2::{filter, pages};
use crate::kind::operation::{Operation, Poll};

/// Maximum time of a start, a stop or a termination.
const LIMIT: Duration = Duration::from_secs(900);

/// An instance and the account that owns it.
pub struct Found {
    pub instance: Instance,
    pub owner: String,
}

impl Found {
    pub fn id(&self) -> &str {
        self.instance.instance_id().unwrap_or_default()
    }

    pub fn state(&self) -> Option<&InstanceStateName> {
        self.instance.state().and_then(|state| state.name())
    }

    /// Tells whether it counts as gone. EC2 still answers a terminated instance for an hour.
    pub fn is_gone(&self) -> bool {
        matches!(self.state(), Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown))
    }
}

/// All instances that match, including terminated ones.
pub async fn instances(cloud: &Cloud, filters: Vec<Filter>) -> Result<Vec<Found>, Error> {
    let filters = &filters;
    let reservations = pages(|token| async move {
        let send = || {
            let describe = cloud.ec2.describe_instances().set_filters(Some(filters.clone()));
            describe.max_results(1000).set_next_token(token.clone()).send()
        };
        let page = cloud.read(Service::Ec2, "DescribeInstances", send).await?;
        Ok((page.reservations, page.next_token))
    })
    .await?;
    let found = reservations.into_iter().flat_map(|reservation| {
        let owner = reservation.owner_id.unwrap_or_default();
        let instances = reservation.instances.unwrap_or_default().into_iter();
        instances.map(move |instance| Found { instance, owner: owner.clone() })
    });
    Ok(found.collect())
}

/// The instance, if it exists and is not terminated.
pub async fn instance(cloud: &Cloud, id: &str) -> Result<Option<Found>, Error> {
    let found = instances(cloud, vec![filter("instance-id", [id])]).await?;
    Ok(found.into_iter().find(|one| !one.is_gone()))
}

/// Waits until the instance is in one of `states`; an instance that is terminated instead is gone, with EC2's
/// reason.
async fn wait_until(
    op: &Operation<'_>,
    id: &str,
    states: &[InstanceStateName],
) -> Result<InstanceStateName, Error> {
    let words: Vec<_> = states.iter().map(InstanceStateName::as_str).collect();
    let until = format!("{id} is {}", words.join(" or "));
    op.wait(&until, LIMIT, || async {
        let found = instances(op.cloud, vec![filter("instance-id", [id])]).await?;
        let Some(found) = found.into_iter().next() else {
            return Ok(Poll::Pending("not visible yet".to_owned()));
        };
        let reason = || {
            let reason = found.instance.state_reason().and_then(|reason| reason.message());
            reason.or(found.instance.state_transition_reason()).unwrap_or("no reason given").to_owned()
        };
        Ok(match found.state() {
            Some(state) if states.contains(state) => Poll::Ready(state.clone()),
            Some(InstanceStateName::Terminated) => {
                return Err(Error::gone(&until, format!("terminated: {}", reason())));
            }
            Some(state) => Poll::Pending(state.as_str().to_owned()),
            None => Poll::Pending("in no state yet".to_owned()),
        })
    })
    .await
}

/// Waits until the instance is neither starting nor stopping.
pub async fn settled(op: &Operation<'_>, id: &str) -> Result<InstanceStateName, Error> {
    wait_until(op, id, &[InstanceStateName::Running, InstanceStateName::Stopped]).await
}

pub async fn running(op: &Operation<'_>, id: &str) -> Result<(), Error> {
    wait_until(op, id, &[InstanceStateName::Running]).await.map(drop)
}

pub async fn terminated(op: &Operation<'_>, id: &str) -> Result<(), Error> {
    let gone = "the instance is terminated";
    op.wait(gone, LIMIT, || async {
        let found = instances(op.cloud, vec![filter("instance-id", [id])]).await?;
        Ok(match found.first().and_then(Found::state) {
            None | Some(InstanceStateName::Terminated) => Poll::Ready(()),
            Some(state) => Poll::Pending(state.as_str().to_owned()),
        })
    })
    .await
}

/// Starts the instance, whatever state it is in.
pub async fn start(op: &Operation<'_>, id: &str) -> Result<(), Error> {
    if settled(op, id).await? == InstanceStateName::Running {
        return Ok(());
    }
    let ec2 = &op.cloud.ec2;
    op.call(Service::Ec2, "StartInstances", Repeat::Safe, || ec2.start_instances().instance_ids(id).send())
        .await?;
    running(op, id).await
}

/// Stops the instance, whatever state it is in.
pub async fn stop(op: &Operation<'_>, id: &str) -> Result<(), Error> {
    if settled(op, id).await? == InstanceStateName::Stopped {
        return Ok(());
    }
    let ec2 = &op.cloud.ec2;
    op.call(Service::Ec2, "StopInstances", Repeat::Safe, || ec2.stop_instances().instance_ids(id).send())
        .await?;
    wait_until(op, id, &[InstanceStateName::Stopped]).await.map(drop)
}
