//! Health checks of target groups: defaults and limits (API_CreateTargetGroup; the default timeouts are those
//! of the guides' pages target-group-health-checks, one for each type of load balancer).

use serde::{Deserialize, Serialize};

use super::super::api::{Params, Refusal};

/// A health check. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `HTTP`, `HTTPS` or `TCP`.
    pub protocol: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// Not of TCP checks.
    pub path: Option<String>,
    pub interval: u32,
    pub timeout: u32,
    pub healthy: u32,
    pub unhealthy: u32,
    /// `200`, `200,302` or `200-299`; not of TCP checks.
    pub matcher: Option<String>,
    /// Tells whether the matcher holds gRPC codes.
    pub grpc: bool,
}

impl HealthCheck {
    /// By the protocol and protocol version of a target group.
    pub fn new(protocol: &str, version: Option<&str>) -> Self {
        let http = matches!(protocol, "HTTP" | "HTTPS");
        let mut check = Self {
            protocol: if http { "HTTP" } else { "TCP" }.to_owned(),
            port: "traffic-port".to_owned(),
            path: None,
            interval: 30,
            timeout: if http { 5 } else { 10 },
            healthy: 5,
            unhealthy: 2,
            matcher: None,
            grpc: version == Some("GRPC"),
        };
        check.complete(http);
        check
    }

    /// Only HTTP checks have a path and a matcher.
    fn complete(&mut self, application: bool) {
        if self.protocol == "TCP" {
            (self.path, self.matcher) = (None, None);
            return;
        }
        let (path, matcher) = match (self.grpc, application) {
            (true, _) => ("/AWS.ALB/healthcheck", "12"),
            (false, true) => ("/", "200"),
            (false, false) => ("/", "200-399"),
        };
        self.path.get_or_insert_with(|| path.to_owned());
        self.matcher.get_or_insert_with(|| matcher.to_owned());
    }

    /// Sets the members of a call; the others stay. `group` is the target group's protocol.
    pub fn set(&mut self, params: &Params, group: &str) -> Result<(), Refusal> {
        let application = matches!(group, "HTTP" | "HTTPS");
        if let Some(protocol) = params.given("HealthCheckProtocol") {
            if application && protocol == "TCP" {
                return Err(Refusal::validation(format!(
                    "Health check protocol 'TCP' is not supported for target groups with the protocol '{group}'"
                )));
            }
            // The default differs for a network load balancer's HTTP checks.
            if !application && protocol == "HTTP" && self.protocol == "TCP" && self.timeout == 10 {
                self.timeout = 6;
            }
            self.protocol = protocol;
        }
        if params.flag("HealthCheckEnabled") == Some(false) {
            return Err(Refusal::validation(
                "Health check enabled must be true for target groups with target type 'instance' or 'ip'",
            ));
        }
        if let Some(port) = params.given("HealthCheckPort") {
            if port != "traffic-port" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
                return Err(Refusal::validation(format!(
                    "Health check port '{port}' must be 'traffic-port' or between '1' and '65535'"
                )));
            }
            self.port = port;
        }
        let set = |name: &str, to: &mut u32| *to = params.number(name).unwrap_or(*to);
        set("HealthCheckIntervalSeconds", &mut self.interval);
        set("HealthCheckTimeoutSeconds", &mut self.timeout);
        set("HealthyThresholdCount", &mut self.healthy);
        set("UnhealthyThresholdCount", &mut self.unhealthy);
        if self.timeout > self.interval || (application && self.timeout == self.interval) {
            return Err(Refusal::validation("Health check interval must be greater than the timeout."));
        }
        self.set_path_and_matcher(params)?;
        self.complete(application);
        let most = if application { 499 } else { 599 };
        match &self.matcher {
            Some(matcher) if !self.grpc && !is_matcher(matcher, most) => Err(Refusal::validation(format!(
                "Health check matcher HTTP code '{matcher}' must be within '200-{most}' inclusive"
            ))),
            Some(matcher) if self.grpc && !is_codes(matcher, 0, 99) => Err(Refusal::validation(format!(
                "Health check matcher gRPC code '{matcher}' must be within '0-99' inclusive"
            ))),
            _ => Ok(()),
        }
    }

    fn set_path_and_matcher(&mut self, params: &Params) -> Result<(), Refusal> {
        let path = params.given("HealthCheckPath");
        let matcher = params.child("Matcher");
        if self.protocol == "TCP" {
            let given = [("path", path.is_some()), ("matcher", matcher.is_some())];
            return match given.iter().find(|(_, given)| *given) {
                Some((what, _)) => Err(Refusal::validation(format!(
                    "Health check {what} cannot be specified for health checks with the protocol 'TCP'"
                ))),
                None => Ok(()),
            };
        }
        if let Some(path) = path {
            if !path.starts_with('/') {
                return Err(Refusal::validation(format!("Health check path '{path}' must start with '/'")));
            }
            self.path = Some(path);
        }
        let key = if self.grpc { "GrpcCode" } else { "HttpCode" };
        if let Some(codes) = matcher.and_then(|matcher| matcher.text(key)).filter(|codes| !codes.is_empty()) {
            self.matcher = Some(codes);
        }
        Ok(())
    }
}

fn is_matcher(text: &str, most: u16) -> bool {
    is_codes(text, 200, most)
}

/// `200`, `200,302` or `200-299`, all within the bounds.
fn is_codes(text: &str, least: u16, most: u16) -> bool {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (least..=most).contains(code));
    text.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => code(from).zip(code(to)).is_some_and(|(from, to)| from <= to),
        None => code(part).is_some(),
    })
}
