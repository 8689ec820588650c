//! The only clock: the time, elapsed time, and waiting.
//!
//! In: only the machine's clocks, or a test's manual one. Out: timestamps, time since the clock started,
//! futures that end later. It never reads the environment, and no other code reads the machine's clocks
//! (clippy.toml): so a rehearsal can run an hour's release in a minute.
#![allow(clippy::disallowed_methods, reason = "this is the module that the lint sends everybody to")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use jiff::Timestamp;
use tokio::sync::watch;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time of a more reliable clock than this machine's, and when it was read.
static SET_RIGHT: RwLock<Option<(Duration, Timestamp)>> = RwLock::new(None);

/// The wall clock, for what is written down for people: never for waiting. It is the machine's until it is
/// [set right](set_right).
pub fn now() -> Timestamp {
    let right = *SET_RIGHT.read().unwrap_or_else(PoisonError::into_inner);
    right.map_or_else(Timestamp::now, |(at, time)| {
        time.saturating_add(boottime().saturating_sub(at)).unwrap_or(Timestamp::MAX)
    })
}

/// The machine's clock is wrong: for the rest of this process it is this time now, whatever that clock does.
pub fn set_right(time: Timestamp) {
    *SET_RIGHT.write().unwrap_or_else(PoisonError::into_inner) = Some((boottime(), time));
}

/// Time since the first call in this process. It never goes back, and may stand still during suspend.
pub fn monotonic() -> Duration {
    STARTED.elapsed()
}

/// Time since a fixed moment, including suspended time: it measures another process's silence.
pub fn boottime() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    // On macOS it continues during suspend.
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(clock);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs().try_into().unwrap_or_default())
}

/// Waits in real time.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// A clock for code that waits. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Mode);

#[derive(Debug, Clone)]
enum Mode {
    Real,
    /// One real second is `factor` seconds.
    Scaled {
        factor: f64,
        started: Duration,
        started_at: Timestamp,
    },
    Manual {
        started_at: Timestamp,
        hand: Arc<watch::Sender<Hand>>,
    },
}

/// The time of a manual clock, and its sleepers.
#[derive(Debug, Default)]
struct Hand {
    elapsed: Duration,
    /// Deadlines by sleeper, so that a test can go to the next one.
    sleepers: BTreeMap<u64, Duration>,
    next_sleeper: u64,
}

/// The deadline of [`Clock::timeout_at`] came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time ran out")]
pub struct TimedOut;

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self(Mode::Real)
    }

    /// A clock that starts now and runs `factor` times as fast; 1, or anything but a positive number, is the
    /// real clock.
    pub fn scaled(factor: f64) -> Self {
        match factor.is_finite() && factor > 0.0 && factor != 1.0 {
            true => Self(Mode::Scaled { factor, started: monotonic(), started_at: now() }),
            false => Self::real(),
        }
    }

    /// The same for several processes: it has run since the time `since` of the machine's clock.
    pub fn scaled_since(factor: f64, since: Timestamp) -> Self {
        match Self::scaled(factor).0 {
            Mode::Scaled { factor, started, started_at } => {
                let ran = Duration::try_from(started_at.duration_since(since)).unwrap_or_default();
                let started_at = since.saturating_add(scale(ran, factor)).unwrap_or(Timestamp::MAX);
                Self(Mode::Scaled { factor, started, started_at })
            }
            mode => Self(mode),
        }
    }

    /// A clock that moves only by [`Clock::advance`] and [`Clock::advance_to_next`].
    pub fn manual() -> Self {
        Self(Mode::Manual { started_at: Timestamp::UNIX_EPOCH, hand: Arc::default() })
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Mode::Real => now(),
            Mode::Scaled { started_at, .. } | Mode::Manual { started_at, .. } => {
                started_at.saturating_add(self.monotonic()).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Time since this clock (the real one: this process) started; the base of deadlines.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Mode::Real => monotonic(),
            Mode::Scaled { factor, started, .. } => scale(monotonic().saturating_sub(*started), *factor),
            Mode::Manual { hand, .. } => hand.borrow().elapsed,
        }
    }

    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Mode::Real => sleep(duration).await,
            Mode::Scaled { factor, .. } => sleep(scale(duration, factor.recip())).await,
            Mode::Manual { hand, .. } => Sleeper::new(hand, duration).wait().await,
        }
    }

    /// Returns the result of `future`, unless [`Clock::monotonic`] reaches `deadline` first. A future that is
    /// ready wins over a deadline that has passed.
    pub async fn timeout_at<F: Future>(&self, deadline: Duration, future: F) -> Result<F::Output, TimedOut> {
        let late = pin!(self.sleep(deadline.saturating_sub(self.monotonic())));
        match select(pin!(future), late).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(TimedOut),
        }
    }

    pub fn is_manual(&self) -> bool {
        matches!(self.0, Mode::Manual { .. })
    }

    /// Moves a manual clock; others run by themselves.
    pub fn advance(&self, by: Duration) {
        if let Mode::Manual { hand, .. } = &self.0 {
            hand.send_modify(|hand| hand.elapsed = hand.elapsed.saturating_add(by));
        }
    }

    /// Waits until a task sleeps on a manual clock, then moves it to the earliest deadline and returns the
    /// difference. On other clocks: zero, at once.
    pub async fn advance_to_next(&self) -> Duration {
        let Mode::Manual { hand, .. } = &self.0 else { return Duration::ZERO };
        // An error would mean that the sender is gone, and `hand` is the sender.
        let _ = hand.subscribe().wait_for(|hand| !hand.sleepers.is_empty()).await;
        let mut moved = Duration::ZERO;
        hand.send_modify(|hand| {
            if let Some(next) = hand.sleepers.values().min() {
                moved = next.saturating_sub(hand.elapsed);
                hand.elapsed = hand.elapsed.saturating_add(moved);
            }
        });
        moved
    }
}

fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// One sleep on a manual clock; dropping it (a cancelled wait) takes it off the list.
struct Sleeper<'a> {
    hand: &'a watch::Sender<Hand>,
    number: u64,
    deadline: Duration,
}

impl<'a> Sleeper<'a> {
    fn new(hand: &'a watch::Sender<Hand>, duration: Duration) -> Self {
        let mut sleeper = Self { hand, number: 0, deadline: Duration::ZERO };
        hand.send_modify(|hand| {
            sleeper.number = hand.next_sleeper;
            sleeper.deadline = hand.elapsed.saturating_add(duration);
            hand.next_sleeper += 1;
            hand.sleepers.insert(sleeper.number, sleeper.deadline);
        });
        sleeper
    }

    async fn wait(self) {
        let _ = self.hand.subscribe().wait_for(|hand| hand.elapsed >= self.deadline).await;
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.hand.send_modify(|hand| {
            hand.sleepers.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual();
        let sleeping = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(HOUR).await;
                clock.sleep(HOUR).await;
                clock.monotonic()
            }
        });
        assert_eq!(clock.advance_to_next().await, HOUR);
        assert_eq!(clock.now(), Timestamp::from_second(3600).unwrap());
        while clock.advance_to_next().await.is_zero() {
            tokio::task::yield_now().await;
        }
        assert_eq!(sleeping.await.unwrap(), 2 * HOUR);
    }

    #[tokio::test]
    async fn a_cancelled_sleep_is_nobodys_deadline() {
        let clock = Clock::manual();
        assert_eq!(clock.timeout_at(HOUR, async { 7 }).await, Ok(7));
        let (late, moved) =
            tokio::join!(clock.timeout_at(2 * HOUR, std::future::pending::<()>()), clock.advance_to_next());
        assert_eq!((late, moved), (Err(TimedOut), 2 * HOUR));
    }

    #[tokio::test]
    async fn a_scaled_clock_ends_an_hour_early() {
        let clock = Clock::scaled(1e9);
        let before = monotonic();
        clock.sleep(HOUR).await;
        assert!(clock.monotonic() >= HOUR && clock.now() > now());
        assert!(monotonic() - before < HOUR);
    }

    #[test]
    fn a_factor_that_is_no_speed_is_the_real_clock() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1.0] {
            assert!(matches!(Clock::scaled(factor).0, Mode::Real), "{factor}");
        }
    }
}
