//! Rules: which one a request meets (application, listener rule condition types).

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{HOST, HeaderName};
use hyper::http::request::Parts;
use ipnet::IpNet;

use super::choose::Forward;
use super::config::{self, Condition};
use super::groups::Group;
use crate::api::wildcard;

/// The rules of a listener, by priority.
#[derive(Debug, Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
}

#[derive(Debug)]
pub struct Rule {
    tests: Vec<Test>,
    pub unauthenticated: Option<u16>,
    pub action: Action,
}

#[derive(Debug)]
pub enum Action {
    Forward(Forward),
    Redirect { protocol: String, host: String, port: String, path: String, query: String, status: u16 },
    Fixed { status: u16, content_type: Option<String>, body: Option<String> },
}

/// A condition, made ready to be asked often.
#[derive(Debug)]
enum Test {
    Host(Vec<Pattern>),
    Path(Vec<Pattern>),
    /// `None`: no header can have that name.
    Header(Option<HeaderName>, Vec<Pattern>),
    Method(Vec<String>),
    Query(Vec<(Option<Pattern>, Pattern)>),
    SourceIp(Vec<IpNet>),
}

impl Rules {
    /// `group` finds a group by its ARN.
    pub fn new(rules: &[config::Rule], mut group: impl FnMut(&str) -> Arc<Group>) -> Self {
        let rules = rules.iter().map(|rule| Rule {
            tests: rule.conditions.iter().map(Test::new).collect(),
            unauthenticated: rule.unauthenticated,
            action: match rule.action.clone() {
                config::Action::Forward { groups, stickiness } => Action::Forward(Forward {
                    groups: groups.iter().map(|(arn, weight)| (group(arn), *weight)).collect(),
                    stickiness,
                }),
                config::Action::Redirect { protocol, host, port, path, query, status } => {
                    Action::Redirect { protocol, host, port, path, query, status }
                }
                config::Action::Fixed { status, content_type, body } => {
                    Action::Fixed { status, content_type, body }
                }
            },
        });
        Self { rules: rules.collect() }
    }

    /// The first rule whose conditions all hold, and its place: 0 for the default rule, which has no
    /// conditions.
    pub fn find(&self, request: &Parts, client: IpAddr) -> Option<(usize, &Rule)> {
        let (at, rule) = self
            .rules
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.tests.iter().all(|test| test.holds(request, client)))?;
        Some((if rule.tests.is_empty() { 0 } else { at + 1 }, rule))
    }
}

impl Test {
    fn new(condition: &Condition) -> Self {
        let folded = |values: &[String]| values.iter().map(|value| Pattern::folded(value)).collect();
        match condition {
            Condition::Host(values) => Self::Host(folded(values)),
            Condition::Path(values) => Self::Path(values.iter().map(|value| Pattern::new(value)).collect()),
            Condition::Header(name, values) => Self::Header(name.parse().ok(), folded(values)),
            Condition::Method(values) => Self::Method(values.clone()),
            Condition::Query(values) => Self::Query(
                values
                    .iter()
                    .map(|(key, value)| (key.as_deref().map(Pattern::folded), Pattern::folded(value)))
                    .collect(),
            ),
            Condition::SourceIp(values) => {
                Self::SourceIp(values.iter().filter_map(|value| value.parse().ok()).collect())
            }
        }
    }

    fn holds(&self, request: &Parts, client: IpAddr) -> bool {
        match self {
            Self::Host(values) => {
                let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
                let host = without_port(host).to_ascii_lowercase();
                values.iter().any(|value| value.fits(&host))
            }
            Self::Path(values) => values.iter().any(|value| value.fits(request.uri.path())),
            Self::Header(name, values) => {
                let lines = name.iter().flat_map(|name| request.headers.get_all(name));
                lines.filter_map(|line| line.to_str().ok()).any(|line| {
                    let line = line.to_ascii_lowercase();
                    values.iter().any(|value| value.fits(&line))
                })
            }
            Self::Method(values) => values.iter().any(|value| value == request.method.as_str()),
            Self::Query(values) => {
                let query = request.uri.query().unwrap_or_default().to_ascii_lowercase();
                query.split('&').filter(|pair| !pair.is_empty()).any(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    values.iter().any(|(wanted, pattern)| {
                        wanted.as_ref().is_none_or(|wanted| wanted.fits(key)) && pattern.fits(value)
                    })
                })
            }
            Self::SourceIp(values) => values.iter().any(|block| block.contains(&client)),
        }
    }
}

/// A text with `*` and `?`; most have neither, or one `*` at the end.
#[derive(Debug)]
enum Pattern {
    Exactly(String),
    Begins(String),
    Wild(String),
}

impl Pattern {
    fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) if !start.contains(['*', '?']) => Self::Begins(start.to_owned()),
            _ if text.contains(['*', '?']) => Self::Wild(text.to_owned()),
            _ => Self::Exactly(text.to_owned()),
        }
    }

    /// For texts in lower case.
    fn folded(text: &str) -> Self {
        Self::new(&text.to_ascii_lowercase())
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Begins(start) => text.starts_with(start),
            Self::Wild(pattern) => wildcard(pattern, text),
        }
    }
}

/// The name in `name:port`, `[v6]:port`.
pub fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}
