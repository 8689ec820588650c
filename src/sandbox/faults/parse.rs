//! Faults as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::super::api::Service;
use super::{Broken, Fault};

/// A malformed fault, with the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no fault: {expected}")]
pub struct NoFault {
    pub text: String,
    pub expected: String,
}

/// All kinds, with an example each, for `--help` and errors.
pub const KINDS: &[(&str, &str)] = &[
    ("latency", "latency=elbv2:200ms"),
    ("throttle", "throttle=elbv2:40/10"),
    ("error", "error=CreateRule:2"),
    ("drop", "drop=CreateRule:2"),
    ("lost", "lost=CreateRule:2"),
    ("eventual", "eventual=5s"),
    ("propagation", "propagation=3:10s"),
    ("never-healthy", "never-healthy=web-green*"),
    ("dies", "dies=web-green*:30s"),
    ("fails", "fails=web-green*:200"),
    ("slow-boot", "slow-boot=web-green*:60s"),
];

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let no = |expected: String| NoFault { text: text.to_owned(), expected };
        let (kind, rest) = text.split_once('=').unwrap_or((text, ""));
        let Some((_, example)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            let kinds: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
            return Err(no(format!("there are {}", kinds.join(", "))));
        };
        parse(kind, rest).ok_or_else(|| no(format!("write it like {example}")))
    }
}

fn parse(kind: &str, rest: &str) -> Option<Fault> {
    let pair = || rest.rsplit_once(':').filter(|(name, _)| !name.is_empty());
    let service = |name: &str| match name {
        "all" => Some(None),
        name => Service::named(name).map(Some),
    };
    let call = |how| {
        let (action, at) = pair()?;
        let (first, times) = match at.split_once('+') {
            _ if at == "*" => (1, u64::MAX),
            Some((first, more)) => (first.parse().ok()?, more.parse().ok()?),
            None => (at.parse().ok()?, 1),
        };
        (first > 0 && times > 0).then(|| Fault::Call { action: action.to_owned(), first, times, how })
    };
    Some(match kind {
        "latency" => {
            let (of, by) = pair()?;
            Fault::Latency { service: service(of)?, by: duration(by)? }
        }
        "throttle" => {
            let (of, bucket) = pair()?;
            let (burst, per_second) = bucket.split_once('/')?;
            let per_second: f64 =
                per_second.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0)?;
            Fault::Throttle { service: service(of)?, burst: burst.parse().ok()?, per_second }
        }
        "error" => call(Broken::Error)?,
        "drop" => call(Broken::Dropped)?,
        "lost" => call(Broken::Lost)?,
        "eventual" => Fault::Eventual { lag: duration(rest)? },
        "propagation" => {
            let (nodes, delay) = pair()?;
            let nodes = nodes.parse().ok().filter(|nodes| (1..=100).contains(nodes))?;
            Fault::Propagation { nodes, delay: duration(delay)? }
        }
        "never-healthy" if !rest.is_empty() => Fault::NeverHealthy { who: rest.to_owned() },
        "dies" => {
            let (who, after) = pair()?;
            Fault::Dies { who: who.to_owned(), after: duration(after)? }
        }
        "fails" => {
            let (who, after) = pair()?;
            Fault::Fails { who: who.to_owned(), after: after.parse().ok()? }
        }
        "slow-boot" => {
            let (who, by) = pair()?;
            Fault::SlowBoot { who: who.to_owned(), by: duration(by)? }
        }
        _ => return None,
    })
}

/// `200ms`, `5s`, `2m`, `1h`.
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit).map(Duration::from_millis)
}

struct Text(Duration);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis if millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            millis => write!(f, "{millis}ms"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |service: &Option<&Service>| service.map_or("all", |service| service.name());
        match self {
            Fault::Latency { service, by } => write!(f, "latency={}:{}", name(service), Text(*by)),
            Fault::Throttle { service, burst, per_second } => {
                write!(f, "throttle={}:{burst}/{per_second}", name(service))
            }
            Fault::Call { action, first, times, how } => {
                let kind = match how {
                    Broken::Error => "error",
                    Broken::Dropped => "drop",
                    Broken::Lost => "lost",
                };
                match times {
                    1 => write!(f, "{kind}={action}:{first}"),
                    &u64::MAX if *first == 1 => write!(f, "{kind}={action}:*"),
                    times => write!(f, "{kind}={action}:{first}+{times}"),
                }
            }
            Fault::Eventual { lag } => write!(f, "eventual={}", Text(*lag)),
            Fault::Propagation { nodes, delay } => write!(f, "propagation={nodes}:{}", Text(*delay)),
            Fault::NeverHealthy { who } => write!(f, "never-healthy={who}"),
            Fault::Dies { who, after } => write!(f, "dies={who}:{}", Text(*after)),
            Fault::Fails { who, after } => write!(f, "fails={who}:{after}"),
            Fault::SlowBoot { who, by } => write!(f, "slow-boot={who}:{}", Text(*by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_as_it_is_written() {
        for (_, example) in KINDS {
            let fault: Fault = example.parse().unwrap();
            assert_eq!(fault.to_string(), *example);
        }
        for text in ["error=RunInstances:*", "lost=CreateRule:2+3", "latency=all:1s", "dies=i-*:500ms"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_slip_is_told_with_an_example() {
        let message = |text: &str| text.parse::<Fault>().unwrap_err().to_string();
        insta::assert_snapshot!(message("latency=elb:fast"), @"`latency=elb:fast` is no fault: write it like latency=elbv2:200ms");
        insta::assert_snapshot!(message("lag=5s"), @"`lag=5s` is no fault: there are latency, throttle, error, drop, lost, eventual, propagation, never-healthy, dies, fails, slow-boot");
        for text in [
            "error=:1",
            "error=X:0",
            "eventual=",
            "propagation=0:1s",
            "never-healthy=",
            "dies=x",
            "throttle=ec2:1/-1",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
