//! `ecs_cluster`: the name that groups services and tasks. CreateCluster with the name of an existing cluster
//! answers that one and no error (API_CreateCluster), so that bgform looks before it creates.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_ecs::types as t;
use serde::Deserialize;

use super::answers::{Members, deleted, list, outputs, pages};
use super::ecs::{self, NAME, Provider, SERVICE, built};
use super::schema::{Schema, Type, Wrong, attribute, output, tags_attribute};
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::{Class, CloudError, Error};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{ADDRESS_TAG, OPERATION_TAG, Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

pub struct EcsCluster;

/// Maximum number of clusters in a describe call ([model] DescribeClusters).
const HUNDRED: usize = 100;
/// Maximum time until the last tasks of a cluster have stopped: longer than the longest stop of a container
/// (120 s on Fargate) and deregistration delay (3600 s).
const LET_GO: Duration = Duration::from_secs(75 * 60);
const INSIGHTS: &str = "containerInsights";

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    container_insights: Option<String>,
    execute_command: Option<ExecuteCommand>,
    storage_kms_key: Option<String>,
    fargate_storage_kms_key: Option<String>,
    #[serde(default)]
    capacity_providers: Vec<String>,
    #[serde(default)]
    default_capacity_provider: Vec<Provider>,
    service_connect_namespace: Option<String>,
    tags: Tags,
}

#[derive(Debug, Deserialize)]
struct ExecuteCommand {
    kms_key: Option<String>,
    logging: Option<String>,
    log_group: Option<String>,
    log_group_encrypted: Option<bool>,
    bucket: Option<String>,
    bucket_encrypted: Option<bool>,
    bucket_prefix: Option<String>,
}

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "ecs_cluster",
    doc: "A group of services and tasks of ECS, and what they run on.",
    attributes: vec![
        attribute("name", Type::String { max: NAME }, "Its name; made from the stack's if not given.")
            .rule(|name| ecs::name("a cluster's name", name))
            .replaces()
            .api(&["cluster_name"]),
        attribute(
            "container_insights",
            Type::Choice(&["enhanced", "enabled", "disabled"]),
            "CloudWatch Container Insights; the account's setting if not given.",
        )
        .api(&["settings"]),
        attribute("execute_command", Type::Block(execute_command()), "Sessions of ECS Exec.")
            .api(&["configuration"]),
        attribute("storage_kms_key", Type::string(), "The KMS key of volumes that ECS manages.")
            .api(&["configuration"]),
        attribute("fargate_storage_kms_key", Type::string(), "The KMS key of Fargate's ephemeral storage.")
            .api(&["configuration"]),
        attribute(
            "capacity_providers",
            Type::string().set(),
            "`FARGATE`, `FARGATE_SPOT`, or names of your own.",
        ),
        attribute(
            "default_capacity_provider",
            ecs::strategy_blocks(),
            "What tasks run on where neither a launch type nor a strategy is given.",
        )
        .api(&["default_capacity_provider_strategy"]),
        attribute("service_connect_namespace", Type::string(), "The default namespace of Service Connect.")
            .api(&["service_connect_defaults"]),
        tags_attribute(&["tags"]),
    ],
    outputs: vec![output("id", "The ARN."), output("arn", "The ARN."), output("name", "The name.")],
    not_offered: &[],
    unique: &["name"],
});

fn execute_command() -> Vec<super::schema::Attribute> {
    vec![
        attribute("kms_key", Type::string(), "The KMS key that encrypts a session."),
        attribute(
            "logging",
            Type::Choice(&["NONE", "DEFAULT", "OVERRIDE"]),
            "Where sessions are logged: nowhere, where the container logs, or as the rest of the block says.",
        ),
        attribute("log_group", Type::string(), "The log group of OVERRIDE."),
        attribute("log_group_encrypted", Type::Bool, "Whether these logs are encrypted."),
        attribute("bucket", Type::string(), "The S3 bucket of OVERRIDE."),
        attribute("bucket_encrypted", Type::Bool, "Whether these logs are encrypted."),
        attribute("bucket_prefix", Type::string(), "The folder in the bucket."),
    ]
}

