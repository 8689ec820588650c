//! Functions of points in time, which are texts as RFC 3339 has them: `2026-01-02T23:12:01Z`. None tells what
//! time it is.

use std::cmp::Ordering;

use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::literal;
use crate::value::Value;

use super::{Body, Call, Fault, Function, Outcome, row};

pub(super) const TABLE: &[Function] = &[
    row(
        "formatdate",
        "formatdate(format, time)",
        "The time by words such as `YYYY-MM-DD hh:mm:ss`; text in single quotes stands for itself",
        (2, 2),
        Body::Known(formatdate),
    ),
    row(
        "timeadd",
        "timeadd(time, duration)",
        "A later time, or an earlier one with a string such as \"-10m\"",
        (2, 2),
        Body::Known(timeadd),
    ),
    row(
        "timecmp",
        "timecmp(time, other)",
        "-1 if the first time is earlier, 0 if they are the same, 1 if it is later",
        (2, 2),
        Body::Known(timecmp),
    ),
];

/// A point in time as it was written, with its offset from UTC.
struct Time {
    civil: DateTime,
    offset: Offset,
    point: Timestamp,
}

fn time(call: &Call<'_>, index: usize) -> Result<Time, Fault> {
    let text = call.text(index)?;
    let read = || {
        // RFC 3339 is what every reader takes; the other forms of ISO 8601 are not.
        let plain = text.chars().all(|c| c.is_ascii_digit() || "-+:.TtZz".contains(c));
        let pieces = Pieces::parse(&text).ok().filter(|_| plain)?;
        let offset = match pieces.offset()? {
            PiecesOffset::Zulu => Offset::UTC,
            PiecesOffset::Numeric(numeric) => numeric.offset(),
            _ => return None,
        };
        let civil = pieces.date().to_datetime(pieces.time()?);
        Some(Time { civil, offset, point: offset.to_timestamp(civil).ok()? })
    };
    read().ok_or_else(|| {
        call.fault(index, format!("{} is no time", call.quote(&text)), "not a time")
            .help("write it as in \"2026-01-02T23:12:01Z\" or \"2026-01-02T23:12:01+02:00\"")
    })
}

fn formatdate(call: &Call<'_>) -> Outcome {
    let (format, time) = (call.text(0)?, time(call, 1)?);
    let mut made = String::new();
    let mut rest = format.as_str();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' => quoted(call, rest)?,
            first => {
                let end = rest.find(|c| c != first).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                match first.is_ascii_alphabetic() {
                    true => (written(word, &time).ok_or_else(|| unknown(call, word))?, after),
                    false => (word.to_owned(), after),
                }
            }
        };
        made.push_str(&word);
        rest = after;
    }
    Ok(Value::String(made))
}

/// `'text'`, in which `''` is a quote; and what stands after it.
fn quoted<'a>(call: &Call<'_>, text: &'a str) -> Result<(String, &'a str), Fault> {
    let mut word = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    while let Some((before, after)) = rest.split_once('\'') {
        word.push_str(before);
        match after.strip_prefix('\'') {
            Some(after) => {
                word.push('\'');
                rest = after;
            }
            None => return Ok((word, after)),
        }
    }
    Err(call.fault(0, "a single quote in the format is not closed", "not closed"))
}

fn unknown(call: &Call<'_>, word: &str) -> Fault {
    call.fault(0, format!("there is no `{word}` in a format of time"), "not known").help(
        "the words are YYYY YY MMMM MMM MM M DD D EEEE EEE hh h HH H AA aa mm m ss s ZZZZZ ZZZZ ZZZ Z; put other \
         letters in single quotes",
    )
}

/// A word of a format, as Terraform's `formatdate` means it: `hh` counts 24 hours, `HH` 12.
fn written(word: &str, time: &Time) -> Option<String> {
    let Time { civil, offset, .. } = time;
    let twelve = (civil.hour() + 11) % 12 + 1;
    let letter = |pattern: &str| Some(civil.strftime(pattern).to_string());
    let minutes = offset.seconds() / 60;
    let (sign, far) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
    let zone = |colon: &str| Some(format!("{sign}{:02}{colon}{:02}", far / 60, far % 60));
    match word {
        "YYYY" => Some(format!("{:04}", civil.year())),
        "YY" => Some(format!("{:02}", civil.year().rem_euclid(100))),
        "MMMM" => letter("%B"),
        "MMM" => letter("%b"),
        "MM" => letter("%m"),
        "M" => Some(civil.month().to_string()),
        "DD" => letter("%d"),
        "D" => Some(civil.day().to_string()),
        "EEEE" => letter("%A"),
        "EEE" => letter("%a"),
        "hh" => letter("%H"),
        "h" => Some(civil.hour().to_string()),
        "HH" => Some(format!("{twelve:02}")),
        "H" => Some(twelve.to_string()),
        "AA" => Some(if civil.hour() < 12 { "AM" } else { "PM" }.to_owned()),
        "aa" => Some(if civil.hour() < 12 { "am" } else { "pm" }.to_owned()),
        "mm" => letter("%M"),
        "m" => Some(civil.minute().to_string()),
        "ss" => letter("%S"),
        "s" => Some(civil.second().to_string()),
        "Z" if far == 0 => Some("Z".to_owned()),
        "ZZZ" if far == 0 => Some("UTC".to_owned()),
        "ZZZ" | "ZZZZ" => zone(""),
        "Z" | "ZZZZZ" => zone(":"),
        _ => None,
    }
}

fn timeadd(call: &Call<'_>) -> Outcome {
    let time = time(call, 0)?;
    let no_duration = || call.wrong(1, "a duration").help("write it as in `10m` or \"-10m\"");
    let (duration, back) = match call.get(1) {
        Value::Duration(duration) => (*duration, false),
        Value::String(text) => {
            let (plain, back) = text.strip_prefix('-').map_or((text.as_str(), false), |plain| (plain, true));
            match literal::value(plain) {
                Some(Value::Duration(duration)) => (duration, back),
                _ => return Err(no_duration()),
            }
        }
        _ => return Err(no_duration()),
    };
    let far = || call.fault(1, "there is no such time: the years are 1 to 9999", "too far");
    let moved = SignedDuration::try_from(duration).ok().and_then(|duration| match back {
        true => time.civil.checked_sub(duration).ok(),
        false => time.civil.checked_add(duration).ok(),
    });
    let moved = moved.filter(|moved| moved.year() >= 1).ok_or_else(far)?;
    let zone = written("Z", &time).unwrap_or_default();
    Ok(Value::String(format!("{}{zone}", moved.strftime("%Y-%m-%dT%H:%M:%S%.f"))))
}

fn timecmp(call: &Call<'_>) -> Outcome {
    Ok(Value::from(match time(call, 0)?.point.cmp(&time(call, 1)?.point) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }))
}
