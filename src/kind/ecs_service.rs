//! `ecs_service`: tasks of one revision of a task definition, kept at a number and registered with target groups. A
//! create ends when its tasks run, an update of its tasks when the new ones are healthy and the old ones gone. A
//! delete ends when its tasks have stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use super::preflight::{Finding, Ground};
use super::schema::{Schema, Wrong};
use super::{Boxed, Kind, Live, Made, Named, Permissions, Traffic, Update, Wanted, ecs};
use crate::cloud::error::{Class, CloudError, Error};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{ADDRESS_TAG, OPERATION_TAG, Operation, Poll, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

mod check;
mod job;
mod preflight;
mod read;
mod ready;
mod scaling;
mod schema;
mod seam;
pub mod service;
mod spec;
mod update;

use ecs::{NAME, SERVICE};
use spec::Spec;

/// Maximum time until tasks are gone: longer than the longest deregistration delay (3600 s).
const DELETE_LIMIT: Duration = Duration::from_secs(75 * 60);
/// Maximum time until a new service is described.
const VISIBLE: Duration = Duration::from_secs(60);
/// Maximum length of a client token ([model] CreateService).
const TOKEN: usize = 36;
const KIND: &str = "ecs_service";

#[derive(Debug, Clone, Copy)]
pub struct EcsService;

impl Kind for EcsService {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &schema::SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "application-autoscaling:DescribeScalableTargets",
                "ecs:DescribeServices",
                "ecs:ListClusters",
                "ecs:ListServices",
            ],
            write: &[
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:RegisterScalableTarget",
                "ecs:CreateService",
                "ecs:DeleteService",
                "ecs:DescribeTasks",
                "ecs:ListTasks",
                "ecs:TagResource",
                "ecs:UntagResource",
                "ecs:UpdateService",
                "elasticloadbalancing:DescribeTargetHealth",
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
            ],
            ship: &[
                "application-autoscaling:DeleteScheduledAction",
                "application-autoscaling:DescribeScheduledActions",
                "application-autoscaling:PutScheduledAction",
            ],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = name_of(op, &spec);
        let arn = match made(op, &spec.cluster, &name).await? {
            Some(arn) => arn,
            None => create(op, &name, &spec).await?,
        };
        scaling::register(op, &arn, spec.min_count, spec.max_count).await?;
        let of = ready::Awaited { deployment: None, bounds: Some([spec.min_count, spec.max_count]) };
        ready::ready(op, &arn, ready::Wanted::of(op), &of, spec.ready_timeout()).await?;
        Ok(arn)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        read::read(cloud, wanted).await
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        update::update(op, update).await
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let (arn, name) = (record.id.as_str(), ecs::last(&record.id));
        if service::described(op.cloud, &[arn]).await?.is_empty() {
            return Ok(());
        }
        scaling::deregister(op, arn).await?;
        op.wait(&format!("`{name}` and its tasks are gone"), DELETE_LIMIT, || async {
            let found = service::described(op.cloud, &[arn]).await?;
            let Some(there) = found.first() else { return Ok(Poll::Ready(())) };
            if there.status() == Some("ACTIVE") {
                let cluster = ecs::cluster_in(arn).unwrap_or("default");
                let delete = op.cloud.ecs.delete_service().cluster(cluster).service(arn).force(true);
                match op.call(SERVICE, "DeleteService", Repeat::Safe, || delete.clone().send()).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
            Ok(Poll::Pending(format!("{} tasks are left", there.running_count())))
        })
        .await?;
        self::left(op, arn, name).await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = name_of(op, &spec);
        let there = named(op.cloud, &spec.cluster, &name).await?;
        let Some(arn) = there.filter(|one| is_ours(op, one)).and_then(|one| one.service_arn) else {
            return Ok(None);
        };
        // The step that ends an interrupted operation waits for the tasks: a plan must first be able to change
        // whatever keeps them from starting.
        let bounds = scaling::register(op, &arn, spec.min_count, spec.max_count);
        op.unless_refused(bounds.await)?;
        Ok(Some(arn))
    }

    fn check(&self, inputs: &Object) -> Vec<Wrong> {
        check::check(inputs)
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        check::beside(inputs, named)
    }

    fn fleet(&self) -> Option<&'static dyn crate::kind::fleet::Fleet> {
        Some(&seam::Services)
    }

    fn before<'a>(&'a self, ground: &'a Ground<'a>) -> Boxed<'a, Vec<Finding>> {
        Box::pin(preflight::look(ground))
    }

    fn traffic(&self, inputs: &Object) -> Traffic {
        let groups = inputs.get("target_groups").and_then(Value::as_list).unwrap_or_default();
        Traffic { forwards: Vec::new(), serves: groups.to_vec() }
    }

    /// The wanted number of tasks, moved into the bounds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds numbers")]
    fn capacity(&self, inputs: &Object, now: Option<u32>) -> Option<u32> {
        let size = |name: &str| Some(inputs.get(name)?.as_number()? as u32);
        let (min, max) = (size("min_count")?, size("max_count")?);
        Some(size("desired_count").or(now).unwrap_or(min).max(min).min(max))
    }

    /// ECS refuses a target group that no listener forwards to (service-load-balancing of the developer guide:
    /// a target group is associated with a load balancer before the service is created).
    fn joins_after_routers(&self) -> Option<&'static str> {
        Some("target_groups")
    }

    /// A number of tasks stays in service while others are replaced, unless the author lowers it to none.
    fn refused_under_traffic(
        &self,
        changed: &std::collections::BTreeSet<String>,
        after: &Object,
    ) -> Option<(String, String)> {
        let least = after.get("rolling_update").map(|update| update.get("min_healthy").unmark().0.clone());
        let none = matches!(least, Some(Value::Percent(percent)) if percent == 0.0);
        let is_empty = after.get("max_count").and_then(Value::as_number) == Some(0.0);
        (changed.contains("task_definition") && none && !is_empty).then(|| {
            (
                "with `min_healthy = 0%`, all tasks may end before new ones are healthy, while they carry traffic"
                    .to_owned(),
                "raise `min_healthy`, or shift the weight away first".to_owned(),
            )
        })
    }

    fn not_in_place(&self, attribute: &str, _before: &Object, after: &Object) -> Option<Made> {
        let is_taken_away = after.get(attribute).is_none_or(Value::is_null);
        (attribute == "subnets" && is_taken_away).then_some(Made::Anew)
    }

    fn searches_all(&self) -> bool {
        true
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(service::of_stack(cloud, stack))
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ecs::operation::create_service::CreateServiceInput;
        CreateServiceInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}

