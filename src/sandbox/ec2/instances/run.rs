//! RunInstances.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::new_id;
use super::super::launch::{self, Launch};
use super::shown;

/// API_RunInstances: as many as there is room for, up to `MaxCount`, or none if there is no room for
/// `MinCount`.
pub fn run(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let least: u32 = params.number("MinCount").ok_or_else(|| Refusal::missing("MinCount"))?;
    let most: u32 = params.number("MaxCount").ok_or_else(|| Refusal::missing("MaxCount"))?;
    if least == 0 || most == 0 {
        let name = if least == 0 { "minCount" } else { "maxCount" };
        return Err(Refusal::value(format!(
            "Value (0) for parameter {name} is invalid. Minimum value is 1."
        )));
    }
    if least > most {
        return Err(Refusal::value(format!(
            "Value ({least}) for parameter minCount is invalid. Must be less than or equal to maxCount."
        )));
    }
    // The default quota of running instances is smaller; this only bounds one call.
    if most > 1000 {
        let message =
            format!("You have requested more instances ({most}) than your current instance limit allows.");
        return Err(Refusal::new("InstanceLimitExceeded", message));
    }
    let asked = with_template(call)?;
    if asked.private_address.is_some() && most > 1 {
        let message = "When specifying a private IP address only one instance can be launched.";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    let reservation = new_id("r");
    let mut ids = Vec::new();
    for index in 0..most {
        let one = Launch { reservation: Some((reservation.clone(), index)), ..asked.clone() };
        match launch::launch(call.state, &one, call.now) {
            Ok(id) => ids.push(id),
            Err(refusal) if refusal.code.starts_with("Insufficient") && index >= least => break,
            Err(refusal) => return Err(refusal),
        }
    }
    let instances = ids.iter().filter_map(|id| call.state.ec2.instances.get(id));
    let instances: Vec<Value> = instances.map(|one| shown::shown(call.state, one)).collect();
    Ok(json!({
        "reservationId": reservation, "ownerId": call.state.account, "groupSet": [], "instancesSet": instances,
    }))
}

/// The request, over the launch template that it names.
fn with_template(call: &Call) -> Result<Launch, Refusal> {
    let own = launch::read(call.params)?;
    let Some(template) = call.params.child("LaunchTemplate") else { return Ok(own) };
    let (id, name) = (template.text("LaunchTemplateId"), template.text("LaunchTemplateName"));
    let template_name = match (id, name) {
        (Some(_), Some(_)) => {
            return Err(Refusal::new(
                "InvalidParameterCombination",
                "The parameter launchTemplateId cannot be used with the parameter launchTemplateName",
            ));
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(Refusal::missing("LaunchTemplateId or LaunchTemplateName")),
    };
    let version = template.text("Version").unwrap_or_else(|| "$Default".to_owned());
    let (base, _) = launch::from_template(call.state, &template_name, &version)?;
    Ok(own.over(base))
}
