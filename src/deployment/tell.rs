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
        End::WentBack { release, reason, stands: Some(stands) } => {
            format!("{name}: {release} was taken back; {stands} carries all traffic.\n  Why: {reason}")
        }
        End::WentBack { release, reason, stands: None } => format!(
            "{name}: {release}, the first release, did not go through, and there is none to go back to.\n  \
             Why: {reason}\n  What was made stands as it is; mend the cause and run `bgform apply` again."
        ),
        End::Held { release, reason } => format!(
            "{name}: {release} is held where it is.\n  Why: {reason}\n  `bgform apply` tries the failed step \
             again, `bgform promote` goes on, `bgform abort` goes back."
        ),
        End::Interrupted { release } => {
            format!("{name}: {release} was interrupted; `bgform apply` goes on from this step.")
        }
        End::Stuck { release, error } => format!(
            "{name}: {release} can go neither on nor back.\n  Why: {error}\n  Nothing more was tried; `bgform \
             apply` tries again from this step."
        ),
    }
}
