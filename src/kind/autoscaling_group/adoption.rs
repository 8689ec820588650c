//! Decides whether an Auto Scaling group can become the first colour of a deployment as it runs. Reads only.

use std::collections::BTreeSet;

use super::group::{Group, matching};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::fleet::{Refusal, Standing, Template};
use crate::value::{Object, Value};

/// Checks that the group launches from a template, and that no other group launches that template's `$Latest`
/// or `$Default`.
pub(super) async fn adoptable(cloud: &Cloud, fleet: &Standing) -> Result<Result<Template, Refusal>, Error> {
    let Some(template) = &fleet.template else {
        return Ok(Err((
            format!("`{}` launches from no launch template", fleet.name),
            "give it one with the same settings first (https://docs.aws.amazon.com/autoscaling/ec2/userguide/\
             migrate-to-launch-templates.html): that replaces no instance"
                .to_owned(),
        )));
    };
    let follows = |other: &Group| {
        let launched = other.template.as_ref();
        other.name != fleet.name
            && launched.is_some_and(|one| one.id == template.id && one.number().is_none())
    };
    let all = matching(cloud, None).await?;
    let Some(other) = all.iter().find(|other| follows(other)) else { return Ok(Ok(template.clone())) };
    let version = other.template.as_ref().map(|template| template.version.as_str()).unwrap_or_default();
    Ok(Err((
        format!(
            "`{}` launches {version} of the same launch template, and would launch the next release",
            other.name
        ),
        "pin that group to a version's number, or give it a template of its own".to_owned(),
    )))
}

/// Checks that adoption keeps the group's size and place.
pub(super) fn not_untouched(fleet: &Standing, live: &Object, said: &Object) -> Option<Refusal> {
    let most = said.get("max_size").and_then(Value::as_number);
    if let Some(most) = most.filter(|most| *most < f64::from(fleet.desired)) {
        return Some((
            format!(
                "`{}` has {} instances, and max_size = {most} would end some of them",
                fleet.name, fleet.desired
            ),
            format!("write max_size = {} or more", fleet.max.max(fleet.desired)),
        ));
    }
    let subnets = |inputs: &Object| -> Option<BTreeSet<String>> {
        inputs.get("subnets")?.as_list()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let (live, said) = (subnets(live)?, subnets(said)?);
    let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    (live != said).then(|| {
        (
            format!("`{}` is in the subnets {}, and the file says {}", fleet.name, list(&live), list(&said)),
            "write the same subnets: a change of them moves instances (https://docs.aws.amazon.com/autoscaling/ec2/\
             userguide/auto-scaling-benefits.html#AutoScalingBehavior.InstanceUsage); change them once it is adopted"
                .to_owned(),
        )
    })
}
