//! The ends of rollouts, in words.

use super::run::{End, Ended};

/// The last lines about one rollout.
pub fn tell(ended: &Ended) -> String {
    let name = &ended.name;
    match &ended.end {
        End::Shipped { release, colour, retires: Some(retirement) } => format!(
            "{name}: {release} is live on {colour}. {} stands by until {:.0} (`bgform rollback` goes back with one change of weights).",
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
        End::GivenUp { release, stands } => {
            format!("{name}: {release} is given up; {stands} carries all traffic.")
        }
        End::Retired { colour, was_empty: true, .. } => format!("{name}: {colour} is empty already."),
        End::Retired { release, colour, .. } => {
            format!("{name}: {colour} with {release} is emptied; `bgform rollback` would raise it again.")
        }
        End::Held { release, reason } => format!(
            "{name}: {release} is held where it is.\n  Why: {reason}\n  Traffic: {}.\n  `bgform apply` tries the failed step \
             again{}",
            ended.traffic,
            match &ended.closed {
                Some(gate) => format!("; gate \"{gate}\" has passed, and there is no way back from it."),
                None => ", `bgform promote` goes on, `bgform abort` goes back.".to_owned(),
            }
        ),
        End::Interrupted { release } => {
            format!("{name}: {release} was interrupted; `bgform apply` goes on from this step.")
        }
        End::Waits { release, needs } => format!(
            "{name}: {release} waits for `{needs}`, which was not made or changed.\n  Traffic: {}.\n  Mend that; \
             `bgform apply` goes on with both.",
            ended.traffic
        ),
        End::Stuck { release, error } if error.is_locked_out() => format!(
            "{name}: {release} stands where it is.\n  Why: {error}\n  Traffic, as far as is known: {}.\n  Log in again \
             and run the same command: it goes on from this step.",
            ended.traffic
        ),
        End::Stuck { release, error } => format!(
            "{name}: {release} can go neither on nor back.\n  Why: {error}\n  Traffic, as far as is known: {}.\n  \
             Nothing more was tried. `bgform status` asks AWS who has the traffic; `bgform apply` \
             tries again from this step{}",
            ended.traffic,
            match &ended.closed {
                Some(gate) => format!("; gate \"{gate}\" has passed, and there is no way back from it."),
                None => ", `bgform abort` tries to go back.".to_owned(),
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::run::Failure;

    fn told(end: End, closed: Option<&str>) -> String {
        let traffic = "1.0 on blue 75%, 2.0 on green 25%".to_owned();
        tell(&Ended { name: "web".to_owned(), end, traffic, closed: closed.map(str::to_owned) })
    }

    #[test]
    fn who_is_stuck_says_who_has_the_traffic() {
        let error = Failure::Asked { reason: "no".to_owned() };
        let said = told(End::Stuck { release: "2.0".to_owned(), error }, None);
        assert!(said.contains("Traffic, as far as is known: 1.0 on blue 75%, 2.0 on green 25%."), "{said}");
        assert!(said.contains("`bgform abort` tries to go back"), "{said}");
    }

    #[test]
    fn abort_is_not_offered_where_there_is_no_way_back() {
        let held = || End::Held { release: "2.0".to_owned(), reason: "no".to_owned() };
        assert!(told(held(), None).contains("`bgform abort` goes back."));
        let said = told(held(), Some("contract"));
        assert!(!said.contains("abort") && said.contains("gate \"contract\" has passed"), "{said}");
    }
}
