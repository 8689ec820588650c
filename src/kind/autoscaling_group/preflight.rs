//! Checks that a new Auto Scaling group can come up, and that the old one can carry all traffic on the way
//! back.

use std::collections::{BTreeMap, BTreeSet};

use super::places;
use crate::address::Address;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::image::usable;
use crate::kind::preflight::{Begins, Count, Finding, Ground, Said, known, never_healthy_in_time};
use crate::value::Value;

const PROCESSES: &str =
    "https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html";

/// Processes that an instance needs to come up and get requests.
const NEEDED: [(&str, &str); 2] = [
    ("Launch", "launches no instance"),
    ("AddToLoadBalancer", "registers no instance with its target group"),
];

/// Makes one call for each kind of question, whatever the number of rollouts.
///
/// # Errors
/// When the account cannot be read.
pub(super) async fn look(ground: &Ground<'_>) -> Result<Vec<Finding>, Error> {
    let begins: Vec<&Begins<'_>> =
        ground.begins.iter().filter(|one| one.fleet.address.kind == super::KIND).collect();
    let mut found = Vec::new();
    for one in &begins {
        found.extend(never_healthy_in_time(&one.fleet.address, &one.fleet.inputs, &one.targets.inputs));
        found.extend(suspended(one));
        found.extend(weak(one));
        found.extend(never_retired(one));
    }
    let (places, images, groups) = tokio::try_join!(
        places::look(ground.cloud, &begins),
        images(ground.cloud, &begins),
        groups(ground),
    )?;
    found.extend(places.into_iter().chain(images).chain(groups));
    Ok(found)
}

/// Checks that the groups of both colours launch instances and register them. The plan resumes processes
/// suspended by hand, unless the author ignores the attribute.
fn suspended(one: &Begins<'_>) -> Vec<Finding> {
    let ignores = |said: &Said| said.ignored.iter().any(|name| name == "suspended_processes");
    let mut found = Vec::new();
    for (said, refuses) in [(&one.fleet, true), (&one.other, false)] {
        if !refuses && one.live.is_none() {
            continue;
        }
        let declared =
            one.fleet.inputs.get("suspended_processes").and_then(Value::as_list).unwrap_or_default();
        let mut halted: BTreeSet<String> =
            declared.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if let (Some((_, live)), true, false) = (&one.live, ignores(said), refuses) {
            halted.clone_from(&live.suspended);
        }
        for (process, does) in NEEDED.into_iter().filter(|(process, _)| halted.contains(*process)) {
            found.push(Finding {
                address: said.address.clone(),
                refuses,
                message: match refuses {
                    true => format!("its process {process} is suspended, so that it {does}"),
                    false => format!("its process {process} is suspended: on the way back it {does}"),
                },
                help: format!("take {process} out of `suspended_processes`, or resume it"),
                page: PROCESSES,
            });
        }
    }
    found
}

/// Checks that the old colour has its wanted capacity in service, since it is the way back.
fn weak(one: &Begins<'_>) -> Option<Finding> {
    let (address, live) = one.live.as_ref()?;
    let (in_service, desired) = (live.capacity_in_service(), live.desired);
    (in_service < desired).then(|| Finding {
        address: address.clone(),
        refuses: false,
        message: format!("{in_service} of its {desired} instances are in service, and it is the way back"),
        help: "see why in `bgform status`; the new colour gets as many as the old one should have".to_owned(),
        page: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html",
    })
}

/// Checks that nothing keeps the old colour from being emptied on time.
fn never_retired(one: &Begins<'_>) -> Option<Finding> {
    let (address, live) = one.live.as_ref().filter(|_| one.retires_after.is_some())?;
    let kept = live.kept()?;
    Some(Finding {
        address: address.clone(),
        refuses: false,
        message: format!("{kept}: its instances would run on when it is retired"),
        help: "resume the process, or take the protection away, before its time comes".to_owned(),
        page: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html",
    })
}

