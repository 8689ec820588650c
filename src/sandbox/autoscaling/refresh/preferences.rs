//! The preferences of a refresh (API_RefreshPreferences).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Params, Refusal};
use crate::autoscaling::group::Group;

/// Preferences with their defaults (user guide, understand-instance-refresh-default-values).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub min_healthy: i64,
    /// `None` differs from 100: an instance is terminated and its replacement launched at once.
    pub max_healthy: Option<i64>,
    /// Seconds, as all times here.
    pub warmup: Option<i64>,
    pub checkpoints: Vec<i64>,
    pub checkpoint_delay: i64,
    pub skip_matching: bool,
    pub auto_rollback: bool,
    /// `Refresh`, `Ignore`, `Wait`.
    pub protected: String,
    /// `Terminate`, `Ignore`, `Wait`.
    pub standby: String,
    pub bake: Option<i64>,
    pub alarms: Vec<String>,
}

impl Preferences {
    pub fn read(group: &Group, params: Option<Params>) -> Result<Self, Refusal> {
        let params = params.unwrap_or_default();
        let maintenance = group.kept.get("InstanceMaintenancePolicy").cloned().map(Params::from_json);
        let maintained = |name: &str| maintenance.as_ref().and_then(|policy| policy.number::<i64>(name));
        let own_min = params.number::<i64>("MinHealthyPercentage");
        let own_max = params.number::<i64>("MaxHealthyPercentage");
        if own_max.is_some() && own_min.is_none() {
            return Err(Refusal::validation(
                "You must specify MinHealthyPercentage if you specify MaxHealthyPercentage.",
            ));
        }
        let min_healthy = own_min.or(maintained("MinHealthyPercentage")).unwrap_or(90);
        let max_healthy = match own_min {
            Some(_) => own_max,
            None => maintained("MaxHealthyPercentage"),
        };
        if max_healthy.is_some_and(|max| max - min_healthy > 100) {
            return Err(Refusal::validation(
                "The difference between MaxHealthyPercentage and MinHealthyPercentage cannot be greater than 100.",
            ));
        }
        let checkpoints = checkpoints(&params)?;
        let delay = params.number::<i64>("CheckpointDelay");
        if delay.is_some() && checkpoints.is_empty() {
            return Err(Refusal::validation(
                "You must specify CheckpointPercentages if you specify CheckpointDelay.",
            ));
        }
        let protected = params.text("ScaleInProtectedInstances").unwrap_or("Wait".to_owned());
        let standby = params.text("StandbyInstances").unwrap_or("Wait".to_owned());
        Ok(Self {
            min_healthy,
            max_healthy,
            warmup: params.number::<i64>("InstanceWarmup"),
            checkpoints,
            checkpoint_delay: delay.unwrap_or(3600),
            skip_matching: params.flag("SkipMatching").unwrap_or(false),
            auto_rollback: params.flag("AutoRollback").unwrap_or(false),
            protected,
            standby,
            bake: params.number::<i64>("BakeTime"),
            alarms: params.child("AlarmSpecification").map(|one| one.texts("Alarms")).unwrap_or_default(),
        })
    }

    pub fn shown(&self) -> Value {
        let checkpoints = (!self.checkpoints.is_empty()).then_some(&self.checkpoints);
        json!({
            "MinHealthyPercentage": self.min_healthy,
            "MaxHealthyPercentage": self.max_healthy,
            "InstanceWarmup": self.warmup,
            "CheckpointPercentages": checkpoints,
            "CheckpointDelay": checkpoints.map(|_| self.checkpoint_delay),
            "SkipMatching": self.skip_matching,
            "AutoRollback": self.auto_rollback,
            "ScaleInProtectedInstances": self.protected,
            "StandbyInstances": self.standby,
            "AlarmSpecification": (!self.alarms.is_empty()).then(|| json!({ "Alarms": self.alarms })),
            "BakeTime": self.bake,
        })
    }
}

/// In ascending order, each one once.
fn checkpoints(params: &Params) -> Result<Vec<i64>, Refusal> {
    let texts = params.texts("CheckpointPercentages");
    let numbers: Option<Vec<i64>> = texts.iter().map(|text| text.parse().ok()).collect();
    let fits = |numbers: &Vec<i64>| {
        numbers.iter().all(|number| (1..=100).contains(number))
            && numbers.is_sorted_by(|one, next| one < next)
    };
    numbers.filter(fits).ok_or_else(|| {
        Refusal::validation("CheckpointPercentages must be unique numbers from 1 to 100 in ascending order.")
    })
}
