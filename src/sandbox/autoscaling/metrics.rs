//! Which metrics a group is asked to publish: remembered, not published.

use serde_json::{Value, json};

use super::changed_group;
use crate::api::{Actions, Call, Params, Refusal};

/// The group metrics (API_EnableMetricsCollection).
const METRICS: [&str; 20] = [
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
    "GroupInServiceCapacity",
    "GroupPendingCapacity",
    "GroupStandbyCapacity",
    "GroupTerminatingCapacity",
    "GroupTotalCapacity",
    "WarmPoolDesiredCapacity",
    "WarmPoolWarmedCapacity",
    "WarmPoolPendingCapacity",
    "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity",
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
];

/// The calls about group metrics, by name.
pub const ACTIONS: Actions = &[
    ("DescribeMetricCollectionTypes", types),
    ("DisableMetricsCollection", disable),
    ("EnableMetricsCollection", enable),
];

/// Without names all are meant (API_EnableMetricsCollection).
fn asked(params: &Params) -> Result<Vec<String>, Refusal> {
    let named = params.texts("Metrics");
    match named.iter().find(|name| !METRICS.contains(&name.as_str())) {
        Some(unknown) => Err(Refusal::validation(format!("{unknown} is not a valid metric."))),
        None if named.is_empty() => Ok(METRICS.iter().map(|name| (*name).to_owned()).collect()),
        None => Ok(named),
    }
}

fn enable(call: &mut Call) -> Result<Value, Refusal> {
    let granularity = call.params.needed("Granularity");
    if granularity != "1Minute" {
        return Err(Refusal::validation(format!("{granularity} is not a valid granularity.")));
    }
    let names = asked(call.params)?;
    changed_group(call.state, call.params)?.metrics.extend(names);
    Ok(json!({}))
}

fn disable(call: &mut Call) -> Result<Value, Refusal> {
    let names = asked(call.params)?;
    changed_group(call.state, call.params)?.metrics.retain(|name| !names.contains(name));
    Ok(json!({}))
}

fn types(_call: &mut Call) -> Result<Value, Refusal> {
    let metrics: Vec<Value> = METRICS.iter().map(|name| json!({ "Metric": name })).collect();
    Ok(json!({ "Metrics": metrics, "Granularities": [{ "Granularity": "1Minute" }] }))
}
