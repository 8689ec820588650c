//! Deliberate faults. A fault is one line of text, the same on the command line, in a control call and in a
//! test: `KIND=ARGUMENTS`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::api::{Refusal, Service};
use crate::clock::Clock;

mod parse;
mod throttle;

pub use parse::{KINDS, NoFault};
use throttle::Bucket;

#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// `latency=elbv2:200ms`, `latency=all:50ms`: every call waits.
    Latency { service: Option<&'static Service>, by: Duration },
    /// `throttle=elbv2:40/10`: a bucket of 40 calls, refilled with 10 a second.
    Throttle { service: Option<&'static Service>, burst: u32, per_second: f64 },
    /// `error=CreateRule:2`, `drop=CreateRule:2`, `lost=CreateRule:2`: at the second call of the
    /// action from now on; `:2+3` at three calls from the second on, `:*` at every one.
    Call { action: String, first: u64, times: u64, how: Broken },
    /// `eventual=5s`: readers of EC2 see a change only after this time.
    Eventual { lag: Duration },
    /// `propagation=3:10s`: a listener is three nodes; a rule change reaches the first at once and
    /// the last after ten seconds.
    Propagation { nodes: u32, delay: Duration },
    /// `never-healthy=NAME`: the target answers no health check. NAME is an instance id, the name of
    /// an Auto Scaling group, an image id or name; `*` and `?` stand for others.
    NeverHealthy { who: String },
    /// `dies=NAME:30s`: its processes end that long after a boot.
    Dies { who: String, after: Duration },
    /// `fails=NAME:200`: after 200 requests it answers 500 to everything.
    Fails { who: String, after: u64 },
    /// `slow-boot=NAME:60s`: its boot script waits.
    SlowBoot { who: String, by: Duration },
}

/// The way a call breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A 500, nothing done.
    Error,
    /// The connection ends, nothing done.
    Dropped,
    /// Done, and the connection ends before the answer.
    Lost,
}

/// The faults of a sandbox. They may be set at any time.
#[derive(Debug)]
pub struct Faults {
    clock: Clock,
    armed: Mutex<Vec<Armed>>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// Calls of its action so far.
    calls: u64,
    bucket: Option<Bucket>,
}

/// The effect of the faults on a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Goes,
    /// Answered so, nothing done.
    Refused(Refusal),
    Broken(Broken),
}

impl Faults {
    pub fn new(clock: Clock, faults: impl IntoIterator<Item = Fault>) -> Self {
        let made = Self { clock, armed: Mutex::default() };
        for fault in faults {
            made.add(fault);
        }
        made
    }

    pub fn add(&self, fault: Fault) {
        let bucket = match fault {
            Fault::Throttle { burst, per_second, .. } => {
                Some(Bucket::new(burst, per_second, self.clock.monotonic()))
            }
            _ => None,
        };
        self.armed().push(Armed { fault, calls: 0, bucket });
    }

    pub fn clear(&self) {
        self.armed().clear();
    }

    pub fn list(&self) -> Vec<Fault> {
        self.armed().iter().map(|armed| armed.fault.clone()).collect()
    }

    fn armed(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The effect on this call, after a wait of the returned time.
    pub fn call(&self, service: &Service, action: &str) -> (Duration, Verdict) {
        let now = self.clock.monotonic();
        let mut wait = Duration::ZERO;
        let mut verdict = Verdict::Goes;
        for armed in self.armed().iter_mut() {
            match &armed.fault {
                Fault::Latency { service: of, by } if of.is_none_or(|of| of == service) => wait += *by,
                Fault::Throttle { service: of, .. }
                    if of.is_none_or(|of| of == service)
                        && armed.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) =>
                {
                    verdict = Verdict::Refused(service.wire.throttled.into());
                }
                Fault::Call { action: of, first, times, how } if of == action => {
                    armed.calls += 1;
                    if armed.calls >= *first && armed.calls - first < *times {
                        verdict = match how {
                            Broken::Error => Verdict::Refused(service.wire.broken.into()),
                            how => Verdict::Broken(*how),
                        };
                    }
                }
                _ => {}
            }
        }
        (wait, verdict)
    }

    /// The delay of EC2's readers.
    pub fn lag(&self) -> Option<Duration> {
        self.armed().iter().rev().find_map(|armed| match armed.fault {
            Fault::Eventual { lag } => Some(lag),
            _ => None,
        })
    }

    /// The number of nodes of a listener, and the time until the last of them has a change.
    pub fn propagation(&self) -> (u32, Duration) {
        let set = self.armed().iter().rev().find_map(|armed| match armed.fault {
            Fault::Propagation { nodes, delay } => Some((nodes.max(1), delay)),
            _ => None,
        });
        set.unwrap_or((1, Duration::ZERO))
    }

    /// Tells whether the machine with these names answers no health check.
    pub fn never_healthy(&self, names: &[String]) -> bool {
        self.armed().iter().any(|armed| match &armed.fault {
            Fault::NeverHealthy { who } => one_is(names, who),
            _ => false,
        })
    }

    /// After how long from its boot the machine with these names dies.
    pub fn dies(&self, names: &[String]) -> Option<Duration> {
        self.armed().iter().rev().find_map(|armed| match &armed.fault {
            Fault::Dies { who, after } if one_is(names, who) => Some(*after),
            _ => None,
        })
    }

    /// After how many requests the target with these names answers 500.
    pub fn fails(&self, names: &[String]) -> Option<u64> {
        self.armed().iter().rev().find_map(|armed| match &armed.fault {
            Fault::Fails { who, after } if one_is(names, who) => Some(*after),
            _ => None,
        })
    }

    /// The delay of the boot script of the machine with these names.
    pub fn slow_boot(&self, names: &[String]) -> Option<Duration> {
        self.armed().iter().rev().find_map(|armed| match &armed.fault {
            Fault::SlowBoot { who, by } if one_is(names, who) => Some(*by),
            _ => None,
        })
    }
}

fn one_is(names: &[String], pattern: &str) -> bool {
    names.iter().any(|name| super::api::wildcard(pattern, name))
}
