//! Clusters: the names that group services and tasks.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::service::Standing;
use super::task::Status;
use super::{invalid, last, missing, paged, tags};
use crate::api::{Actions, Call, Params, Refusal};
use crate::state::State;

/// The calls about clusters, by name.
pub const ACTIONS: Actions = &[
    ("CreateCluster", create),
    ("DeleteCluster", delete),
    ("DescribeClusters", describe),
    ("ListClusters", list),
    ("PutClusterCapacityProviders", put_providers),
    ("UpdateCluster", update),
    ("UpdateClusterSettings", update),
];

/// A cluster; a deleted one can still be described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub arn: String,
    pub active: bool,
    /// `FARGATE`, `FARGATE_SPOT`.
    pub providers: Vec<String>,
    /// `defaultCapacityProviderStrategy`
    pub strategy: Value,
    /// As they were given.
    pub settings: Value,
    pub configuration: Option<Value>,
    pub connect: Option<Value>,
}

fn not_found() -> Refusal {
    Refusal::new("ClusterNotFoundException", "Cluster not found.")
}

/// The cluster that a call names; `default` if it names none.
pub fn asked(state: &State, params: &Params) -> Result<Cluster, Refusal> {
    let named = params.given("cluster").unwrap_or_else(|| "default".to_owned());
    let cluster = find(state, &named).filter(|cluster| cluster.active);
    cluster.cloned().ok_or_else(not_found)
}

fn find<'a>(state: &'a State, named: &str) -> Option<&'a Cluster> {
    let cluster = state.ecs.clusters.get(last(named))?;
    (!named.contains(':') || cluster.arn == named).then_some(cluster)
}

/// The providers and the default strategy of a call, which are Fargate's.
fn providers(params: &Params) -> Result<(Vec<String>, Value), Refusal> {
    let providers = params.texts("capacityProviders");
    let strategy = params.items("defaultCapacityProviderStrategy");
    if let Some(unknown) = providers.iter().find(|name| !super::fargate::provides(name)) {
        return Err(invalid(format!("The specified capacity provider '{unknown}' was not found.")));
    }
    if let Some(other) =
        strategy.iter().map(|one| one.needed("capacityProvider")).find(|one| !providers.contains(one))
    {
        return Err(invalid(format!(
            "The specified capacity provider '{other}' is not associated with the cluster."
        )));
    }
    let strategy = strategy.iter().map(super::fargate::strategy_item).collect();
    Ok((providers, strategy))
}

fn create(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let name = params.given("clusterName").unwrap_or_else(|| "default".to_owned());
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.len() > 255 || !name.chars().all(plain) {
        return Err(invalid("Invalid cluster name."));
    }
    if let Some(there) = find(call.state, &name).filter(|cluster| cluster.active) {
        // A repeated creation leaves it unchanged.
        return Ok(json!({ "cluster": shown(call.state, there, &["TAGS".to_owned()]) }));
    }
    let (providers, strategy) = providers(params)?;
    let cluster = Cluster {
        arn: call.state.arn("ecs", &format!("cluster/{name}")),
        name: name.clone(),
        active: true,
        providers,
        strategy,
        settings: params
            .value()
            .get("settings")
            .cloned()
            .unwrap_or_else(|| json!([{ "name": "containerInsights", "value": "disabled" }])),
        configuration: params.value().get("configuration").cloned(),
        connect: params.value().get("serviceConnectDefaults").cloned(),
    };
    tags::set(call.state, &cluster.arn, tags::read(params)?);
    call.state.ecs.clusters.insert(name, cluster.clone());
    let all = ["TAGS", "SETTINGS", "CONFIGURATIONS"].map(str::to_owned);
    Ok(json!({ "cluster": shown(call.state, &cluster, &all) }))
}

fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let named = call.params.needed("cluster");
    let mut cluster = find(call.state, &named).cloned().ok_or_else(not_found)?;
    let ecs = &call.state.ecs;
    let here = |other: &str| other == cluster.name;
    if ecs.services.values().any(|one| here(&one.cluster) && one.standing != Standing::Inactive) {
        let text = "The Cluster cannot be deleted while Services are active.";
        return Err(Refusal::new("ClusterContainsServicesException", text));
    }
    if ecs.tasks.values().any(|one| here(&one.cluster) && one.status != Status::Stopped) {
        let text = "The Cluster cannot be deleted while Tasks are active.";
        return Err(Refusal::new("ClusterContainsTasksException", text));
    }
    cluster.active = false;
    call.state.ecs.tags.remove(&cluster.arn);
    call.state.ecs.clusters.insert(cluster.name.clone(), cluster.clone());
    Ok(json!({ "cluster": shown(call.state, &cluster, &[]) }))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let mut asked = call.params.texts("clusters");
    if asked.is_empty() {
        asked.push("default".to_owned());
    }
    let include = call.params.texts("include");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for named in asked {
        match find(call.state, &named) {
            Some(cluster) => found.push(shown(call.state, cluster, &include)),
            None => {
                failures.push(missing(&call.state.arn("ecs", &format!("cluster/{}", last(&named)))));
            }
        }
    }
    Ok(json!({ "clusters": found, "failures": failures }))
}

fn list(call: &mut Call) -> Result<Value, Refusal> {
    let active = call.state.ecs.clusters.values().filter(|cluster| cluster.active);
    paged(call.params, "clusterArns", active.map(|cluster| json!(cluster.arn)).collect())
}

fn put_providers(call: &mut Call) -> Result<Value, Refusal> {
    let cluster = asked(call.state, call.params)?;
    let (providers, strategy) = providers(call.params)?;
    keep(call, Cluster { providers, strategy, ..cluster }, &[])
}

fn update(call: &mut Call) -> Result<Value, Refusal> {
    let mut cluster = asked(call.state, call.params)?;
    let given = |name: &str| call.params.value().get(name).cloned();
    cluster.settings = given("settings").unwrap_or(cluster.settings);
    cluster.configuration = given("configuration").or(cluster.configuration);
    cluster.connect = given("serviceConnectDefaults").or(cluster.connect);
    keep(call, cluster, &["SETTINGS", "CONFIGURATIONS"])
}

fn keep(call: &mut Call, cluster: Cluster, include: &[&str]) -> Result<Value, Refusal> {
    call.state.ecs.clusters.insert(cluster.name.clone(), cluster.clone());
    let include: Vec<String> = include.iter().map(|one| (*one).to_owned()).collect();
    Ok(json!({ "cluster": shown(call.state, &cluster, &include) }))
}

fn shown(state: &State, cluster: &Cluster, include: &[String]) -> Value {
    let ecs = &state.ecs;
    let count = |is: fn(Status) -> bool| {
        ecs.tasks.values().filter(|task| task.cluster == cluster.name && is(task.status)).count()
    };
    let services = ecs.services.values().filter(|one| one.cluster == cluster.name);
    let with = |name: &str| include.iter().any(|one| one == name);
    json!({
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": if cluster.active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": count(|status| status == Status::Running),
        "pendingTasksCount": count(Status::pending),
        "activeServicesCount": services.filter(|one| one.standing == Standing::Active).count(),
        "statistics": [],
        "tags": if with("TAGS") { tags::of(state, &cluster.arn) } else { json!([]) },
        "settings": if with("SETTINGS") { cluster.settings.clone() } else { json!([]) },
        "configuration": with("CONFIGURATIONS").then_some(&cluster.configuration),
        "capacityProviders": cluster.providers,
        "defaultCapacityProviderStrategy": cluster.strategy,
        "serviceConnectDefaults": cluster.connect,
    })
}
