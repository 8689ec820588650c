//! AWS's time. AWS refuses a call that was signed more than five minutes from now, and the clock of a machine
//! may be wrong, or jump in the middle of a run.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::terminal::errln;
use crate::value::format_duration;

/// A clock that is further from that of AWS is wrong: less than what AWS puts up with.
const WRONG: SignedDuration = SignedDuration::from_mins(4);

/// When requests are signed: now, by the one clock.
#[derive(Debug)]
pub struct Ours;

impl TimeSource for Ours {
    fn now(&self) -> SystemTime {
        let since = Duration::try_from(clock::now().as_duration()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + since
    }
}

/// When AWS gave this answer.
pub fn of_answer(answer: &HttpResponse) -> Option<Timestamp> {
    let date = DateTime::from_str(answer.headers().get("date")?, Format::HttpDate).ok()?;
    Timestamp::from_second(date.secs()).ok()
}

/// Whether a call that was signed at this time was refused for that: then the clock is wrong, and this run goes
/// by the time of AWS from here on.
pub fn was_wrong(signed: Timestamp, aws: Timestamp) -> bool {
    let is_wrong = |time: Timestamp| time.duration_since(aws).abs() > WRONG;
    // Another call may have found out meanwhile.
    if is_wrong(clock::now()) {
        let ahead = clock::now().duration_since(aws);
        let minutes = Duration::from_secs((ahead.unsigned_abs().as_secs() + 30) / 60 * 60);
        let (by, than) = (format_duration(minutes), if ahead.is_positive() { "ahead of" } else { "behind" });
        clock::set_right(aws);
        errln!(
            "The clock of this machine is {by} {than} that of AWS, which takes no such call. This run goes by the \
             clock of AWS; set that of the machine right."
        );
    }
    is_wrong(signed)
}
