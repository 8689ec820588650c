//! Work on the live colour while its health is watched: an end, an interrupt and a failure are told apart.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::hold::BLIND;
use super::{Failure, LOOK, Rolling};
use crate::cloud::error::Error;
use crate::state::StateError;

/// Time for a call under way to be answered after an interrupt.
const GRACE: Duration = Duration::from_secs(2);

/// Why watched work stopped early.
#[derive(Debug)]
pub enum Stop {
    Failed(Failure),
    /// `bgform pause`, if the work heeds it.
    Paused,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::Failed(error.into())
    }
}

impl Rolling<'_> {
    /// Runs `work`, which may take long. Meanwhile messages are heeded, the gates `at = "shift"` must hold,
    /// and `look` checks the health. Returns at the first failure or at an interrupt; an operation that AWS
    /// has begun goes on there.
    pub async fn watched<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<T, Failure>>>,
        mut look: impl AsyncFnMut() -> Result<(), Stop>,
    ) -> Result<T, Stop> {
        let clock = &self.run.cloud.clock;
        let mut late = std::pin::pin!(self.late());
        let mut seen = clock.monotonic();
        loop {
            tokio::select! {
                done = work.as_mut() => return Ok(done?),
                () = late.as_mut() => return Err(Failure::Interrupted.into()),
                () = clock.sleep(LOOK) => {}
            }
            // Not in parallel with the work: a message that is taken must be recorded.
            self.heed().await?;
            let all_is_well = match self.guards().await {
                Ok(_) => look().await,
                Err(failure) => Err(failure.into()),
            };
            let now = clock.monotonic();
            match all_is_well {
                Ok(()) => seen = now,
                Err(Stop::Failed(Failure::Cloud(error))) if now.saturating_sub(seen) < BLIND => {
                    self.say(&format!("cannot look whether all is well: {error}"));
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Runs `work` until an interrupt; an operation that AWS has begun goes on there.
    pub async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            () = self.late() => Err(Failure::Interrupted),
        }
    }

    /// Waits for an interrupt, and then for the grace time of calls under way.
    async fn late(&self) {
        self.run.shutdown.draining().await;
        self.run.cloud.clock.sleep(GRACE).await;
    }
}
