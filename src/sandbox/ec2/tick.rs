//! What happens in EC2 as time passes, and what compute has to say.

use jiff::Timestamp;

use super::super::compute::{Report, Wanted};
use super::super::state::State;

/// Makes what is due by `now` happen; when to look again.
pub fn tick(_state: &mut State, _now: Timestamp) -> Option<Timestamp> {
    None
}

/// What compute reported.
pub fn reported(_state: &mut State, _report: &Report, _now: Timestamp) {}

/// The machines and images that should be there.
pub fn wanted(_state: &State) -> Wanted {
    Wanted::default()
}
