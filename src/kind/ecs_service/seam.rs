//! An ECS service as the fleet of a colour.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::ready::{Awaited, Wanted, ready};
use super::spec::Spec;
use super::{job, read, scaling, service, update};
use crate::cloud::Cloud;
use crate::kind::Boxed;
use crate::kind::fleet::{Fleet, Job, JobEnd, Refusal, Runs, Shape, Standing, Template};
use crate::kind::operation::Operation;
use crate::kind::task_definition;
use crate::state::Record;
use crate::value::{Object, Value};

pub struct Services;

const SHAPE: Shape = Shape {
    source: "task_definition",
    targets: "target_groups",
    sizes: ["min_count", "max_count", "desired_count"],
    // Each of them replaces the running tasks.
    ships: &[
        "launch_type",
        "capacity_provider",
        "platform_version",
        "subnets",
        "security_groups",
        "assign_public_ip",
        "container",
        "container_port",
        "service_registry",
    ],
    defaults: &[],
};

impl Fleet for Services {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn noun(&self) -> &'static str {
        "ECS service"
    }

    fn members(&self) -> &'static str {
        "tasks"
    }

    fn source(&self) -> &'static str {
        task_definition::KIND
    }

    fn targets(&self) -> &'static str {
        "target_group"
    }

    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn launches(&self, inputs: &Object) -> Option<Template> {
        Spec::of(inputs).ok().map(|spec| spec.template())
    }

    fn launching(&self, mut inputs: Object, version: &Template) -> Object {
        inputs.insert(SHAPE.source.to_owned(), read::template_value(version.clone()));
        inputs
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud, ids: &'a [&'a str]) -> Boxed<'a, BTreeMap<String, Standing>> {
        Box::pin(async move {
            let services = service::observe(cloud, ids).await?;
            Ok(services.into_iter().map(|(arn, service)| (arn, service.standing)).collect())
        })
    }

    fn at_version<'a>(
        &'a self,
        cloud: &'a Cloud,
        version: &'a Template,
        source: &'a Record,
    ) -> Boxed<'a, Option<Object>> {
        Box::pin(task_definition::at_version(cloud, version, source))
    }

    fn gone<'a>(&'a self, cloud: &'a Cloud, version: &'a Template) -> Boxed<'a, Option<String>> {
        Box::pin(task_definition::gone(cloud, version))
    }

    fn ready<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, limit: Duration) -> Boxed<'a, ()> {
        Box::pin(async move { ready(op, id, Wanted::Healthy, &Awaited::default(), limit).await.map(drop) })
    }

    fn adopts(&self) -> &'static str {
        "The ARN of the service. Its task definition, its target group and the rules that forward to it come with it."
    }

    /// A service names a revision by its number, so that another revision changes none that runs.
    fn adoptable<'a>(
        &'a self,
        _cloud: &'a Cloud,
        fleet: &'a Standing,
    ) -> Boxed<'a, Result<Template, Refusal>> {
        let found = fleet.template.clone().ok_or_else(|| {
            (
                format!("`{}` has no task definition", fleet.name),
                "its deployments belong to another controller than ECS; make a service with controller ECS first".to_owned(),
            )
        });
        Box::pin(async move { Ok(found) })
    }

    fn not_untouched(&self, fleet: &Standing, live: &Object, said: &Object) -> Option<Refusal> {
        let most = said.get("max_count").and_then(Value::as_number);
        if let Some(most) = most.filter(|most| *most < f64::from(fleet.desired)) {
            return Some((
                format!(
                    "`{}` has {} tasks, and max_count = {most} would end some of them",
                    fleet.name, fleet.desired
                ),
                format!("write max_count = {} or more", fleet.max.max(fleet.desired)),
            ));
        }
        let name = |inputs: &Object| inputs.get("cluster").and_then(Value::as_str).map(str::to_owned);
        let (is, will) = (name(live)?, name(said)?);
        (is != will).then(|| {
            (
                format!("`{}` is in the cluster {is}, and the file says {will}", fleet.name),
                "write the same cluster: a service stays in the one in which it was made".to_owned(),
            )
        })
    }

    fn hold_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, to: &'a Template) -> Boxed<'a, ()> {
        Box::pin(update::pin_to(op, id, to))
    }

    fn retire_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, at: Timestamp) -> Boxed<'a, ()> {
        Box::pin(scaling::retire(op, id, at))
    }

    fn retires<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Timestamp>> {
        Box::pin(scaling::retires(cloud, id))
    }

    fn keep<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()> {
        Box::pin(scaling::keep(op, id))
    }

    fn newest(&self, source: &Record) -> Option<Template> {
        let version = source.outputs.get("revision").and_then(Value::as_number)?;
        Some(Template { id: source.id.clone(), version: format!("{version:.0}") })
    }

    fn runs(&self) -> Option<&'static dyn Runs> {
        Some(&Self)
    }

    fn keeps_to_itself(&self) -> Option<Refusal> {
        Some((
            "a task runs the image that it was started with, and nothing is put into it afterwards"
                .to_owned(),
            "ship the release as an image, with strategy \"blue_green\", \"canary\" or \"linear\"".to_owned(),
        ))
    }
}

impl Runs for Services {
    fn permissions(&self) -> &'static [&'static str] {
        &["ecs:DescribeTasks", "ecs:ListTasks", "ecs:RunTask", "ecs:StopTask", "iam:PassRole"]
    }

    fn run<'a>(
        &'a self,
        op: &'a Operation<'a>,
        fleet: &'a Object,
        version: &'a Template,
        job: &'a Job<'a>,
    ) -> Boxed<'a, JobEnd> {
        Box::pin(job::run(op, fleet, version, job))
    }
}
