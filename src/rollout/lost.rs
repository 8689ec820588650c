//! Finds losses of a deployment that no step of a plan mends: a way back whose fleet was deleted and whose
//! launch source is gone, and instances that get no traffic or cannot be launched again. Reads only.

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::names;
use crate::facts::{Colour, Deployment};
use crate::kind::fleet::Template;
use crate::kind::preflight::Finding;
use crate::rollout::decide::Intent;
use crate::state::Snapshot;

/// The page about what becomes of instances and groups whose image is deregistered.
const PAGE: &str = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/deregister-ami.html";

/// A deployment without a way back, as it stands from now on.
#[derive(Debug)]
pub(super) struct Lost {
    pub name: String,
    pub facts: Deployment,
    pub finding: Finding,
}

/// Looks for a lost way back in each deployment that `goes` accepts and that ships nothing now. Asks for the
/// launch source only where a fleet is missing.
///
/// # Errors
/// When AWS cannot be asked.
pub(super) async fn lost(
    cloud: &Cloud,
    snapshot: &Snapshot,
    goes: &dyn Fn(&str) -> bool,
) -> Result<Vec<Lost>, Error> {
    let mut all = Vec::new();
    for (name, facts) in snapshot.deployments.iter().filter(|(name, _)| goes(name)) {
        let Some(idle) = facts.live.map(Colour::other) else { continue };
        if facts.rollout.is_some() || !facts.stands_by(idle) || facts.has_retired(idle, cloud.clock.now()) {
            continue;
        }
        let seam = names::fleet(snapshot, name);
        let address = Address::new(seam.kind(), name).with_key(idle.name());
        let Some(record) = snapshot.resources.get(&address) else { continue };
        let Some(version) = seam.launches(&record.inputs) else { continue };
        let seen = seam.observe(cloud, &[&record.id]).await?;
        if seen.get(&record.id).is_some_and(|fleet| !fleet.deleting) {
            continue;
        }
        let Some(gone) = seam.gone(cloud, &version).await? else { continue };
        let mut facts = facts.clone();
        facts.retired(idle);
        facts.retirement = None;
        let release = facts.releases.remove(&idle);
        let release = release.map_or_else(|| "what stood by".to_owned(), |release| release.label);
        let finding = Finding {
            address,
            refuses: false,
            message: format!(
                "it was deleted, and {gone} is gone: there is no way back to {release} any more"
            ),
            help: format!("it is made again without instances; to have {release} again, ship it anew"),
            page: PAGE,
        };
        all.push(Lost { name: name.clone(), facts, finding });
    }
    Ok(all)
}

/// Takes the way back away from the releases under way on a live colour whose earlier launch source is gone, so
/// that another release may take their place.
///
/// # Errors
/// When AWS cannot be asked.
pub(super) async fn without_origin(
    cloud: &Cloud,
    snapshot: &mut Snapshot,
    goes: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    let mut all = Vec::new();
    for (name, facts) in snapshot.deployments.iter().filter(|(name, _)| goes(name)) {
        let origin = facts.rollout.as_ref().filter(|one| facts.live == Some(one.to));
        let Some(origin) = origin.and_then(|one| one.origin.as_ref()) else { continue };
        if names::fleet(snapshot, name).gone(cloud, &Template::from(origin)).await?.is_some() {
            all.push(name.clone());
        }
    }
    let facts = snapshot.deployments.iter_mut().filter(|(name, _)| all.contains(name));
    facts.filter_map(|(_, facts)| facts.rollout.as_mut()).for_each(|rollout| rollout.origin = None);
    Ok(())
}

/// Tells whether the colour of a deployment stands by and nothing empties it at AWS when its time comes: the
/// schedule was deleted, alone or with its fleet.
///
/// # Errors
/// When AWS cannot be asked.
pub(super) async fn unscheduled(cloud: &Cloud, snapshot: &Snapshot, intent: &Intent) -> Result<bool, Error> {
    let facts = &intent.facts;
    let Some(due) = facts.due().filter(|one| !facts.has_retired(one.colour, cloud.clock.now())) else {
        return Ok(false);
    };
    let seam = names::fleet(snapshot, &intent.name);
    let address = Address::new(seam.kind(), &intent.name).with_key(due.colour.name());
    let Some(record) = snapshot.resources.get(&address) else { return Ok(true) };
    match seam.retires(cloud, &record.id).await {
        Ok(at) => Ok(at.is_none()),
        // Its fleet is gone too, and is made again first.
        Err(error) if error.is_not_found() || error.is_invalid() => Ok(true),
        Err(error) => Err(error),
    }
}

/// Looks for instances of a colour with traffic that get no request, and for a live colour that nothing is
/// going to replace and that cannot launch the instances that it lacks.
///
/// # Errors
/// When AWS cannot be asked.
pub(super) async fn under_traffic(
    cloud: &Cloud,
    snapshot: &Snapshot,
    intents: &[Intent],
) -> Result<Vec<Finding>, Error> {
    let mut all = Vec::new();
    for Intent { name, facts, .. } in intents {
        let seam = names::fleet(snapshot, name);
        let of = |colour: Colour| {
            let address = Address::new(seam.kind(), name).with_key(colour.name());
            let record = snapshot.resources.get(&address)?;
            Some((colour, address, record.id.as_str()))
        };
        let carries = |colour: &Colour| {
            facts.live == Some(*colour) || (facts.live.is_some() && facts.weight(*colour) > 0)
        };
        let fleets: Vec<_> = Colour::BOTH.into_iter().filter(carries).filter_map(of).collect();
        if fleets.is_empty() {
            continue;
        }
        let ids: Vec<&str> = fleets.iter().map(|(.., id)| *id).collect();
        let seen = seam.observe(cloud, &ids).await?;
        for (colour, address, id) in fleets {
            let Some(fleet) = seen.get(id) else { continue };
            let lacks = facts.rollout.is_none() && fleet.capacity_in_service() < fleet.desired;
            if lacks
                && facts.live == Some(colour)
                && let Some(version) = &fleet.template
                && let Some(gone) = seam.gone(cloud, version).await?
            {
                all.push(Finding {
                    address: address.clone(),
                    refuses: false,
                    message: format!("{}, and {gone} is gone, so that it launches none", fleet.summary()),
                    help: "ship another release, from an image that is there; an `existing image` with `most_recent` is looked \
                           up again with --upgrade"
                        .to_owned(),
                    page: PAGE,
                });
            }
            all.extend(seam.unregistered(cloud, fleet, &address).await?);
        }
    }
    Ok(all)
}