/// Checks that the launch sources of the colours exist: of the new one now, and of the old one after its
/// retirement.
///
/// # Errors
/// When EC2 cannot be asked.
async fn images(cloud: &Cloud, begins: &[&Begins<'_>]) -> Result<Vec<Finding>, Error> {
    let mut wanted: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    let mut found = Vec::new();
    let mut new: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for one in begins {
        // One that is still to be made has no id.
        if let Some(image) = one.source.inputs.get("image").and_then(Value::as_str) {
            new.entry(image.to_owned()).or_default().push(one.fleet.address.clone());
        }
        let Some((address, live)) = &one.live else { continue };
        let (Some(template), Some(record)) = (&live.template, one.made) else { continue };
        if record.id != template.id {
            continue;
        }
        let versions = record.outputs.get("versions").and_then(Value::as_list).unwrap_or_default();
        let number = template.number();
        let version = versions.iter().find(|version| {
            number.is_some() && version.get("version").as_number() == number.map(|n| n as f64)
        });
        match version.map(|version| version.get("image").as_str().map(str::to_owned)) {
            Some(Some(image)) => wanted.entry(image).or_default().push(address.clone()),
            Some(None) => {}
            None if versions.is_empty() || number.is_none() => {}
            None => {
                found.push(gone(address, &format!("version {} of its launch template", template.version)))
            }
        }
    }
    // An id without `ami-` (a parameter's name) is resolved at launch.
    wanted.retain(|image, _| image.starts_with("ami-"));
    new.retain(|image, _| image.starts_with("ami-"));
    if wanted.is_empty() && new.is_empty() {
        return Ok(found);
    }
    let there = usable(cloud, wanted.keys().chain(new.keys())).await?;
    for (image, addresses) in wanted.iter().filter(|(image, _)| !there.contains(*image)) {
        found.extend(addresses.iter().map(|address| gone(address, image)));
    }
    for (image, addresses) in new.iter().filter(|(image, _)| !there.contains(*image)) {
        found.extend(addresses.iter().map(|address| Finding {
            address: address.clone(),
            refuses: true,
            message: format!("{image} is gone, so that no instance of the new release can be launched"),
            help: "name another image; an `existing image` with `most_recent` is looked up again with --upgrade"
                .to_owned(),
            page: DEREGISTERED,
        }));
    }
    Ok(found)
}

const DEREGISTERED: &str = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html";

fn gone(address: &Address, what: &str) -> Finding {
    Finding {
        address: address.clone(),
        refuses: false,
        message: format!(
            "{what} is gone, so that it launches nothing more: it is a way back only as long as its instances run"
        ),
        help: "raise `retire_after`, or ship a release that can be launched again before this one".to_owned(),
        page: DEREGISTERED,
    }
}

/// Checks the quota of groups; API_DescribeAccountLimits of Auto Scaling also counts them.
async fn groups(ground: &Ground<'_>) -> Result<Option<Finding>, Error> {
    let (cloud, added) = (ground.cloud, ground.made(super::KIND));
    let Some(first) = added.first() else { return Ok(None) };
    // Asked without a repeat: an emulator may not have it.
    let answer = cloud
        .send(Service::AutoScaling, "DescribeAccountLimits", Repeat::OnThrottle, || {
            cloud.autoscaling.describe_account_limits().send()
        })
        .await;
    let Some(answer) = known(answer)? else { return Ok(None) };
    let count_of = |number: Option<i32>| number.and_then(|number| usize::try_from(number).ok());
    let count = Count {
        address: (*first).clone(),
        what: "Auto Scaling groups in the region".to_owned(),
        there: count_of(answer.number_of_auto_scaling_groups()).unwrap_or_default(),
        added: added.len(),
        page: "https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html",
    };
    Ok(count.exceeds(count_of(answer.max_number_of_auto_scaling_groups())))
}
