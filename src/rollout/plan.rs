//! Makes the whole plan of a stack: which deployments move, and what happens to resources. The stack and
//! its state come in, the account is read, a [`Plan`] goes out. Changes nothing.

use super::moves::{Rollouts, both_fleets, moves};
use super::{Engine, Error, account, same_account};
use crate::cloud::Cloud;
use crate::deployment::names;
use crate::facts::Stage;
use crate::kind::fleet::Template;
use crate::plan::{self, Basis, Made, Options};
use crate::secrets;
use crate::stack::Known;
use crate::state::{OpenOperation, Snapshot};

/// The plan of a whole stack.
pub struct Plan {
    /// The state as it was read, without adopted records.
    pub snapshot: Snapshot,
    /// Operations that an earlier run left open.
    pub open: Vec<OpenOperation>,
    /// The steps of resources before any rollout goes on.
    pub resources: plan::Plan,
    pub rollouts: Rollouts,
    pub options: Options,
    /// The known facts of resources.
    pub(super) known: Known,
    /// Whether the plan was made from the records of the state alone, without the stack's variables.
    pub(super) from_records: bool,
}

impl Plan {
    /// Makes a plan of a stack from its parts.
    pub fn of(snapshot: Snapshot, resources: plan::Plan, rollouts: Rollouts, options: Options) -> Self {
        let (open, known) = (Vec::new(), Known::new());
        Self { snapshot, open, resources, rollouts, options, known, from_records: false }
    }

    /// Tells whether the plan changes anything in the account.
    pub fn moves(&self) -> bool {
        self.rollouts.any() || !self.resources.is_empty()
    }

    /// Tells whether the plan has something to record in the state, though it changes nothing in the account.
    pub fn learns(&self) -> bool {
        !self.resources.refreshed.is_empty() || !self.resources.answers.is_empty()
    }

    /// The state on which the plan rests, with the adopted records.
    pub fn basis(&self) -> Snapshot {
        self.rollouts.basis(&self.snapshot)
    }

    /// Measures the size of the fleet that carries the traffic, for each rollout.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn measure(&mut self, cloud: &Cloud) -> Result<(), Error> {
        for intent in &self.rollouts.intents {
            let [carries, _] = both_fleets(cloud, &self.snapshot, intent).await?;
            let capacity = carries.map(|fleet| fleet.desired.unsigned_abs());
            self.rollouts.capacities.extend(capacity.map(|capacity| (intent.name.clone(), capacity)));
        }
        Ok(())
    }

    /// Holds what the rollouts launch again against the account: a release whose image is gone comes up no more.
    ///
    /// # Errors
    /// That it is gone, or AWS cannot be asked.
    pub async fn launchable(&self, cloud: &Cloud) -> Result<(), Error> {
        for intent in &self.rollouts.intents {
            let Some(rollout) = intent.facts.rollout.as_ref().filter(|rollout| rollout.is_back()) else {
                continue;
            };
            let origin = rollout.origin.as_ref().filter(|_| rollout.stages.contains(&Stage::Restore));
            let version = match origin {
                Some(origin) => {
                    Some(Template { id: origin.template.clone(), version: origin.version.clone() })
                }
                None if rollout.stages.contains(&Stage::Raise) => {
                    let [_, idle] = both_fleets(cloud, &self.snapshot, intent).await?;
                    idle.and_then(|fleet| fleet.template)
                }
                None => None,
            };
            let Some(version) = version else { continue };
            if let Some(gone) = names::fleet(&self.snapshot, &intent.name).gone(cloud, &version).await? {
                let (name, release) = (&intent.name, &rollout.release.label);
                return Err(Error::refused(
                    "bgform::deployment::gone",
                    format!("release {release} of `{name}` cannot be launched again: {gone} is gone"),
                    format!(
                        "nothing was changed. Ship it anew from an image that is there: `bgform apply` with release \
                         {release}"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether the state is still what the plan was made from.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn still_stands(&self, engine: &Engine<'_>) -> Result<bool, Error> {
        Ok(match engine.store.load()? {
            Some(loaded) => loaded.open.is_empty() && loaded.snapshot == self.snapshot,
            None => self.snapshot.serial == 0,
        })
    }
}

/// Makes the plan from the current state and account.
///
/// # Errors
/// When the state or account cannot be read, they are not the stack's, or no plan is possible.
pub async fn plan(engine: &Engine<'_>, options: &Options) -> Result<Plan, Error> {
    let Engine { cloud, program, realm, .. } = *engine;
    let loaded = engine.store.load()?;
    if let Some(loaded) = &loaded {
        loaded.snapshot.resources.values().for_each(|record| secrets::keep_all(&record.inputs));
        loaded.open.iter().for_each(|one| secrets::keep_all(&one.begin.inputs));
    }
    let (snapshot, open, (rollouts, made)) = match loaded {
        Some(loaded) => {
            // The account's id is asked for beside the other reads, but it is checked first.
            let (account, made) = tokio::join!(cloud.account(), whole(engine, &loaded.snapshot, options));
            same_account(realm, cloud, &account?, program, Some(&loaded.snapshot))?;
            (loaded.snapshot, loaded.open, made?)
        }
        None => {
            let account = cloud.account().await?;
            same_account(realm, cloud, &account, program, None)?;
            account::nothing_tagged(cloud, program).await?;
            let (region, endpoint) = (cloud.region.clone(), cloud.endpoint.clone());
            let snapshot = Snapshot::new(&program.settings.name, &account, region, endpoint);
            let made = whole(engine, &snapshot, options).await?;
            (snapshot, Vec::new(), made)
        }
    };
    let Made { plan, known } = made;
    Ok(Plan { open, known, ..Plan::of(snapshot, plan, rollouts, options.clone()) })
}

async fn whole(
    engine: &Engine<'_>,
    snapshot: &Snapshot,
    options: &Options,
) -> Result<(Rollouts, Made), Error> {
    let Engine { cloud, program, acts, .. } = *engine;
    // A deployment that is destroyed has no rollout.
    if !program.deployments().is_empty() && !options.destroy {
        return moves(cloud, program, snapshot, options, acts).await;
    }
    let basis =
        Basis { cloud, program: &program.unreleased(), snapshot, options, existing: None, part: None };
    Ok((Rollouts::default(), plan::make(basis).await?))
}
