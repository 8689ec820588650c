//! Paces the calls to a service: they go at once until it throttles one, then one after another at a rate.
//! Each throttled answer lowers the rate, and each second without one raises it. So calls use what the
//! account's bucket has left, which no API tells, without fighting for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::Service;
use crate::clock::Clock;

/// Calls that move traffic do not wait: a way back must not queue behind reads.
const AT_ONCE: [&str; 2] = ["ModifyListener", "ModifyRule"];

/// Calls a second after the first throttled answer: the refill rate of Elastic Load Balancing's bucket
/// (elb-api-throttling).
const FIRST: f64 = 10.0;
/// Factors of the rate after a throttled answer and after a second without one, and its minimum.
const LOWERED: f64 = 0.7;
const RAISED: f64 = 1.1;
const SLOWEST: f64 = 0.5;
/// The rate above which calls go at once again.
const FASTEST: f64 = 100.0;
/// Answers this close to each other belong to calls that were under way together.
const ONE_BURST: Duration = Duration::from_secs(1);

/// The paces of all services.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<Service, Arc<Pace>>>);

impl Paces {
    pub fn of(&self, service: Service) -> Arc<Pace> {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(paces.entry(service).or_default())
    }
}

/// The pace of one service.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Held by the next call; the others get it in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    /// `None` while no call was throttled.
    learned: Mutex<Option<Learned>>,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    /// Calls a second, at the time `since`.
    rate: f64,
    since: Duration,
    /// The time of the last call.
    last: Duration,
}

impl Learned {
    fn rate(&self, now: Duration) -> f64 {
        self.rate * RAISED.powf(now.saturating_sub(self.since).as_secs_f64())
    }
}

impl Pace {
    /// Waits until a call may go.
    pub async fn wait(&self, action: &str, clock: &Clock) {
        if AT_ONCE.contains(&action) {
            return self.went(clock.monotonic());
        }
        let _turn = self.turn.lock().await;
        while let Some(left) = self.left(clock.monotonic()) {
            clock.sleep(left).await;
        }
        self.went(clock.monotonic());
    }

    /// Records that a call was throttled.
    pub fn throttled(&self, now: Duration) {
        let mut learned = self.learned();
        *learned = Some(match *learned {
            None => Learned { rate: FIRST, since: now, last: now },
            Some(known) if now.saturating_sub(known.since) < ONE_BURST => known,
            Some(known) => {
                Learned { rate: (known.rate(now) * LOWERED).max(SLOWEST), since: now, last: known.last }
            }
        });
    }

    /// The time until the next call may go; `None` if it may go now.
    fn left(&self, now: Duration) -> Option<Duration> {
        let mut learned = self.learned();
        let known = (*learned)?;
        let rate = known.rate(now);
        if rate > FASTEST {
            *learned = None;
            return None;
        }
        let next = known.last.saturating_add(Duration::from_secs_f64(rate.recip()));
        Some(next.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    fn went(&self, now: Duration) {
        if let Some(known) = &mut *self.learned() {
            known.last = now;
        }
    }

    fn learned(&self) -> std::sync::MutexGuard<'_, Option<Learned>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    /// The times at which simultaneous `calls` go, by a clock that jumps from one wait to the next.
    async fn going(pace: &Pace, clock: &Clock, calls: &[&str]) -> Vec<u128> {
        let began = clock.monotonic();
        let went = join_all(calls.iter().map(|action| async {
            pace.wait(action, clock).await;
            (clock.monotonic() - began).as_millis()
        }));
        let jumps = async {
            loop {
                clock.advance_to_next().await;
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { went = went => went, () = jumps => unreachable!() }
    }

    #[tokio::test]
    async fn calls_go_as_they_come_until_one_is_throttled_and_then_one_after_the_other() {
        let (pace, clock) = (Pace::default(), Clock::manual());
        assert_eq!(going(&pace, &clock, &["DescribeRules"; 3]).await, [0, 0, 0]);
        // Both were under way together, so they count once.
        pace.throttled(clock.monotonic());
        pace.throttled(clock.monotonic());
        let went = going(&pace, &clock, &["DescribeRules"; 3]).await;
        assert!(
            went[0] <= 100 && (190..=200).contains(&went[1]) && (280..=300).contains(&went[2]),
            "{went:?}"
        );

        clock.advance(Duration::from_secs(1));
        let before = pace.learned().unwrap().rate(clock.monotonic());
        pace.throttled(clock.monotonic());
        let after = pace.learned().unwrap().rate(clock.monotonic());
        assert!(before > FIRST && (after - before * LOWERED).abs() < 1e-9, "{before} {after}");

        // After a minute without a throttled answer, no call is delayed.
        clock.advance(Duration::from_secs(60));
        assert_eq!(going(&pace, &clock, &["DescribeRules"; 3]).await, [0, 0, 0]);
    }

    #[tokio::test]
    async fn what_moves_traffic_does_not_stand_in_line() {
        let (pace, clock) = (Pace::default(), Clock::manual());
        pace.throttled(clock.monotonic());
        let calls = ["DescribeTags", "DescribeTags", "CreateTargetGroup", "ModifyRule", "ModifyListener"];
        let went = going(&pace, &clock, &calls).await;
        assert!(went[3] == 0 && went[4] == 0, "{went:?}");
        assert!(went[0] > 0 && went[0] < went[1] && went[1] < went[2], "{went:?}");
    }
}
