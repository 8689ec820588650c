//! A service as last observed: its sizes, its deployments and its tasks. Other modules read from it what runs and why
//! not. Changes nothing.

use std::collections::BTreeMap;
use std::ops::Deref;

use aws_sdk_ecs::types as t;
use futures_util::future::try_join_all;

use super::scaling::{self, Bounds};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::answers::pages;
use crate::kind::ecs::{self, SERVICE};
use crate::kind::ecs_cluster;
use crate::kind::fleet::{Member, Phase, Standing, Template};
use crate::kind::operation::Tagged;

/// Maximum number of services in a describe call ([model] DescribeServices), and of tasks (DescribeTasks).
const TEN: usize = 10;
const HUNDRED: usize = 100;

/// A service with its tasks. It derefs to its fleet.
#[derive(Debug, Clone)]
pub struct Service {
    pub standing: Standing,
    pub described: t::Service,
}

impl Deref for Service {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        &self.standing
    }
}

impl Service {
    fn of(described: t::Service, bounds: Option<Bounds>, tasks: &[t::Task]) -> Self {
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let desired = described.desired_count();
        let bounds = bounds.unwrap_or(Bounds { min: desired, max: desired, halted: false });
        let groups = described.load_balancers().iter().filter_map(|one| one.target_group_arn());
        let standing = Standing {
            name: owned(described.service_name()),
            arn: owned(described.service_arn()),
            deleting: described.status() != Some("ACTIVE"),
            min: bounds.min,
            max: bounds.max,
            desired,
            members: tasks.iter().map(member).collect(),
            template: described.task_definition().and_then(template),
            target_groups: groups.map(str::to_owned).collect(),
            suspended: bounds.halted.then(|| "ScheduledScaling".to_owned()).into_iter().collect(),
        };
        Self { standing, described }
    }

    /// The deployment that new tasks belong to.
    pub fn primary(&self) -> Option<&t::Deployment> {
        self.described.deployments().iter().find(|one| one.status() == Some("PRIMARY"))
    }

    /// Tells whether the circuit breaker has ended its newest deployment.
    pub fn has_failed(&self) -> bool {
        self.primary().and_then(t::Deployment::rollout_state) == Some(&t::DeploymentRolloutState::Failed)
    }
}

/// `family:revision` in the ARN of a revision.
pub fn template(arn: &str) -> Option<Template> {
    ecs::revision_in(arn).map(|(id, version)| Template { id, version })
}

fn member(task: &t::Task) -> Member {
    let wanted = task.desired_status() != Some("STOPPED");
    let state = task.last_status().unwrap_or_default();
    let phase = match state {
        _ if !wanted => Phase::Leaving,
        "RUNNING" => Phase::Serving,
        "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" | "STOPPED" => Phase::Leaving,
        _ => Phase::Coming,
    };
    Member {
        id: ecs::last(task.task_arn().unwrap_or_default()).to_owned(),
        target: address(task).unwrap_or_default(),
        phase,
        state: state.to_owned(),
        healthy: task.health_status() != Some(&t::HealthStatus::Unhealthy),
        template: task.task_definition_arn().and_then(template),
        units: 1,
        protected: false,
    }
}

/// The address of a task's own network interface, by which it is a target.
fn address(task: &t::Task) -> Option<String> {
    let details = task.attachments().iter().flat_map(|one| one.details());
    let mut addresses = details.filter(|one| one.name() == Some("privateIPv4Address"));
    addresses.find_map(|one| one.value().map(str::to_owned))
}

