//! Recurrences of five fields, as scheduled actions have them (user guide, ec2-auto-scaling-scheduled-scaling).

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Minute, hour, day of month, month, day of week: which numbers each field allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Whether a day field is `*`: if neither is, one match is enough.
    any_day: bool,
    any_weekday: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Maximum number of days to search: February 29 comes within eight years.
const DAYS: usize = 366 * 9;

impl Cron {
    /// Parses a recurrence; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        let mut weekdays = field(weekday, 0, 7, &WEEKDAYS, 0)?;
        weekdays.iter_mut().filter(|day| **day == 7).for_each(|day| *day = 0);
        Some(Self {
            minutes: field(minute, 0, 59, &[], 0)?,
            hours: field(hour, 0, 23, &[], 0)?,
            days: field(day, 1, 31, &[], 0)?,
            months: field(month, 1, 12, &MONTHS, 1)?,
            weekdays,
            any_day: day.starts_with('*'),
            any_weekday: weekday.starts_with('*'),
        })
    }

    /// The first time after `after`, by the clocks of `zone`.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = after.to_zoned(zone.clone()).date();
        for _ in 0..DAYS {
            if self.on(date) {
                for (hour, minute) in
                    self.hours.iter().flat_map(|h| self.minutes.iter().map(move |m| (*h, *m)))
                {
                    let time = Time::new(hour, minute, 0, 0).ok()?;
                    let at = date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp();
                    if at > after {
                        return Some(at);
                    }
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn on(&self, date: jiff::civil::Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Sunday => 0,
            other => other.to_monday_one_offset(),
        };
        let (day, weekday) = (self.days.contains(&date.day()), self.weekdays.contains(&weekday));
        let days = match (self.any_day, self.any_weekday) {
            (false, false) => day || weekday,
            _ => day && weekday,
        };
        days && self.months.contains(&date.month())
    }
}

/// `*`, `5`, `1-5`, `*/10`, `1-30/2`, names, and lists of those; in ascending order.
fn field(text: &str, least: i8, most: i8, names: &[&str], first: i8) -> Option<Vec<i8>> {
    let number = |text: &str| -> Option<i8> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(index) => i8::try_from(index).ok()? + first,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        let step: usize = step.map_or(Some(1), |step| step.parse().ok()).filter(|step| *step > 0)?;
        if from > to {
            return None;
        }
        numbers.extend((from..=to).step_by(step));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recurrences_find_their_next_time() {
        let next = |cron: &str, after: &str| {
            let after = after.parse().unwrap();
            Cron::parse(cron).unwrap().next(after, &TimeZone::UTC).unwrap().to_string()
        };
        assert_eq!(next("*/15 * * * *", "2026-01-01T00:00:00Z"), "2026-01-01T00:15:00Z");
        assert_eq!(next("30 6 * * Mon-Fri", "2026-01-02T07:00:00Z"), "2026-01-05T06:30:00Z");
        assert_eq!(next("0 0 29 2 *", "2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
        // If both day fields are given, one match is enough.
        assert_eq!(next("0 0 1 * 7", "2026-01-02T00:00:00Z"), "2026-01-04T00:00:00Z");
        for wrong in ["* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "x * * * *"] {
            assert_eq!(Cron::parse(wrong), None, "{wrong}");
        }
    }
}
