//! The preflight of services: faults that would stop a rollout halfway. Reads only.

use crate::cloud::error::Error;
use crate::kind::preflight::{Begins, Finding, Ground, never_healthy_in_time};
use crate::kind::task_definition;

const SCHEDULED: &str = "https://docs.aws.amazon.com/autoscaling/application/userguide/\
                         application-auto-scaling-suspend-resume-scaling.html";
const DEREGISTERED: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html";
const HEALTHY: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html";

pub async fn look(ground: &Ground<'_>) -> Result<Vec<Finding>, Error> {
    let begins: Vec<&Begins<'_>> =
        ground.begins.iter().filter(|one| one.fleet.address.kind == super::KIND).collect();
    let mut found = Vec::new();
    for one in begins {
        found.extend(never_healthy_in_time(&one.fleet.address, &one.fleet.inputs, &one.targets.inputs));
        found.extend(weak(one));
        found.extend(never_retired(one));
        let Some((address, live)) = &one.live else { continue };
        let Some(version) = &live.template else { continue };
        if let Some(missing) = task_definition::gone(ground.cloud, version).await? {
            found.push(Finding {
                address: address.clone(),
                refuses: false,
                message: format!(
                    "{missing} is deregistered, so that it starts no task once it was emptied: it is a way back only as \
                     long as its tasks run"
                ),
                help: "raise `retire_after`, or ship a release that can be started again before this one".to_owned(),
                page: DEREGISTERED,
            });
        }
    }
    Ok(found)
}

/// Checks that the old colour has its wanted tasks in service, since it is the way back.
fn weak(one: &Begins<'_>) -> Option<Finding> {
    let (address, live) = one.live.as_ref()?;
    let (in_service, desired) = (live.capacity_in_service(), live.desired);
    (in_service < desired).then(|| Finding {
        address: address.clone(),
        refuses: false,
        message: format!("{in_service} of its {desired} tasks are in service, and it is the way back"),
        help: "see why in `bgform status`; the new colour gets as many as the old one should have".to_owned(),
        page: HEALTHY,
    })
}

/// Checks that nothing keeps the old colour from being emptied on time.
fn never_retired(one: &Begins<'_>) -> Option<Finding> {
    let (address, live) = one.live.as_ref().filter(|_| one.retires_after.is_some())?;
    live.suspended.first().map(|_| Finding {
        address: address.clone(),
        refuses: false,
        message: "its scheduled scaling is suspended: its tasks would run on when it is retired".to_owned(),
        help: "resume it before its time comes: aws application-autoscaling register-scalable-target --suspended-state"
            .to_owned(),
        page: SCHEDULED,
    })
}