impl Spec {
    fn settings(&self) -> Option<Vec<t::ClusterSetting>> {
        let value = self.container_insights.as_deref()?;
        let setting = t::ClusterSetting::builder().name(t::ClusterSettingName::ContainerInsights);
        Some(vec![setting.value(value).build()])
    }

    fn configuration(&self) -> Option<t::ClusterConfiguration> {
        let storage = (self.storage_kms_key.is_some() || self.fargate_storage_kms_key.is_some()).then(|| {
            t::ManagedStorageConfiguration::builder()
                .set_kms_key_id(self.storage_kms_key.clone())
                .set_fargate_ephemeral_storage_kms_key_id(self.fargate_storage_kms_key.clone())
                .build()
        });
        let execute = self.execute_command.as_ref().map(ExecuteCommand::configuration);
        (storage.is_some() || execute.is_some()).then(|| {
            let configuration = t::ClusterConfiguration::builder();
            configuration
                .set_managed_storage_configuration(storage)
                .set_execute_command_configuration(execute)
                .build()
        })
    }

    fn connect(&self) -> Result<Option<t::ClusterServiceConnectDefaultsRequest>, Error> {
        let request =
            |name: &String| built(t::ClusterServiceConnectDefaultsRequest::builder().namespace(name).build());
        self.service_connect_namespace.as_ref().map(request).transpose()
    }
}

impl ExecuteCommand {
    fn configuration(&self) -> t::ExecuteCommandConfiguration {
        let logs = (self.log_group.is_some() || self.bucket.is_some()).then(|| {
            t::ExecuteCommandLogConfiguration::builder()
                .set_cloud_watch_log_group_name(self.log_group.clone())
                .set_cloud_watch_encryption_enabled(self.log_group_encrypted)
                .set_s3_bucket_name(self.bucket.clone())
                .set_s3_encryption_enabled(self.bucket_encrypted)
                .set_s3_key_prefix(self.bucket_prefix.clone())
                .build()
        });
        t::ExecuteCommandConfiguration::builder()
            .set_kms_key_id(self.kms_key.clone())
            .set_logging(self.logging.as_deref().map(t::ExecuteCommandLogging::from))
            .set_log_configuration(logs)
            .build()
    }
}

/// Active clusters by ARN or name, with all that is told of them. Missing and deleted ones are left out.
pub async fn described(cloud: &Cloud, ids: &[String]) -> Result<Vec<t::Cluster>, Error> {
    let mut found = Vec::new();
    for some in ids.chunks(HUNDRED) {
        let answer = cloud
            .read(SERVICE, "DescribeClusters", || {
                cloud
                    .ecs
                    .describe_clusters()
                    .set_clusters(Some(some.to_vec()))
                    .include(t::ClusterField::Tags)
                    .include(t::ClusterField::Settings)
                    .include(t::ClusterField::Configurations)
                    .send()
            })
            .await?;
        let answered = answer.clusters.unwrap_or_default().into_iter();
        found.extend(answered.filter(|one| one.status() != Some("INACTIVE")));
    }
    Ok(found)
}

/// The ARNs of all clusters of the region.
pub async fn all(cloud: &Cloud) -> Result<Vec<String>, Error> {
    pages(|token| async move {
        let send = || cloud.ecs.list_clusters().set_next_token(token.clone()).send();
        let page = cloud.read(SERVICE, "ListClusters", send).await?;
        Ok((page.cluster_arns, page.next_token))
    })
    .await
}

fn live_cluster(one: &t::Cluster) -> Live {
    let configuration = one.configuration();
    let storage = configuration.and_then(|one| one.managed_storage_configuration());
    let insights = one.settings().iter().find(|one| one.name().is_some_and(|name| name.as_str() == INSIGHTS));
    let namespace = one.service_connect_defaults().and_then(|one| one.namespace());
    let mut inputs = Members::new();
    inputs
        .set("name", one.cluster_name())
        .set("container_insights", insights.and_then(|one| one.value()))
        .set(
            "execute_command",
            configuration.and_then(|one| one.execute_command_configuration()).map(execute_value),
        )
        .set("storage_kms_key", storage.and_then(|one| one.kms_key_id()))
        .set("fargate_storage_kms_key", storage.and_then(|one| one.fargate_ephemeral_storage_kms_key_id()))
        .set("capacity_providers", list(one.capacity_providers()))
        .set("default_capacity_provider", ecs::strategy_value(one.default_capacity_provider_strategy()))
        // Answered as the ARN where it was given as a name.
        .set("service_connect_namespace", namespace)
        .set("tags", ecs::declared_tags(one.tags()));
    let arn = || Value::from(one.cluster_arn());
    let outputs = outputs([("id", arn()), ("arn", arn()), ("name", one.cluster_name().into())]);
    Live { inputs: inputs.take(), outputs }
}

