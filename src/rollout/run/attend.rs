//! Messages to deployments that no rollout of this process leads: their rollout has ended, waits for its
//! turn, or never existed. This process has the lock, so no other can carry them out.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join, join_all};
use tokio::sync::Notify;

use super::{End, Ended, Failure, LOOK, Rolling, Run, one};
use crate::facts::{Course, Deployment};
use crate::rollout::decide::Intent;
use crate::rollout::mailbox::{Message, Taken};
use crate::rollout::standing::{self, Back, back};

/// The number of tasks under way, and the notification of their end.
#[derive(Default)]
struct Work {
    left: AtomicUsize,
    over: Notify,
}

impl Work {
    fn of(left: usize) -> Self {
        Self { left: AtomicUsize::new(left), over: Notify::new() }
    }

    fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn begins(&self) {
        self.left.fetch_add(1, Ordering::SeqCst);
    }

    fn ends(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.over.notify_waiters();
        }
    }
}

/// Carries out all rollouts side by side; a failed rollout does not stop the others. Messages to every
/// deployment of the stack are taken while a rollout is under way.
pub async fn run(run: &Run<'_>, intents: &[Intent]) -> Vec<Ended> {
    let facts = run.journal.snapshot().deployments;
    // A rollout that was taken back meanwhile is no longer under way.
    let goes = |intent: &&Intent| {
        let rollout = |facts: &Deployment| facts.rollout.as_ref().map(|one| one.release.clone());
        intent.facts.rollout.is_some() && facts.get(&intent.name).and_then(rollout) == rollout(&intent.facts)
    };
    let led: Vec<&Intent> = intents.iter().filter(goes).collect();
    let work = Work::of(led.len());
    let each = facts.keys().map(|name| {
        let intent = intents.iter().find(|intent| intent.name == *name);
        let leads = led.iter().any(|one| one.name == *name);
        let work = &work;
        async move {
            let mut ended = Vec::new();
            if let Some(intent) = intent.filter(|_| leads) {
                ended.extend(Box::pin(one(run, intent)).await);
                work.ends();
            }
            ended.extend(listen(run, name, intent, work, true).await);
            // The last result tells the final status.
            ended.pop()
        }
    });
    join_all(each).await.into_iter().flatten().collect()
}

/// Runs `task`, and meanwhile takes messages to the deployments in `free`, which it does not touch. No
/// rollout leads a deployment that is about to ship.
pub async fn beside<T>(
    run: &Run<'_>,
    intents: &[Intent],
    free: &[String],
    task: impl Future<Output = T>,
) -> (T, Vec<Ended>) {
    let work = Work::of(1);
    let done = async {
        let done = task.await;
        work.ends();
        done
    };
    let each = free.iter().map(|name| {
        let intent = intents.iter().find(|intent| intent.name == *name);
        listen(run, name, intent, &work, false)
    });
    let (done, ended) = join(done, join_all(each)).await;
    (done, ended.into_iter().flatten().collect())
}

/// Takes the messages of one deployment until all work is over; `leads` says whether its rollout may be
/// continued here.
async fn listen(run: &Run<'_>, name: &str, intent: Option<&Intent>, work: &Work, leads: bool) -> Vec<Ended> {
    let mut all = Vec::new();
    loop {
        let over = work.over.notified();
        if work.is_over() || run.shutdown.is_draining() {
            return all;
        }
        work.begins();
        match heard(run, name, intent, leads).await {
            Ok(ended) => all.extend(ended),
            Err(failure) => {
                let facts = run.journal.snapshot().deployments.get(name).cloned().unwrap_or_default();
                let release = facts.addressed().map(|one| one.label.clone()).unwrap_or_default();
                let end = End::Stuck { release, error: failure };
                all.push(Ended::of(run, name, end).await);
                work.ends();
                return all;
            }
        }
        work.ends();
        if work.is_over() {
            return all;
        }
        tokio::select! {
            () = over => {}
            () = run.shutdown.draining() => {}
            () = run.cloud.clock.sleep(LOOK) => {}
        }
    }
}

