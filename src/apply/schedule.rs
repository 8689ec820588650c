//! Walks through a plan's steps in parallel, up to the limit, each when its predecessors are done.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::execute::Shared;
use super::{Context, Done, Failed, Outcome, StepError};
use crate::cloud::error::Error;
use crate::plan::step::Step;
use crate::secrets;
use crate::stack::Known;
use crate::state::{Change, Entry, StateError};

/// Carries out a plan. Steps that do not depend on a failed step are still done.
///
/// # Errors
/// Only when the state cannot be written: everything else is in the [`Outcome`].
pub async fn apply(context: &Context<'_>, known: Known) -> Result<Outcome, StateError> {
    let shared = Shared::new(context, known);
    context.plan.steps.iter().for_each(|step| secrets::keep_all(&step.inputs));
    remember(context).await?;
    let mut outcome = Outcome::default();
    let mut schedule = Schedule::new(&context.plan.steps);
    let mut running = FuturesUnordered::new();
    let mut stopped = None;
    loop {
        while running.len() < context.parallelism.max(1)
            && stopped.is_none()
            && !context.shutdown.is_draining()
            && !outcome.is_locked_out()
            && let Some((index, step)) = schedule.next()
        {
            running.push(run(&shared, index, step));
        }
        if running.is_empty() {
            break;
        }
        let ended = tokio::select! {
            ended = running.next() => ended,
            () = context.shutdown.at_once() => None,
        };
        let Some((index, took, result)) = ended else { break };
        let Some(step) = context.plan.steps.get(index) else { continue };
        let (address, verb) = (step.address.clone(), step.action.verb());
        match result {
            Ok(()) => {
                schedule.done(index);
                context.reporter.done(&address, verb, took);
                outcome.done.push(Done { address, verb, took });
            }
            // Nothing can be recorded any more, so nothing more begins.
            Err(StepError::Kind(Error::State(error))) if !matches!(error, StateError::NotStorable { .. }) => {
                schedule.failed(index);
                stopped.get_or_insert(error);
            }
            // The operation goes on at AWS, and the next apply waits for it.
            Err(StepError::Kind(error @ Error::Interrupted { .. })) => {
                context.reporter.failed(&address, verb, &error.to_string());
            }
            Err(error) => {
                schedule.failed(index);
                context.reporter.failed(&address, verb, &error.to_string());
                outcome.failed.push(Failed { address, verb, error });
            }
        }
    }
    // Running steps are left to recovery.
    drop(running);
    if let Some(error) = stopped {
        return Err(error);
    }
    outcome.interrupted = context.shutdown.is_draining() && !schedule.is_finished();
    outcome.not_done = schedule.not_done();
    finish(context, &shared, &mut outcome).await?;
    outcome.known = shared.known.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(outcome)
}

async fn run<'a>(
    shared: &'a Shared<'a>,
    index: usize,
    step: &'a Step,
) -> (usize, Duration, Result<(), StepError>) {
    let clock = &shared.context.cloud.clock;
    let began = clock.monotonic();
    shared.context.reporter.began(&step.address, step.action.verb());
    let result = shared.step(step).await;
    (index, clock.monotonic().saturating_sub(began), result)
}

/// Records what the plan learned without a step of its own.
async fn remember(context: &Context<'_>) -> Result<(), StateError> {
    for (address, value) in &context.plan.answers {
        let change = Change::Existing { address: address.clone(), value: value.clone() };
        context.journal.append(Entry::Fact { change }).await?;
    }
    for (address, record) in &context.plan.refreshed {
        let change = Change::Put { address: address.clone(), record: record.clone() };
        context.journal.append(Entry::Fact { change }).await?;
    }
    Ok(())
}

/// After the last step: deletes kept resources that are no longer used, and records the outputs.
async fn finish(context: &Context<'_>, shared: &Shared<'_>, outcome: &mut Outcome) -> Result<(), StateError> {
    if !outcome.is_complete() || context.plan.from_records {
        return Ok(());
    }
    for (address, result) in shared.release().await {
        if let Err(error) = result {
            outcome.failed.push(Failed { address, verb: "delete", error });
        }
    }
    let outputs = match context.plan.destroys {
        true if context.journal.snapshot().resources.is_empty() => Default::default(),
        true => return Ok(()),
        false => {
            let known = shared.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            context.program.outputs(&known, &mut Vec::new())
        }
    };
    if outputs != context.journal.snapshot().outputs {
        context.journal.append(Entry::Fact { change: Change::Outputs { outputs } }).await?;
    }
    Ok(())
}

/// The steps that may begin.
struct Schedule<'a> {
    steps: &'a [Step],
    /// Steps that wait for no other, those that move traffic first.
    ready: BTreeSet<(bool, usize)>,
    /// For each step, the number of steps that it still waits for.
    waits: Vec<usize>,
    /// For each step, the steps that wait for it.
    waiting: Vec<Vec<usize>>,
    done: BTreeSet<usize>,
    failed: BTreeSet<usize>,
}

impl<'a> Schedule<'a> {
    fn new(steps: &'a [Step]) -> Self {
        let mut waiting = vec![Vec::new(); steps.len()];
        for (index, step) in steps.iter().enumerate() {
            for before in &step.after {
                if let Some(waiting) = waiting.get_mut(*before) {
                    waiting.push(index);
                }
            }
        }
        let mut schedule = Self {
            steps,
            ready: BTreeSet::new(),
            waits: steps.iter().map(|step| step.after.len()).collect(),
            waiting,
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
        };
        (0..steps.len()).for_each(|index| schedule.ready_if_free(index));
        schedule
    }

    fn ready_if_free(&mut self, index: usize) {
        if let (Some(0), Some(step)) = (self.waits.get(index), self.steps.get(index)) {
            self.ready.insert((step.traffic.weights.is_empty(), index));
        }
    }

    /// The next step that waits for no other; those that move traffic go first.
    fn next(&mut self) -> Option<(usize, &'a Step)> {
        let (_, index) = self.ready.pop_first()?;
        Some((index, self.steps.get(index)?))
    }

    fn done(&mut self, index: usize) {
        if !self.done.insert(index) {
            return;
        }
        for next in self.waiting.get_mut(index).map(std::mem::take).unwrap_or_default() {
            if let Some(waits) = self.waits.get_mut(next) {
                *waits = waits.saturating_sub(1);
            }
            self.ready_if_free(next);
        }
    }

    fn failed(&mut self, index: usize) {
        self.failed.insert(index);
    }

    fn is_finished(&self) -> bool {
        self.done.len() + self.failed.len() == self.steps.len()
    }

    /// The steps that were not begun, each with the failed step that it waits for, directly or not.
    fn not_done(&self) -> Vec<(crate::address::Address, &'static str, Option<crate::address::Address>)> {
        let mut blamed: Vec<Option<usize>> = vec![None; self.steps.len()];
        let mut rest = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let cause = step.after.iter().find_map(|before| match self.failed.contains(before) {
                true => Some(*before),
                false => blamed.get(*before).copied().flatten(),
            });
            if let Some(slot) = blamed.get_mut(index) {
                *slot = cause;
            }
            if !self.done.contains(&index) && !self.failed.contains(&index) {
                let cause = cause.and_then(|cause| self.steps.get(cause)).map(|step| step.address.clone());
                rest.push((step.address.clone(), step.action.verb(), cause));
            }
        }
        rest
    }
}