fn execute_value(one: &t::ExecuteCommandConfiguration) -> Object {
    let logs = one.log_configuration();
    let mut members = Members::new();
    members
        .set("kms_key", one.kms_key_id())
        .set("logging", one.logging().map(|word| word.as_str()))
        .set("log_group", logs.and_then(|logs| logs.cloud_watch_log_group_name()))
        .set("log_group_encrypted", logs.map(|logs| logs.cloud_watch_encryption_enabled()))
        .set("bucket", logs.and_then(|logs| logs.s3_bucket_name()))
        .set("bucket_encrypted", logs.map(|logs| logs.s3_encryption_enabled()))
        .set("bucket_prefix", logs.and_then(|logs| logs.s3_key_prefix()));
    members.take()
}

fn is_ours(op: &Operation<'_>, cluster: &t::Cluster) -> bool {
    ecs::pairs(cluster.tags()).get(OPERATION_TAG) == Some(&op.id)
}

async fn named(cloud: &Cloud, name: &str) -> Result<Option<t::Cluster>, Error> {
    Ok(described(cloud, &[name.to_owned()]).await?.into_iter().next())
}

impl Kind for EcsCluster {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &["ecs:DescribeClusters", "ecs:ListClusters"],
            write: &[
                "ecs:CreateCluster",
                "ecs:DeleteCluster",
                "ecs:PutClusterCapacityProviders",
                "ecs:TagResource",
                "ecs:UntagResource",
                "ecs:UpdateCluster",
                "iam:CreateServiceLinkedRole",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(NAME));
        if let Some(there) = named(op.cloud, &name).await? {
            let owner = ecs::pairs(there.tags()).remove(ADDRESS_TAG);
            return match is_ours(op, &there) {
                true => Ok(there.cluster_arn.unwrap_or_default()),
                false => Err(taken(&name, owner)),
            };
        }
        let create = op
            .cloud
            .ecs
            .create_cluster()
            .cluster_name(&name)
            .set_settings(spec.settings())
            .set_configuration(spec.configuration())
            .set_capacity_providers(Some(spec.capacity_providers.clone()).filter(|all| !all.is_empty()))
            .set_default_capacity_provider_strategy(
                Some(Provider::strategy(&spec.default_capacity_provider)?).filter(|all| !all.is_empty()),
            )
            .set_service_connect_defaults(spec.connect()?)
            .set_tags(Some(ecs::sdk_tags(&op.tags(&spec.tags))));
        let answer = op.call(SERVICE, "CreateCluster", Repeat::Safe, || create.clone().send()).await?;
        Ok(answer.cluster.and_then(|one| one.cluster_arn).unwrap_or_default())
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let ids: Vec<String> = wanted.iter().map(|one| one.id.to_owned()).collect();
        let found = described(cloud, &ids).await?;
        Ok(found
            .iter()
            .map(|one| (one.cluster_arn().unwrap_or_default().to_owned(), live_cluster(one)))
            .collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let (ecs, after) = (&op.cloud.ecs, &update.after);
        let configured = ["execute_command", "storage_kms_key", "fargate_storage_kms_key"];
        let told = ["container_insights", "service_connect_namespace"];
        if update.touches_any(&configured) || update.touches_any(&told) {
            let settings = || {
                let setting = t::ClusterSetting::builder().name(t::ClusterSettingName::ContainerInsights);
                vec![setting.value(after.container_insights.as_deref().unwrap_or("disabled")).build()]
            };
            let empty = || t::ClusterConfiguration::builder().build();
            // An empty name takes the default namespace away (API_UpdateCluster).
            let none = built(t::ClusterServiceConnectDefaultsRequest::builder().namespace("").build())?;
            let connect = after.connect()?.unwrap_or(none);
            let change = ecs
                .update_cluster()
                .cluster(update.id)
                .set_settings(update.touches("container_insights").then(settings))
                .set_configuration(
                    update.touches_any(&configured).then(|| after.configuration().unwrap_or_else(empty)),
                )
                .set_service_connect_defaults(update.touches("service_connect_namespace").then_some(connect));
            op.call(SERVICE, "UpdateCluster", Repeat::Safe, || change.clone().send()).await?;
        }
        if update.touches_any(&["capacity_providers", "default_capacity_provider"]) {
            let change = ecs
                .put_cluster_capacity_providers()
                .cluster(update.id)
                .set_capacity_providers(Some(after.capacity_providers.clone()))
                .set_default_capacity_provider_strategy(Some(Provider::strategy(
                    &after.default_capacity_provider,
                )?));
            op.call(SERVICE, "PutClusterCapacityProviders", Repeat::Safe, || change.clone().send()).await?;
        }
        if update.touches("tags") {
            ecs::retag(op, update.id, &update.before.tags, &after.tags).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let delete = op.cloud.ecs.delete_cluster().cluster(&record.id);
        let look = || async {
            deleted(op.call(SERVICE, "DeleteCluster", Repeat::Safe, || delete.clone().send()).await)
        };
        op.wait("no service or task is in the cluster", LET_GO, look).await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = spec.name.unwrap_or_else(|| op.name(NAME));
        let there = named(op.cloud, &name).await?.filter(|there| is_ours(op, there));
        Ok(there.and_then(|one| one.cluster_arn))
    }

    fn check(&self, inputs: &Object) -> Vec<Wrong> {
        let mut wrong = ecs::strategy_mistakes("default_capacity_provider", inputs);
        let providers = inputs.get("capacity_providers").and_then(Value::as_list);
        let names = |all: &[Value]| -> Vec<String> {
            all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let known = providers.is_none_or(|all| all.iter().all(|one| one.find_unknown().is_none()));
        let providers = names(providers.unwrap_or_default());
        let used = inputs.get("default_capacity_provider").and_then(Value::as_list).unwrap_or_default();
        let used: Vec<Value> = used.iter().map(|one| one.get("provider").clone()).collect();
        // [model] CreateCluster: a provider is associated with the cluster before its strategy names it.
        if let Some(other) = names(&used).into_iter().find(|one| known && !providers.contains(one)) {
            wrong.push((
                "default_capacity_provider",
                format!("the default strategy names `{other}`, which is no capacity provider of the cluster"),
                format!("write `capacity_providers = [\"{other}\"]`"),
            ));
        }
        let execute = inputs.get("execute_command").unwrap_or(&Value::Null);
        let named = !execute.get("log_group").is_null() || !execute.get("bucket").is_null();
        let logging = execute.get("logging");
        if !execute.is_null()
            && logging.find_unknown().is_none()
            && (logging.as_str() == Some("OVERRIDE")) != named
        {
            let (message, help) = match named {
                true => ("a log group or a bucket is for `logging = \"OVERRIDE\"`", "write that line"),
                false => {
                    ("`logging = \"OVERRIDE\"` needs a place", "write `log_group` or `bucket` in the block")
                }
            };
            wrong.push(("execute_command", message.to_owned(), help.to_owned()));
        }
        wrong
    }

    fn searches_all(&self) -> bool {
        true
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let found = described(cloud, &all(cloud).await?).await?;
            let tagged = |one: &t::Cluster| {
                Tagged::of(one.cluster_arn(), stack, one.tags().iter().map(|tag| (tag.key(), tag.value())))
            };
            Ok(found.iter().filter_map(tagged).collect())
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ecs::operation::create_cluster::CreateClusterInput;
        CreateClusterInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}

fn taken(name: &str, owner: Option<String>) -> Error {
    let owner = owner
        .map_or_else(|| "bgform did not make it".to_owned(), |address| format!("it was made for {address}"));
    Error::Cloud(CloudError {
        service: SERVICE,
        action: "CreateCluster",
        class: Class::AlreadyExists,
        code: None,
        message: format!("there is a cluster `{name}` already, and {owner}"),
        request_id: None,
        after_doubt: false,
        access_key: None,
    })
}
