//! Checks that a colour with traffic is still healthy. Changes nothing.

use std::collections::BTreeSet;

use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::fleet::{Fleet, Standing};
use crate::kind::targets::{Health, Target, targets};

/// Targets that are listed in a message.
const SHOWN: usize = 5;

/// The fault of a colour, or `None`. The colour was raised to `least`, in the units of the fleet's sizes,
/// with all its targets healthy before it got weight. `share` percent of that capacity must be left in
/// instances that are in service and healthy targets. The fleet replaces lost instances itself.
pub async fn ill(
    cloud: &Cloud,
    target_group: &str,
    seam: &dyn Fleet,
    group: &str,
    least: u32,
    share: f64,
) -> Result<Option<String>, Error> {
    let targets = targets(cloud, target_group).await?;
    let healthy = targets.iter().filter(|one| one.is_healthy()).count();
    if healthy == targets.len() && healthy > 0 && healthy >= least as usize {
        return Ok(None);
    }
    let Some(fleet) = seam.observe(cloud, &[group]).await?.remove(group) else {
        return Ok(Some(format!("`{group}` is gone")));
    };
    let failing: Vec<&str> = targets
        .iter()
        .filter(|one| one.health == Health::Unhealthy)
        .map(|one: &Target| one.told.as_str())
        .collect();
    // An instance that is launching or draining is no failing target; with weighted instance types, fewer
    // instances have the capacity.
    let judged = (healthy + failing.len()).max(1);
    #[allow(clippy::cast_precision_loss, reason = "no fleet has that many instances")]
    let left = f64::from(fleet.capacity_in_service()) * healthy as f64 / judged as f64;
    if healthy > 0 && left >= f64::from(least.max(1)) * share / 100.0 {
        return Ok(None);
    }
    let shown: String = failing.iter().take(SHOWN).map(|one| format!(", {one}")).collect();
    Ok(Some(format!(
        "{healthy} of {} targets are healthy{shown}, and `{group}` has {}; {share}% of {least} have to be",
        targets.len(),
        fleet.summary()
    )))
}

/// The instances of the new release that have been healthy targets, in a colour in which both releases serve.
#[derive(Debug, Default)]
pub struct Served(BTreeSet<String>);

/// The faults of instances of the new release, in words.
#[derive(Debug, Default)]
pub struct Unfit {
    /// Instances that were healthy targets and fail their checks now.
    pub fell_ill: Option<String>,
    /// Instances that have not been healthy yet.
    pub not_yet: Option<String>,
}

impl Served {
    /// Starts from the instances that have been healthy before.
    pub fn of(ids: BTreeSet<String>) -> Self {
        Self(ids)
    }

    /// Checks the fleet's instances of the new release.
    pub async fn look(
        &mut self,
        cloud: &Cloud,
        fleet: &Standing,
        new: &BTreeSet<String>,
    ) -> Result<Unfit, Error> {
        let (mut fell_ill, mut not_yet) = (BTreeSet::new(), BTreeSet::new());
        let ids: std::collections::BTreeMap<&str, &str> =
            fleet.of(new).map(|member| (member.target.as_str(), member.id.as_str())).collect();
        for target_group in &fleet.target_groups {
            for target in targets(cloud, target_group).await? {
                let Some(id) = target.id.as_deref().and_then(|id| ids.get(id)) else { continue };
                let id = (*id).to_owned();
                match target.health {
                    Health::Healthy => {
                        self.0.insert(id);
                    }
                    Health::Unhealthy => {
                        let ill = if self.0.contains(&id) { &mut fell_ill } else { &mut not_yet };
                        ill.insert(target.told);
                    }
                    Health::Draining | Health::Unused | Health::Other => {}
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
