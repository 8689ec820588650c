//! Steers a rollout that no process leads, by a change of the state from which the next apply goes on. The
//! lock and the change come in. Nothing is changed but the state, and an instance refresh that must stop.

use std::sync::Mutex;

use super::{Engine, Error, recover};
use crate::facts::{Deployment, Release, Rollout};
use crate::plan::remembered_outputs;
use crate::rollout::mailbox::Mailbox;
use crate::rollout::run::Run;
use crate::rollout::standing::{self, intent};
use crate::state::{Change, Entry, LockGuard, Snapshot};

/// Returns the rollout under way.
///
/// # Errors
/// When there is none.
pub fn under_way<'a>(name: &str, facts: &'a Deployment) -> Result<&'a Rollout, Error> {
    facts.rollout.as_ref().ok_or_else(|| Error::Refused {
        code: "bgform::deployment::nothing_under_way",
        message: format!("no release of `{name}` is under way"),
        help: "nothing was changed. `bgform status` shows what is live; `bgform rollback` goes back to the release \
               before"
            .to_owned(),
    })
}

/// Returns the rollout that an order was given for; it may have ended while the order waited for the lock.
///
/// # Errors
/// When it has ended.
pub fn still_under_way<'a>(name: &str, facts: &'a Deployment, about: &Release) -> Result<&'a Rollout, Error> {
    let rollout = under_way(name, facts)?;
    match rollout.release == *about {
        true => Ok(rollout),
        false => Err(Error::Refused {
            code: "bgform::deployment::nothing_under_way",
            message: format!(
                "{} of `{name}` has ended meanwhile, and {} is under way",
                about.label, rollout.release.label
            ),
            help: "nothing was changed. `bgform status` shows what stands".to_owned(),
        }),
    }
}

/// Changes the rollout of `about` in the state.
///
/// # Errors
/// When it is no longer under way, or the state cannot be written.
pub async fn note(
    engine: &Engine<'_>,
    lock: &LockGuard,
    name: &str,
    about: &Release,
    change: impl FnOnce(&mut Rollout),
) -> Result<(), Error> {
    let (snapshot, mut facts) = standing(engine, lock, name, about).await?;
    if let Some(rollout) = &mut facts.rollout {
        change(rollout);
    }
    let journal = engine.store.begin_session(lock, snapshot)?;
    let change = Change::Deployment { name: name.to_owned(), facts: Some(Box::new(facts)) };
    let written = journal.append(Entry::Fact { change }).await;
    let mut snapshot = journal.snapshot();
    drop(journal);
    engine.store.checkpoint(lock, &mut snapshot)?;
    Ok(written?)
}

/// Pauses the rollout of `about`. Returns whether an instance refresh was cancelled for it.
///
/// # Errors
/// When the rollout is no longer under way, the state cannot be written, or the refresh goes on at AWS.
pub async fn pause(
    engine: &Engine<'_>,
    lock: &LockGuard,
    name: &str,
    about: &Release,
) -> Result<bool, Error> {
    let (snapshot, facts) = standing(engine, lock, name, about).await?;
    let (lineage, known) = (snapshot.lineage.clone(), remembered_outputs(&snapshot));
    let journal = engine.store.begin_session(lock, snapshot)?;
    let run = Run {
        cloud: engine.cloud,
        program: &engine.program.unreleased(),
        journal: &journal,
        reporter: engine.reporter,
        shutdown: engine.shutdown,
        mailbox: &Mailbox::of(engine.store),
        made: &Mutex::default(),
        lineage: &lineage,
        parallelism: engine.parallelism,
        known: &known,
        from_records: true,
        acts: engine.acts,
    };
    let paused = standing::pause(&run, &intent(name, facts)).await;
    let mut snapshot = journal.snapshot();
    drop(journal);
    engine.store.checkpoint(lock, &mut snapshot)?;
    paused.map_err(|failure| Error::Refused {
        code: "bgform::deployment::not_paused",
        message: format!("{} of `{name}` may go on at AWS: {failure}", about.label),
        help: "its instance refresh could not be cancelled; the state has it as paused. Run `bgform pause` again"
            .to_owned(),
    })
}

/// Ends operations that an earlier run left open; returns the state and the deployment in it.
async fn standing(
    engine: &Engine<'_>,
    lock: &LockGuard,
    name: &str,
    about: &Release,
) -> Result<(Snapshot, Deployment), Error> {
    recover(engine, lock, false).await?;
    let snapshot = engine.store.load()?.map(|loaded| loaded.snapshot).ok_or_else(|| Error::Refused {
        code: "bgform::state::none",
        message: format!("there is no state in `{}` any more", engine.store.place().display()),
        help: "nothing was changed".to_owned(),
    })?;
    let facts = snapshot.deployments.get(name).cloned().unwrap_or_default();
    still_under_way(name, &facts, about)?;
    Ok((snapshot, facts))
}
