//! A deployment as AWS shows it now: the weights of its router, its groups, the health of its targets.
//! Changes nothing.

use std::collections::BTreeMap;

use futures_util::future::try_join3;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::deployment::names;
use crate::facts::Colour;
use crate::kind::router::Shares;
use crate::kind::targets::{Health, targets as registered};
use crate::state::Snapshot;

/// Reasons of unhealthy targets that are kept for each colour.
const REASONS: usize = 3;

/// The observation of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Percent by colour in the first router; `None` if there is no router.
    pub weights: Option<BTreeMap<Colour, u8>>,
    /// Target groups outside the deployment that the first router gives traffic as well, by ARN.
    pub foreign: Vec<String>,
    pub fleets: BTreeMap<Colour, Counts>,
}

/// The instances and targets of one colour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of instances, whatever units the fleet counts them in.
    pub desired: u32,
    pub in_service: usize,
    pub running: usize,
    /// Why its instances would stay if it were emptied.
    pub kept: Option<String>,
    pub targets: usize,
    pub healthy: usize,
    /// Why other targets are not healthy: `i-1 is unhealthy (Target.Timeout)`.
    pub reasons: Vec<String>,
}

impl Seen {
    pub fn fleet(&self, colour: Colour) -> Counts {
        self.fleets.get(&colour).cloned().unwrap_or_default()
    }
}

/// Observes one deployment.
///
/// # Errors
/// When AWS cannot be asked. A missing resource is left out.
pub async fn see(cloud: &Cloud, snapshot: &Snapshot, name: &str) -> Result<Seen, Error> {
    let seam = names::fleet(snapshot, name);
    let groups = of_colours(snapshot, seam.kind(), name);
    let targets = of_colours(snapshot, seam.targets(), name);
    let names: Vec<&str> = groups.values().map(String::as_str).collect();
    let fleets = async {
        match names.is_empty() {
            true => Ok(BTreeMap::new()),
            false => seam.observe(cloud, &names).await,
        }
    };
    let health = async {
        let mut all = BTreeMap::new();
        for (colour, arn) in &targets {
            all.insert(*colour, health(cloud, arn).await?);
        }
        Ok(all)
    };
    let (fleets, mut standing, shares) = try_join3(fleets, health, shares(cloud, snapshot, name)).await?;
    for (colour, group) in &groups {
        let Some(fleet) = fleets.get(group) else { continue };
        let one = standing.entry(*colour).or_default();
        one.desired = fleet.instances_for(fleet.desired);
        one.in_service = fleet.in_service();
        one.running = fleet.running();
        one.kept = fleet.kept();
    }
    let ours: Vec<&str> = targets.values().map(String::as_str).collect();
    let foreign = shares.iter().flat_map(|shares| shares.foreign(&ours)).map(str::to_owned).collect();
    let weights = shares.map(|shares| by_colour(&shares, &targets));
    Ok(Seen { weights, foreign, fleets: standing })
}

/// The ids of both colours' resources of a kind, if they exist.
fn of_colours(snapshot: &Snapshot, kind: &str, name: &str) -> BTreeMap<Colour, String> {
    let id = |colour: Colour| {
        let record = snapshot.resources.get(&Address::new(kind, name).with_key(colour.name()))?;
        Some((colour, record.id.clone()))
    };
    Colour::BOTH.into_iter().filter_map(id).collect()
}

async fn health(cloud: &Cloud, arn: &str) -> Result<Counts, Error> {
    let targets = match registered(cloud, arn).await {
        Ok(targets) => targets,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut standing = Counts::default();
    for target in targets {
        match target.health {
            Health::Draining => continue,
            Health::Healthy => standing.healthy += 1,
            _ if standing.reasons.len() < REASONS => standing.reasons.push(target.told),
            _ => {}
        }
        standing.targets += 1;
    }
    Ok(standing)
}

/// The weights of the deployment's first router by colour, in percent.
///
/// # Errors
/// When AWS cannot be asked.
pub async fn weights(
    cloud: &Cloud,
    snapshot: &Snapshot,
    name: &str,
) -> Result<Option<BTreeMap<Colour, u8>>, Error> {
    let targets = of_colours(snapshot, names::fleet(snapshot, name).targets(), name);
    Ok(shares(cloud, snapshot, name).await?.map(|shares| by_colour(&shares, &targets)))
}

/// The weights of the deployment's first router; `None` if it has no router or the router is gone.
pub(super) async fn shares(cloud: &Cloud, snapshot: &Snapshot, name: &str) -> Result<Option<Shares>, Error> {
    match names::routers(snapshot, name).first() {
        Some((_, record, router)) => router.read(cloud, &record.id).await,
        None => Ok(None),
    }
}

fn by_colour(shares: &Shares, targets: &BTreeMap<Colour, String>) -> BTreeMap<Colour, u8> {
    targets.iter().map(|(colour, arn)| (*colour, shares.percent(arn))).collect()
}
