//! How fast calls go to a service: as they come until it throttles one, then one after the other
//! at a rate that a throttled answer lowers and every second without one raises. So what an
//! account's bucket has left, which nobody can ask for, is used up and not fought for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::Service;
use crate::clock::Clock;

/// What moves traffic waits for nobody: a way back must not stand in line behind reads.
const AT_ONCE: [&str; 2] = ["ModifyListener", "ModifyRule"];

/// Calls a second after the first throttled answer: what the bucket of Elastic Load Balancing is
/// refilled with (elb-api-throttling).
const FIRST: f64 = 10.0;
/// What a throttled answer leaves of the rate, and what a second without one makes of it.
const LOWERED: f64 = 0.7;
const RAISED: f64 = 1.1;
const SLOWEST: f64 = 0.5;
/// From here on calls go as they come again.
const FASTEST: f64 = 100.0;
/// Answers this close to each other are of calls that were under way at the same time.
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
    /// Held by whoever goes next; the others get it in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    /// `None` while nothing was throttled.
    learned: Mutex<Option<Learned>>,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    /// Calls a second, as they were at `since`.
    rate: f64,
    since: Duration,
    /// When the last call went.
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

    /// A call was throttled.
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

    /// How long until the next call may go; `None`: it may.
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

    /// When `calls` go that come at once, by a clock that jumps from one wait to the next.
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
        // Both were under way: they say the same once.
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

        // A minute without a throttled answer: nothing is held back any more.
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
