//! Requests and answers as they are written, and what a call is called.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use super::Exchange;

pub fn exchange(action: String, answer: &[u8]) -> Exchange {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Exchange { action, status, answer: body.to_owned() }
}

/// One request: its head with the empty line taken off, and its body.
pub fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let length = header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub fn action(head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    // Smithy RPC v2, in CBOR: /service/SERVICE/operation/ACTION.
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    if let Some((_, action)) = path.split_once("/operation/") {
        return action.to_owned();
    }
    if let Some(action) = rest(head, body) {
        return action;
    }
    let body = String::from_utf8_lossy(body);
    body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?").to_owned()
}

/// What a call to Route 53 is: its body's element, or its path.
fn rest(head: &str, body: &[u8]) -> Option<String> {
    let target = head.split_whitespace().nth(1)?;
    let path = target.split('?').next()?.strip_prefix("/2013-04-01/")?;
    let body = String::from_utf8_lossy(body);
    if let Some((element, _)) = body.rsplit_once("Request>") {
        return element.rsplit_once("</").map(|(_, action)| action.to_owned());
    }
    let action = match path.split('/').collect::<Vec<_>>()[..] {
        ["change", _] => "GetChange",
        ["hostedzone"] => "ListHostedZones",
        ["hostedzone", _] => "GetHostedZone",
        ["hostedzone", _, "rrset"] => "ListResourceRecordSets",
        ["hostedzonesbyname"] => "ListHostedZonesByName",
        _ => "?",
    };
    Some(action.to_owned())
}

/// What a call to S3 is, and the last part of the key without its number: `PutObject snapshot.json`,
/// `PutObject journal/#.jsonl`.
pub fn s3_action(head: &str) -> String {
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let given = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    // Path style: the bucket is first.
    let (_, key) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let action = match method {
        "GET" if key.is_empty() && given("versioning") => "GetBucketVersioning",
        "GET" if key.is_empty() => "ListObjects",
        "GET" => "GetObject",
        "HEAD" if key.is_empty() => "HeadBucket",
        "HEAD" => "HeadObject",
        "PUT" if header(head, "x-amz-copy-source").is_some() => "CopyObject",
        "PUT" if key.is_empty() => "CreateBucket",
        "PUT" => "PutObject",
        "DELETE" => "DeleteObject",
        "POST" if given("delete") => "DeleteObjects",
        _ => "?",
    };
    let mut parts = key.rsplitn(3, '/');
    let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let numbered = name.trim_start_matches(|c: char| c.is_ascii_digit());
    match numbered.len() < name.len() {
        true => format!("{action} {folder}/#{numbered}"),
        false => format!("{action} {name}").trim_end().to_owned(),
    }
}

/// Whether a call only looks.
pub fn is_read(action: &str) -> bool {
    ["Describe", "Get", "Head", "List"].iter().any(|word| action.starts_with(word))
}
