//! Fargate's offers: sizes of tasks, capacity providers, platform versions.

use serde_json::{Value, json};

use super::{client, invalid};
use crate::api::{Params, Refusal};

/// The newest platform version, the meaning of `LATEST`.
pub const PLATFORM: &str = "1.4.0";

/// Tells whether this is a capacity provider of Fargate.
pub fn provides(name: &str) -> bool {
    matches!(name, "FARGATE" | "FARGATE_SPOT")
}

/// An item of a capacity provider strategy, with its weights.
pub fn strategy_item(item: &Params) -> Value {
    json!({
        "capacityProvider": item.needed("capacityProvider"),
        "weight": item.number::<i64>("weight").unwrap_or(0),
        "base": item.number::<i64>("base").unwrap_or(0),
    })
}

/// `PlatformUnknownException` for an unknown version.
pub fn platform(version: Option<String>) -> Result<String, Refusal> {
    match version.as_deref() {
        None | Some("LATEST") => Ok("LATEST".to_owned()),
        Some("1.3.0" | PLATFORM) => Ok(version.unwrap_or_default()),
        Some(_) => {
            Err(Refusal::new("PlatformUnknownException", "The specified platform version does not exist."))
        }
    }
}

/// CPU units of `256`, `.25 vCPU` or `1 vCPU`.
pub fn cpu(text: &str) -> Result<u32, Refusal> {
    units(text, "vcpu", 1024.0).ok_or_else(|| client(format!("Invalid 'cpu' setting for task: {text}")))
}

/// MiB of `512`, `0.5 GB` or `1GB`.
pub fn memory(text: &str) -> Result<u32, Refusal> {
    units(text, "gb", 1024.0).ok_or_else(|| client(format!("Invalid 'memory' setting for task: {text}")))
}

fn units(text: &str, unit: &str, size: f64) -> Option<u32> {
    let lower = text.trim().to_lowercase();
    match lower.strip_suffix(unit) {
        None => lower.parse().ok().filter(|units| *units > 0),
        Some(number) => {
            let units = number.trim().parse::<f64>().ok()? * size;
            // Exact, since the sizes are few.
            let whole = format!("{units:.0}").parse().ok()?;
            (f64::from(whole) == units && whole > 0).then_some(whole)
        }
    }
}

/// Tells whether a size with this number of CPU units and MiB exists (API_RegisterTaskDefinition).
pub fn has(cpu: u32, memory: u32) -> bool {
    let steps = |from: u32, to: u32, step: u32| {
        (from * 1024..=to * 1024).contains(&memory) && (memory - from * 1024).is_multiple_of(step * 1024)
    };
    match cpu {
        256 => memory == 512 || steps(1, 2, 1),
        512 => steps(1, 4, 1),
        1024 => steps(2, 8, 1),
        2048 => steps(4, 16, 1),
        4096 => steps(8, 30, 1),
        8192 => steps(16, 60, 4),
        16384 => steps(32, 120, 8),
        _ => false,
    }
}

/// The launch of tasks: the launch type and the capacity provider of each. `InvalidParameterException` for a
/// strategy with a provider that the cluster does not have.
pub fn strategy(params: &Params, cluster: &super::Cluster) -> Result<(Option<String>, Value), Refusal> {
    let items = params.items("capacityProviderStrategy");
    let launch_type = params.given("launchType");
    if !items.is_empty() && launch_type.is_some() {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    let unknown = items.iter().map(|item| item.needed("capacityProvider"));
    if let Some(unknown) = unknown.into_iter().find(|name| !cluster.providers.contains(name)) {
        return Err(invalid(format!(
            "The specified capacity provider '{unknown}' was not found in the cluster."
        )));
    }
    let own: Value = items.iter().map(strategy_item).collect();
    Ok(match (items.is_empty(), launch_type) {
        (false, _) => (None, own),
        (true, Some(kind)) => (Some(kind), json!([])),
        (true, None) if cluster.strategy.as_array().is_some_and(|items| !items.is_empty()) => {
            (None, cluster.strategy.clone())
        }
        (true, None) => (Some("EC2".to_owned()), json!([])),
    })
}

/// The provider of the n-th task by a strategy: bases first, then by weights.
pub fn provider(strategy: &Value, number: usize) -> Option<String> {
    let items = strategy.as_array()?;
    let of = |item: &Value, name: &str| {
        item.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    };
    let mut slots = Vec::new();
    for item in items {
        slots.extend(std::iter::repeat_n(item, of(item, "base").min(1000)));
    }
    let bases = slots.len();
    for item in items {
        slots.extend(std::iter::repeat_n(item, of(item, "weight").min(1000)));
    }
    let weights = slots.len() - bases;
    let chosen = match number < bases {
        true => slots.get(number),
        false if weights > 0 => slots.get(bases + (number - bases) % weights),
        false => slots.first(),
    };
    chosen.copied().or(items.first())?.get("capacityProvider")?.as_str().map(str::to_owned)
}
