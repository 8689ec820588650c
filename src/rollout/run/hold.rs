//! Waits under traffic: messages are heeded meanwhile, and the colours with traffic must stay healthy.

use std::time::Duration;

use super::{Failure, LOOK, Rolling};
use crate::deployment::declaration::Moment;
use crate::facts::{Colour, Course, Deployment, Sizing};
use crate::rollout::gate::{self, Verdict};
use crate::rollout::health;
use crate::rollout::mailbox::Message;
use crate::value::format_duration;

/// Time that a wait under traffic goes on while AWS does not answer.
pub(super) const BLIND: Duration = Duration::from_secs(60);

/// A gate that neither passes nor fails yet, and its timeout.
pub struct NotYet {
    gate: String,
    reason: String,
    timeout: Duration,
}

impl Rolling<'_> {
    /// Waits, less the time served before an interruption; a message ends the wait. If `guarded`, colours
    /// with weight must stay healthy meanwhile, and the gates `at = "shift"` must hold.
    pub async fn hold(&self, time: Duration, guarded: bool) -> Result<(), Failure> {
        let clock = &self.run.cloud.clock;
        let served = self.rollout().map(|(_, rollout)| rollout.served).unwrap_or_default();
        let (began, mut written, mut seen) = (clock.monotonic(), served, clock.monotonic());
        let (mut paused, mut over) = (false, None);
        loop {
            self.heed().await?;
            let Some((_, rollout)) = self.rollout() else { return Ok(()) };
            let now = clock.monotonic();
            // A promotion counts as the whole time.
            let waited = rollout.served.max(served + now.saturating_sub(began));
            let mut unsure = None;
            match if guarded { self.guards().await } else { Ok(None) } {
                Ok(not_yet) => (seen, unsure) = (now, not_yet),
                Err(Failure::Cloud(error)) if now.saturating_sub(seen) < BLIND => {
                    self.say(&format!("cannot look whether all is well: {error}"));
                }
                Err(failure) => return Err(failure),
            }
            if waited >= time && rollout.course == Course::Forward {
                match unsure {
                    None => return Ok(()),
                    // A gate without a verdict is waited for until its timeout.
                    Some(NotYet { gate, reason, timeout })
                        if now.saturating_sub(*over.get_or_insert(now)) >= timeout =>
                    {
                        return Err(Failure::Gate { gate, reason });
                    }
                    Some(NotYet { gate, reason, .. }) => self.say(&format!("gate \"{gate}\": {reason}")),
                }
            }
            if waited.saturating_sub(written) >= Duration::from_secs(5) {
                written = waited;
                self.change(|_, rollout| rollout.served = waited).await?;
            }
            let left = format_duration(Duration::from_secs(time.saturating_sub(waited).as_secs()));
            match rollout.course {
                Course::Paused if !std::mem::replace(&mut paused, true) => {
                    self.tell("paused; `bgform promote` goes on, `bgform abort` goes back");
                }
                Course::Paused => {}
                _ => self.say(&format!("{left} left of this step")),
            }
            let pause = LOOK.min(time.saturating_sub(waited).max(Duration::from_millis(50)));
            tokio::select! {
                () = clock.sleep(pause) => {}
                () = self.run.shutdown.draining() => {
                    self.change(|_, rollout| rollout.served = waited).await?;
                    return Err(Failure::Interrupted);
                }
            }
        }
    }

    /// Heeds the messages to this rollout.
    pub async fn heed(&self) -> Result<(), Failure> {
        let Some((_, rollout)) = self.rollout() else { return Ok(()) };
        let taken = self.run.mailbox.take(self.name, Some(&rollout.release)).await?;
        for (label, message) in taken.stale {
            self.stale(&label, &message);
        }
        for message in taken.messages {
            match message {
                Message::Pause => self.change(|_, rollout| rollout.course = Course::Paused).await?,
                Message::Promote => self.promote().await?,
                // The release under way is on its way back already.
                Message::Rollback { .. } => {}
                Message::Approve { gate } => {
                    self.change(|_, rollout| {
                        rollout.approved.insert(gate);
                    })
                    .await?;
                }
                // The rollout is on its way back already.
                Message::Abort { .. } if self.goes_back() => {}
                Message::Abort { by } => {
                    let reason = format!("{by} asked for it");
                    let course = Course::Back { reason: reason.clone(), asked: true };
                    self.change(|_, rollout| rollout.course = course).await?;
                    return Err(Failure::Asked { reason });
                }
            }
        }
        Ok(())
    }

    fn goes_back(&self) -> bool {
        self.rollout().is_some_and(|(_, rollout)| matches!(rollout.course, Course::Back { .. }))
    }

    /// Checks the gates and colours that must hold while weights move.
    pub async fn guards(&self) -> Result<Option<NotYet>, Failure> {
        let Some((facts, rollout)) = self.rollout() else { return Ok(None) };
        let in_one_colour = facts.live == Some(rollout.to);
        if !in_one_colour && (facts.live.is_none() || facts.weight(rollout.to) == 0) {
            return Ok(None);
        }
        if !in_one_colour {
            self.carries(&facts, rollout.to).await?;
        }
        let mut not_yet = None;
        for gate in self.declaration.gate.iter().filter(|gate| gate.at == Moment::Shift) {
            let Some(gate) = self.evaluated(&gate.name) else {
                let reason = "what it looks at is not known".to_owned();
                return Err(Failure::Gate { gate: gate.name.clone(), reason });
            };
            match gate::check(&gate, &self.ground(&gate)?).await? {
                Verdict::Passed => {}
                Verdict::Failed(reason) => return Err(Failure::Gate { gate: gate.name, reason }),
                Verdict::NotYet(reason) => {
                    let timeout = Duration::from_secs(gate.timeout);
                    not_yet = not_yet.or(Some(NotYet { gate: gate.name, reason, timeout }));
                }
            }
        }
        Ok(not_yet)
    }

    /// Checks that a colour with weight keeps the strategy's share of its raised size in healthy targets.
    pub async fn carries(&self, facts: &Deployment, colour: Colour) -> Result<(), Failure> {
        let snapshot = self.run.journal.snapshot();
        let seam = self.seam();
        let id = |kind| snapshot.resources.get(&self.address(kind, colour)).map(|record| record.id.clone());
        let (Some(targets), Some(group)) = (id(seam.targets()), id(seam.kind())) else {
            return Ok(());
        };
        let least = match facts.sizing(colour) {
            Sizing::AtLeast(least) | Sizing::Raised(least) => least,
            _ => 0,
        };
        let share = self.declaration.strategy.min_healthy();
        match health::ill(self.run.cloud, &targets, seam, &group, least, share).await? {
            Some(reason) => Err(Failure::Unhealthy { colour, reason }),
            None => Ok(()),
        }
    }
}
