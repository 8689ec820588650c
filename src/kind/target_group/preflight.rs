//! Checks that the clients of the old colour follow the weights, and that its requests end before the colour
//! does.

use std::time::Duration;

use crate::address::Address;
use crate::cloud::error::Error;
use crate::kind::elbv2::quotas;
use crate::kind::preflight::{Finding, Ground, seconds};
use crate::value::{Object, format_duration};

/// # Errors
/// When the account cannot be read.
pub(super) async fn look(ground: &Ground<'_>) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    for one in &ground.begins {
        let (address, targets) = (&one.targets.address, &one.targets.inputs);
        found.extend(sticky(address, targets));
        found.extend(one.retires_after.and_then(|after| drains_longer(address, targets, after)));
    }
    found.extend(quotas::look(ground).await?);
    Ok(found)
}

/// Checks for target stickiness. Its cookies keep clients on an instance for their lifetime, even in a colour
/// that is to get no more requests; stickiness of the rule follows the weights.
fn sticky(address: &Address, targets: &Object) -> Option<Finding> {
    let stickiness = targets.get("stickiness")?;
    (stickiness.get("enabled").as_bool() == Some(true)).then(|| Finding {
        address: address.clone(),
        refuses: false,
        message: "its stickiness holds clients on instances of the old colour after the shift, until their cookie ends"
            .to_owned(),
        help: "take `stickiness` away, or shorten its duration below the time that the old colour stands by".to_owned(),
        page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html",
    })
}

/// Compares the deregistration delay, for which a removed instance waits for its open requests, with the
/// retirement.
fn drains_longer(address: &Address, targets: &Object, after: Duration) -> Option<Finding> {
    let delay = Duration::from_secs(seconds(targets.get("deregistration_delay")?)?);
    (delay > after).then(|| Finding {
        address: address.clone(),
        refuses: false,
        message: format!(
            "its deregistration delay of {} is longer than the {} until the old colour is retired",
            format_duration(delay),
            format_duration(after)
        ),
        help: "raise `retire_after`, or lower `deregistration_delay` to what the longest request takes".to_owned(),
        page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;
    use crate::value::Value;

    #[test]
    fn clients_that_stay_and_requests_that_are_cut_off_are_told() {
        let address = Address::new("target_group", "web").with_key("green");
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        let seconds = Duration::from_secs;
        let sticks = members(object! { "stickiness" => object! { "enabled" => true } });
        assert!(sticky(&address, &sticks).is_some() && sticky(&address, &Object::new()).is_none());
        let slow = members(object! { "deregistration_delay" => Value::Duration(seconds(300)) });
        assert!(drains_longer(&address, &slow, seconds(60)).is_some());
        assert!(drains_longer(&address, &slow, seconds(600)).is_none());
    }
}