/// Services by ARN, with their tags. Missing and deleted ones are left out, those under deletion are not.
pub async fn described(cloud: &Cloud, arns: &[&str]) -> Result<Vec<t::Service>, Error> {
    let mut by_cluster: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for arn in arns {
        by_cluster.entry(ecs::cluster_in(arn).unwrap_or("default")).or_default().push((*arn).to_owned());
    }
    let batches =
        by_cluster.iter().flat_map(|(cluster, all)| all.chunks(TEN).map(move |some| (*cluster, some)));
    let answers = batches.map(|(cluster, some)| async move {
        let send = || {
            let describe = cloud.ecs.describe_services().cluster(cluster).set_services(Some(some.to_vec()));
            describe.include(t::ServiceField::Tags).send()
        };
        match cloud.read(SERVICE, "DescribeServices", send).await {
            Ok(answer) => Ok(answer.services.unwrap_or_default()),
            // The cluster is gone, and so are its services.
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    });
    let found = try_join_all(answers).await?.into_iter().flatten();
    Ok(found.filter(|one| one.status() != Some("INACTIVE")).collect())
}

/// All services of a cluster.
pub async fn in_cluster(cloud: &Cloud, cluster: &str) -> Result<Vec<t::Service>, Error> {
    let arns = pages(|token| async move {
        let send = || {
            let list = cloud.ecs.list_services().cluster(cluster).max_results(HUNDRED as i32);
            list.set_next_token(token.clone()).send()
        };
        match cloud.read(SERVICE, "ListServices", send).await {
            Ok(page) => Ok((page.service_arns, page.next_token)),
            Err(error) if error.is_not_found() => Ok((None, None)),
            Err(error) => Err(error),
        }
    })
    .await?;
    described(cloud, &arns.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// The services with the tag of a stack, in any cluster: ECS lists them by cluster only.
pub async fn of_stack(cloud: &Cloud, stack: &str) -> Result<Vec<Tagged>, Error> {
    let mut found = Vec::new();
    for cluster in ecs_cluster::all(cloud).await? {
        let services = in_cluster(cloud, &cluster).await?;
        let there = services.iter().filter(|one| one.status() == Some("ACTIVE"));
        found.extend(there.filter_map(|one| {
            Tagged::of(one.service_arn(), stack, one.tags().iter().map(|tag| (tag.key(), tag.value())))
        }));
    }
    Ok(found)
}

/// The tasks of a service that are to run, or those that stop or have stopped (for an hour, API_ListTasks).
pub async fn tasks(cloud: &Cloud, arn: &str, stopped: bool) -> Result<Vec<t::Task>, Error> {
    let cluster = ecs::cluster_in(arn).unwrap_or("default");
    let wanted = if stopped { t::DesiredStatus::Stopped } else { t::DesiredStatus::Running };
    let arns = pages(|token| {
        let wanted = wanted.clone();
        async move {
            let send = || {
                let list = cloud.ecs.list_tasks().cluster(cluster).service_name(ecs::last(arn));
                list.desired_status(wanted.clone()).set_next_token(token.clone()).send()
            };
            match cloud.read(SERVICE, "ListTasks", send).await {
                Ok(page) => Ok((page.task_arns, page.next_token)),
                Err(error) if error.is_not_found() => Ok((None, None)),
                Err(error) => Err(error),
            }
        }
    })
    .await?;
    let mut found = Vec::new();
    for some in arns.chunks(HUNDRED) {
        let send = || cloud.ecs.describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec())).send();
        let answer = cloud.read(SERVICE, "DescribeTasks", send).await?;
        found.extend(answer.tasks.unwrap_or_default());
    }
    Ok(found)
}

/// Observes services by ARN, with their tasks. Missing ones are left out; those under deletion are marked.
pub async fn observe(cloud: &Cloud, arns: &[&str]) -> Result<BTreeMap<String, Service>, Error> {
    let (services, bounds) = tokio::try_join!(described(cloud, arns), scaling::bounds(cloud, arns))?;
    let all = services.into_iter().map(|described| async {
        let arn = described.service_arn().unwrap_or_default().to_owned();
        let tasks = tasks(cloud, &arn, false).await?;
        let service = Service::of(described, bounds.get(&arn).copied(), &tasks);
        Ok::<_, Error>((arn, service))
    });
    Ok(try_join_all(all).await?.into_iter().collect())
}

/// Observes one service.
pub async fn observe_one(cloud: &Cloud, arn: &str) -> Result<Option<Service>, Error> {
    Ok(observe(cloud, &[arn]).await?.remove(arn))
}
