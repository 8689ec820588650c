//! The schedule of a scheduled action: `at(...)`, `rate(...)`, `cron(...)` (API_PutScheduledAction).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::autoscaling::cron::Cron;

/// A schedule.
#[derive(Debug)]
pub enum Expression {
    /// Once.
    At(DateTime),
    Rate(SignedDuration),
    Cron(Cron),
}

impl Expression {
    /// Parses a schedule; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('(')?;
        let inside = rest.strip_suffix(')')?.trim();
        match kind {
            "at" => inside.parse().ok().map(Expression::At),
            "rate" => {
                let (number, unit) = inside.split_once(' ')?;
                let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
                let seconds = match unit.trim() {
                    "minute" | "minutes" => 60,
                    "hour" | "hours" => 3_600,
                    "day" | "days" => 86_400,
                    _ => return None,
                };
                Some(Expression::Rate(SignedDuration::from_secs(number.checked_mul(seconds)?)))
            }
            "cron" => cron(inside).map(Expression::Cron),
            _ => None,
        }
    }

    /// The first time after `after`. A rate counts from `from`.
    pub fn next(&self, from: Timestamp, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Expression::At(at) => Some(at.to_zoned(zone.clone()).ok()?.timestamp()).filter(|at| *at > after),
            Expression::Rate(every) => {
                let past = after.duration_since(from).as_secs().max(0);
                let turns = past / every.as_secs() + 1;
                from.checked_add(SignedDuration::from_secs(turns.checked_mul(every.as_secs())?)).ok()
            }
            Expression::Cron(cron) => cron.next(after, zone),
        }
    }
}

/// Six fields: days of the week count from 1, a Sunday; `?` leaves a day field out; any year.
fn cron(text: &str) -> Option<Cron> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday, "*"] = fields.as_slice() else { return None };
    let any = |field: &str| if field == "?" { "*".to_owned() } else { field.to_owned() };
    let mut shifted = String::new();
    for letter in any(weekday).chars() {
        match letter.to_digit(10) {
            Some(number @ 1..=7) => shifted.push(char::from_digit(number - 1, 10)?),
            Some(_) => return None,
            None => shifted.push(letter),
        }
    }
    Cron::parse(&format!("{minute} {hour} {} {month} {shifted}", any(day)))
}