fn name_of(op: &Operation<'_>, spec: &Spec) -> String {
    spec.name.clone().unwrap_or_else(|| op.name(NAME))
}

fn is_ours(op: &Operation<'_>, service: &aws_sdk_ecs::types::Service) -> bool {
    ecs::pairs(service.tags()).get(OPERATION_TAG) == Some(&op.id)
}

/// The service of this name in a cluster, by the cluster's ARN: `...:cluster/main` becomes `...:service/main/web`.
async fn named(
    cloud: &Cloud,
    cluster: &str,
    name: &str,
) -> Result<Option<aws_sdk_ecs::types::Service>, Error> {
    let arn = format!("{}/{name}", cluster.replacen(":cluster/", ":service/", 1));
    Ok(service::described(cloud, &[&arn]).await?.into_iter().next())
}

/// The service, if this operation has made it already. One of that name that is being deleted is waited for.
/// Somebody else's is an error, which ECS would not tell from a repeat.
async fn made(op: &Operation<'_>, cluster: &str, name: &str) -> Result<Option<String>, Error> {
    let until = format!("the old `{name}` is gone");
    op.wait(&until, DELETE_LIMIT, || async {
        match named(op.cloud, cluster, name).await? {
            None => Ok(Poll::Ready(None)),
            Some(there) if there.status() != Some("ACTIVE") => {
                Ok(Poll::Pending(format!("{} tasks are left", there.running_count())))
            }
            Some(there) if is_ours(op, &there) => Ok(Poll::Ready(there.service_arn)),
            Some(there) => Err(taken(name, ecs::pairs(there.tags()).remove(ADDRESS_TAG))),
        }
    })
    .await
}

async fn create(op: &Operation<'_>, name: &str, spec: &Spec) -> Result<String, Error> {
    let token: String = op.token("service").chars().take(TOKEN).collect();
    let strategy = spec.strategy()?;
    let registries = spec.registries();
    let balancers = spec.balancers();
    let create = op
        .cloud
        .ecs
        .create_service()
        .cluster(&spec.cluster)
        .service_name(name)
        .client_token(token)
        .task_definition(spec.task_definition.named())
        .desired_count(spec.count(spec.min_count))
        .set_launch_type(spec.launch_type())
        .set_capacity_provider_strategy(Some(strategy).filter(|all| !all.is_empty()))
        .set_platform_version(spec.platform_version().map(str::to_owned))
        .set_placement_constraints(Some(spec.constraints()).filter(|all| !all.is_empty()))
        .set_placement_strategy(Some(spec.placement()).filter(|all| !all.is_empty()))
        .set_network_configuration(spec.network()?)
        .set_load_balancers(Some(balancers).filter(|all| !all.is_empty()))
        .set_health_check_grace_period_seconds(spec.grace())
        .set_service_registries(Some(registries).filter(|all| !all.is_empty()))
        .deployment_configuration(spec.deployment())
        .set_availability_zone_rebalancing(spec.rebalancing())
        .enable_execute_command(spec.execute_command())
        .enable_ecs_managed_tags(spec.managed_tags())
        .propagate_tags(spec.propagation())
        .set_tags(Some(ecs::sdk_tags(&op.tags(&spec.tags))));
    let answer = op.call(SERVICE, "CreateService", Repeat::Safe, || create.clone().send()).await?;
    let arn = answer.service.and_then(|one| one.service_arn).unwrap_or_default();
    // What asks for it next would take a service that is not visible yet for one that is gone.
    op.wait(&format!("`{name}` is visible"), VISIBLE, || async {
        let there = service::described(op.cloud, &[&arn]).await?;
        Ok(if there.is_empty() { Poll::Pending("not yet".to_owned()) } else { Poll::Ready(()) })
    })
    .await?;
    Ok(arn)
}

/// Waits until the last tasks of a deleted service have stopped: their addresses hold subnets and security groups.
async fn left(op: &Operation<'_>, arn: &str, name: &str) -> Result<(), Error> {
    op.wait(&format!("the tasks of `{name}` have stopped"), DELETE_LIMIT, || async {
        let tasks = service::tasks(op.cloud, arn, true).await?;
        Ok(match tasks.iter().filter(|one| one.last_status() != Some("STOPPED")).count() {
            0 => Poll::Ready(()),
            left => Poll::Pending(format!("{left} left")),
        })
    })
    .await
}

fn taken(name: &str, owner: Option<String>) -> Error {
    let owner = owner
        .map_or_else(|| "bgform did not make it".to_owned(), |address| format!("it was made for {address}"));
    Error::Cloud(CloudError {
        service: SERVICE,
        action: "CreateService",
        class: Class::AlreadyExists,
        code: None,
        message: format!("there is a service `{name}` in the cluster already, and {owner}"),
        request_id: None,
        after_doubt: false,
        access_key: None,
    })
}
