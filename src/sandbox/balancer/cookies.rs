//! The cookies that keep a client with a group or a target (application, sticky-sessions).
//!
//! AWS encrypts their content; here it is the mark of the group or target and the second until
//! which it holds, in hexadecimal.

use std::time::Duration;

use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use jiff::Timestamp;

use crate::clock::{self, Clock};

/// Stickiness to a group of a weighted action.
pub const GROUP: &str = "AWSALBTG";
/// Stickiness to a target.
pub const TARGET: &str = "AWSALB";
/// Stickiness to a target that follows a cookie of the application.
pub const APPLICATION: &str = "AWSALBAPP-0";

/// Time that clients keep them; the stickiness itself may end earlier.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The value of a cookie that the client sent.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|line| {
        line.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key.trim() == name).then(|| value.trim())
        })
    })
}

/// The mark in a cookie that still holds.
pub fn holds(headers: &HeaderMap, name: &str, clock: &Clock) -> Option<u64> {
    let value = find(headers, name)?;
    let (mark, until) = (value.get(..16)?, value.get(16..)?);
    let until = i64::from_str_radix(until, 16).ok()?;
    (until > clock.now().as_second()).then(|| u64::from_str_radix(mark, 16).ok())?
}

/// Sets the cookie and, for cross-site requests, its twin with `SameSite=None; Secure`.
pub fn set(headers: &mut HeaderMap, name: &str, mark: u64, lasts: Duration, clock: &Clock) {
    let until = clock.now().as_second().saturating_add(lasts.as_secs().try_into().unwrap_or(i64::MAX));
    let expires = http_date(clock::now().saturating_add(KEPT).unwrap_or(Timestamp::MAX));
    let mut cookies = vec![format!("{name}={mark:016x}{until:x}; Expires={expires}; Path=/")];
    if name != APPLICATION {
        cookies.push(format!(
            "{name}CORS={mark:016x}{until:x}; Expires={expires}; Path=/; SameSite=None; Secure"
        ));
    }
    for cookie in cookies {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            headers.append(SET_COOKIE, value);
        }
    }
}

/// Tells whether an answer sets a cookie of that name.
pub fn is_set(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == name))
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
