//! One look at a gate: does it pass by now? The waiting between looks, and what a failure leads to,
//! are the rollout's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::declaration::{Gate, Http};
use crate::clock;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::state::Record;
use crate::value::Value;

/// How long an answer to a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As many bytes of a body are looked at.
const BODY: usize = 1 << 20;
/// As many lines of a failed command's output are shown.
const LINES: usize = 20;

/// What one look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// What was seen; it may pass at another look.
    NotYet(String),
    Failed(String),
}

/// What gates are checked with.
pub struct Ground<'a> {
    pub cloud: &'a Cloud,
    /// The `BGFORM_*` variables of commands.
    pub environment: Vec<(String, String)>,
    /// Where commands run: the stack's folder.
    pub folder: PathBuf,
    /// The new colour's Auto Scaling group, by name.
    pub group: Option<String>,
    /// When the new colour was last taken from another release: what was measured before is that one's.
    pub since: Option<jiff::Timestamp>,
    /// The deployment's first rule.
    pub rule: Option<Record>,
    /// Headers that send a request to the new colour while the preview stands.
    pub headers: BTreeMap<String, String>,
}

/// # Errors
/// When AWS cannot be asked; what the gate itself finds is its verdict.
pub async fn check(gate: &Gate, ground: &Ground<'_>) -> Result<Verdict, Error> {
    if let Some(http) = &gate.http {
        return request(http, ground).await;
    }
    if let Some(command) = &gate.command {
        return Ok(run(command, gate, ground).await);
    }
    if let Some(alarm) = &gate.alarm {
        return super::watch::alarms(ground.cloud, &alarm.names).await;
    }
    if let Some(metric) = &gate.metric {
        return super::watch::metric(ground.cloud, metric, ground.since).await;
    }
    if let Some(commands) = &gate.remote {
        return super::remote::run(ground.cloud, ground.group.as_deref(), commands, gate.timeout).await;
    }
    Ok(Verdict::NotYet("waiting for approval".to_owned()))
}

async fn run(command: &[String], gate: &Gate, ground: &Ground<'_>) -> Verdict {
    let Some((program, arguments)) = command.split_first() else {
        return Verdict::Failed("its command is empty".to_owned());
    };
    let folder =
        if ground.folder.as_os_str().is_empty() { PathBuf::from(".") } else { ground.folder.clone() };
    let mut process = tokio::process::Command::new(program);
    process
        .args(arguments)
        .current_dir(folder)
        .envs(ground.environment.iter().cloned())
        .stdin(Stdio::null())
        // An interrupt at the terminal is for bgform, which lets the command end.
        .process_group(0)
        .kill_on_drop(true);
    let limit = Duration::from_secs(gate.timeout);
    let output = tokio::select! {
        output = process.output() => output,
        () = ground.cloud.clock.sleep(limit) => {
            return Verdict::Failed(format!("`{program}` did not end within {}", crate::value::format_duration(limit)));
        }
    };
    match output {
        Err(error) => Verdict::Failed(format!("`{program}` cannot be run: {error}")),
        Ok(output) if output.status.success() => Verdict::Passed,
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let lines: Vec<&str> = said.lines().collect();
            let last: Vec<&str> = lines.iter().skip(lines.len().saturating_sub(LINES)).copied().collect();
            let shown = last.iter().map(|line| format!("\n  {line}"));
            Verdict::Failed(format!("`{program}` ended with {}{}", output.status, shown.collect::<String>()))
        }
    }
}

async fn request(http: &Http, ground: &Ground<'_>) -> Result<Verdict, Error> {
    let Some(rule) = &ground.rule else {
        return Ok(Verdict::Failed("the deployment has no rule yet".to_owned()));
    };
    let address = match listener(ground.cloud, rule).await? {
        Ok(address) => address,
        Err(reason) => return Ok(Verdict::Failed(reason)),
    };
    let host = host_of(rule).unwrap_or_else(|| address.clone());
    let sent = send(&address, &host, http, &ground.headers);
    let answer = tokio::select! {
        answer = sent => answer,
        () = clock::sleep(TIMEOUT) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    };
    Ok(match answer {
        Err(reason) => Verdict::NotYet(format!("GET {} at {address}: {reason}", http.path)),
        Ok((status, _)) if status != http.status => {
            Verdict::NotYet(format!("GET {} was answered with {status}, not {}", http.path, http.status))
        }
        Ok((_, body)) => match &http.body {
            Some(wanted) if !body.contains(wanted.as_str()) => {
                Verdict::NotYet(format!("the answer to GET {} does not hold `{wanted}`", http.path))
            }
            _ => Verdict::Passed,
        },
    })
}

async fn send(
    address: &str,
    host: &str,
    http: &Http,
    headers: &BTreeMap<String, String>,
) -> Result<(u16, String), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // How it ended is told by the request that it ended.
        let _ = connection.await;
    });
    let mut request = Request::get(http.path.as_str()).header("host", host).header("connection", "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body = http_body_util::Limited::new(answer.into_body(), BODY).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// `HOST:PORT` of the listener that a rule stands on, or why a request cannot be sent there.
async fn listener(cloud: &Cloud, rule: &Record) -> Result<Result<String, String>, Error> {
    let listener = rule.inputs.get("listener").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = cloud
        .read(Service::Elbv2, "DescribeListeners", || {
            cloud.elbv2.describe_listeners().listener_arns(&listener).send()
        })
        .await?;
    let Some(found) = answer.listeners().first() else {
        return Ok(Err(format!("the listener {listener} is gone")));
    };
    let protocol = found.protocol().map_or("HTTP", |protocol| protocol.as_str());
    if protocol != "HTTP" {
        return Ok(Err(format!(
            "its listener speaks {protocol}, and http gates are sent over plain HTTP; use a command such as curl"
        )));
    }
    let balancer = found.load_balancer_arn().unwrap_or_default().to_owned();
    let answer = cloud
        .read(Service::Elbv2, "DescribeLoadBalancers", || {
            cloud.elbv2.describe_load_balancers().load_balancer_arns(&balancer).send()
        })
        .await?;
    let name = answer.load_balancers().first().and_then(|one| one.dns_name()).unwrap_or_default();
    // The sandbox's names carry the port that they are served at.
    Ok(Ok(match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:{}", found.port().unwrap_or(80)),
    }))
}

/// The first host without a wildcard that the rule is for.
fn host_of(rule: &Record) -> Option<String> {
    let conditions = rule.inputs.get("condition")?.as_list()?;
    let hosts = conditions.iter().filter_map(|condition| condition.get("host_header").as_list());
    let plain = |host: &&str| !host.contains(['*', '?']);
    hosts.flatten().filter_map(Value::as_str).find(plain).map(str::to_owned)
}
