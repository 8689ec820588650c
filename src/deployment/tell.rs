//! How rollouts ended, in words.

use super::run::{End, Ended};

/// The last lines about one rollout.
pub fn tell(ended: &Ended) -> String {
    let name = &ended.name;
    match &ended.end {
        End::Shipped { release, colour, retires: Some(retirement) } => format!(
            "{name}: {release} is live on {colour}. {} stands by until {:.0} (`bgform rollback` goes back with one rule change).",
            retirement.colour, retirement.at
        ),
        End::Shipped { release, colour, retires: None } => format!("{name}: {release} is live on {colour}."),
        End::WentBack { release, reason } => {
            format!("{name}: {release} was taken back: {reason}. The old release carries all traffic.")
        }
        End::Held { release, reason } => format!(
            "{name}: {release} is held where it is: {reason}. `bgform promote` goes on, `bgform abort` goes back."
        ),
        End::Interrupted { release } => {
            format!("{name}: {release} was interrupted; `bgform apply` goes on from this step.")
        }
        End::Stuck { release, error } => format!(
            "{name}: {release} could neither go on nor back: {error}. Nothing more was tried; `bgform apply` tries again."
        ),
    }
}
