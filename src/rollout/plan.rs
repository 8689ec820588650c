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

/// All that is going to be shipped.
pub struct Plan {
    /// State as it was read; what is taken over is not in it yet.
    pub snapshot: Snapshot,
    /// What an earlier run has left to be looked up.
    pub open: Vec<OpenOperation>,
    /// What happens to resources before any rollout goes on.
    pub resources: plan::Plan,
    pub rollouts: Rollouts,
    pub options: Options,
    /// What is known of resources.
    pub(super) known: Known,
    /// Whether it was made from the records of state alone, without the stack's variables.
    pub(super) from_records: bool,
}

impl Plan {
    /// A plan of a stack, from its parts.
    pub fn of(snapshot: Snapshot, resources: plan::Plan, rollouts: Rollouts, options: Options) -> Self {
        let (open, known) = (Vec::new(), Known::new());
        Self { snapshot, open, resources, rollouts, options, known, from_records: false }
    }

    /// Whether anything is to be done in the account.
    pub fn moves(&self) -> bool {
        self.rollouts.any() || !self.resources.is_empty()
    }

    /// Whether the plan has something to write down, though nothing is to be done.
    pub fn learns(&self) -> bool {
        !self.resources.refreshed.is_empty() || !self.resources.answers.is_empty()
    }

    /// State as the plan was made from it: with what is taken over.
    pub fn basis(&self) -> Snapshot {
        self.rollouts.basis(&self.snapshot)
    }

    /// Looks how large the fleet of each rollout is that carries the traffic.
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

/// Plans from what state and account say now.
///
/// # Errors
/// When state or account cannot be read, are not the stack's, or there is no plan.
pub async fn plan(engine: &Engine<'_>, options: &Options) -> Result<Plan, Error> {
    let Engine { cloud, program, realm, .. } = *engine;
    let loaded = engine.store.load()?;
    if let Some(loaded) = &loaded {
        loaded.snapshot.resources.values().for_each(|record| secrets::keep_all(&record.inputs));
        loaded.open.iter().for_each(|one| secrets::keep_all(&one.begin.inputs));
    }
    let (snapshot, open, (rollouts, made)) = match loaded {
        Some(loaded) => {
            // The account is asked for beside the reads; whose answers they are is settled first.
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
    // What is taken away has no way to go.
    if !program.deployments().is_empty() && !options.destroy {
        return moves(cloud, program, snapshot, options, acts).await;
    }
    let basis =
        Basis { cloud, program: &program.unreleased(), snapshot, options, existing: None, part: None };
    Ok((Rollouts::default(), plan::make(basis).await?))
}