/// Carries out the messages in the mailbox.
async fn heard(
    run: &Run<'_>,
    name: &str,
    intent: Option<&Intent>,
    leads: bool,
) -> Result<Vec<Ended>, Failure> {
    let facts = run.journal.snapshot().deployments.get(name).cloned().unwrap_or_default();
    let taken = run.mailbox.take(name, facts.addressed()).await?;
    if taken == Taken::default() {
        return Ok(Vec::new());
    }
    let said = from_records(name, intent, facts);
    let rolling = Rolling::new(run, name, &said.declaration);
    for (label, message) in taken.stale {
        rolling.stale(&label, &message);
    }
    let mut all = Vec::new();
    for message in taken.messages {
        all.extend(obey(&rolling, intent, message, leads).await?);
    }
    Ok(all)
}

/// An intent made from the records of the state, with the stack's strategy if it is known.
fn from_records(name: &str, intent: Option<&Intent>, facts: Deployment) -> Intent {
    let said = standing::intent(name, facts);
    match intent {
        Some(Intent { declaration, .. }) => Intent { declaration: declaration.clone(), ..said },
        None => said,
    }
}

async fn obey(
    rolling: &Rolling<'_>,
    intent: Option<&Intent>,
    message: Message,
    leads: bool,
) -> Result<Option<Ended>, Failure> {
    let (run, name) = (rolling.run, rolling.name);
    let facts = rolling.facts();
    let records = Run { from_records: true, ..*run };
    match (message, &facts.rollout) {
        (Message::Rollback { to, by, raise }, None) => {
            let now = run.cloud.clock.now();
            let left = facts.live.and_then(|live| facts.releases.get(&live)).map(|one| one.label.clone());
            match back(name, &facts, to.as_deref(), &by, now) {
                Err(no_way) => rolling.tell(&format!("{no_way}; {}", no_way.help())),
                Ok(Back { raises: true, .. }) if !raise => rolling.tell(
                    "the old colour has been emptied meanwhile, and nobody has agreed to raise it again: `bgform \
                     rollback` asks",
                ),
                Ok(Back { intent, .. }) => {
                    rolling.keep(intent.facts.clone()).await?;
                    let Some(mut ended) = Box::pin(one(&records, &intent)).await else { return Ok(None) };
                    if let (End::Shipped { .. }, Some(release)) = (&ended.end, left) {
                        let reason = format!("{by} asked for it");
                        // The last facts that `rolling` wrote may be older than those of the state.
                        let stands = Rolling::new(run, name, rolling.declaration).stands();
                        ended.end = End::WentBack { release, reason, stands };
                    }
                    return Ok(Some(ended));
                }
            }
        }
        // It is already on its way back, and was cut short.
        (Message::Rollback { .. }, Some(_)) => {
            let mut facts = facts.clone();
            if let Some(rollout) = &mut facts.rollout {
                rollout.course = Course::Forward;
            }
            rolling.keep(facts.clone()).await?;
            return Ok(Box::pin(one(&records, &standing::intent(name, facts))).await);
        }
        (Message::Abort { by }, Some(_)) => {
            let intent = from_records(name, intent, facts.clone());
            return Ok(Box::pin(standing::abort(&records, &intent, &by)).await);
        }
        (Message::Promote, Some(_)) => {
            rolling.promote().await?;
            if let Some(intent) = intent.filter(|_| leads) {
                return Ok(Box::pin(one(run, intent)).await);
            }
            rolling.tell("goes on at once when its turn comes");
        }
        (Message::Pause, Some(_)) => rolling.change(|_, rollout| rollout.course = Course::Paused).await?,
        (Message::Approve { gate }, Some(_)) => {
            rolling
                .change(|_, rollout| {
                    rollout.approved.insert(gate);
                })
                .await?;
        }
        (message, None) => rolling.stale("a release that was under way", &message),
    }
    Ok(None)
}
