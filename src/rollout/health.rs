//! Whether a colour that was given traffic still carries it. Looks, and changes nothing.

use std::collections::BTreeSet;

use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::fleet::{Fleet, Standing};
use crate::kind::targets::{Health, Target, targets};

/// As many targets are told of.
const SHOWN: usize = 5;

/// What is wrong with a colour, `None` where nothing is: a target that fails its checks, or a fleet
/// with less than `least` capacity in service. Both colours had all their targets healthy before
/// either got weight.
pub async fn ill(
    cloud: &Cloud,
    target_group: &str,
    seam: &dyn Fleet,
    group: &str,
    least: u32,
) -> Result<Option<String>, Error> {
    let targets = targets(cloud, target_group).await?;
    let healthy = targets.iter().filter(|one| one.is_healthy()).count();
    let failing = targets.iter().filter(|one| one.health == Health::Unhealthy);
    let failing: Vec<&str> = failing.map(|one: &Target| one.told.as_str()).collect();
    if !failing.is_empty() {
        let shown = failing.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
        return Ok(Some(format!("{healthy} of {} targets are healthy, {shown}", targets.len())));
    }
    let is_raised = u32::try_from(healthy).unwrap_or(u32::MAX) >= least;
    if healthy == targets.len() && healthy > 0 && is_raised {
        return Ok(None);
    }
    // One that comes or goes is the fleet's business as long as enough are there; with weighted
    // instance types, fewer of them have the capacity.
    let Some(fleet) = seam.observe(cloud, &[group]).await?.remove(group) else {
        return Ok(Some(format!("`{group}` is gone")));
    };
    let enough = fleet.capacity_in_service().unsigned_abs() >= least && healthy > 0;
    Ok((!enough).then(|| {
        format!("{healthy} of {} targets are healthy, and `{group}` has {}", targets.len(), fleet.summary())
    }))
}

/// The instances with the new release that have been healthy targets, of a colour in which both
/// releases serve.
#[derive(Debug, Default)]
pub struct Served(BTreeSet<String>);

/// What is wrong with instances that have the new release, in words.
#[derive(Debug, Default)]
pub struct Unfit {
    /// They were healthy targets and fail their checks now.
    pub fell_ill: Option<String>,
    /// They have not been healthy yet.
    pub not_yet: Option<String>,
}

impl Served {
    /// These have been healthy before.
    pub fn of(ids: BTreeSet<String>) -> Self {
        Self(ids)
    }

    /// Looks at those of the fleet that have the new release.
    pub async fn look(
        &mut self,
        cloud: &Cloud,
        fleet: &Standing,
        new: &BTreeSet<String>,
    ) -> Result<Unfit, Error> {
        let (mut fell_ill, mut not_yet) = (BTreeSet::new(), BTreeSet::new());
        for target_group in &fleet.target_groups {
            for target in targets(cloud, target_group).await? {
                let Some(id) = target.id.filter(|id| new.contains(id)) else { continue };
                match target.health {
                    Health::Healthy => {
                        self.0.insert(id);
                    }
                    Health::Unhealthy => {
                        let ill = if self.0.contains(&id) { &mut fell_ill } else { &mut not_yet };
                        ill.insert(target.told);
                    }
                    Health::Draining | Health::Other => {}
                }
            }
        }
        let shown = |ill: BTreeSet<String>| {
            let shown: Vec<_> = ill.into_iter().take(SHOWN).collect();
            (!shown.is_empty()).then(|| shown.join(", "))
        };
        Ok(Unfit { fell_ill: shown(fell_ill), not_yet: shown(not_yet) })
    }
}
