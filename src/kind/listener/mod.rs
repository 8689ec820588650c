//! `listener`: a port of a load balancer.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::operation::create_listener::CreateListenerInput;
use aws_sdk_elasticloadbalancingv2::types::{
    AdvertiseTrustStoreCaNamesEnum, Certificate, Listener as Described, ListenerAttribute,
    MutualAuthenticationAttributes, ProtocolEnum,
};
use futures_util::future::{try_join, try_join_all, try_join3};
use serde::Deserialize;

use super::elbv2::actions::{self, Action};
use super::elbv2::cutover::{cut_over, wait_for_first};
use super::elbv2::settings::{self, Settings};
use super::elbv2::{self, SERVICE};
use super::router::Router;
use super::schema::{Schema, Wrong};
use super::{Boxed, Kind, Live, Named, Permissions, Tags, Traffic, Update, Wanted};
use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Tagged};
use crate::object;
use crate::state::Record;
use crate::value::{Object, Value};

mod certificates;
mod router;
mod schema;

pub(super) use schema::outputs;
use schema::{SCHEMA, SETTINGS};

/// A port of a load balancer, and the default action for requests that match no rule.
pub struct Listener;

#[derive(Debug, Deserialize)]
pub struct Spec {
    load_balancer: String,
    port: i32,
    protocol: String,
    ssl_policy: Option<String>,
    /// The default certificate first.
    #[serde(default)]
    certificates: Vec<String>,
    alpn_policy: Option<String>,
    mutual_authentication: Option<Mutual>,
    default_action: Vec<Action>,
    tags: Tags,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Debug, Deserialize)]
struct Mutual {
    mode: String,
    trust_store: Option<String>,
    ignore_client_certificate_expiry: Option<bool>,
    advertise_trust_store_ca_names: Option<bool>,
}

impl Mutual {
    fn to_api(&self) -> MutualAuthenticationAttributes {
        let advertise = self.advertise_trust_store_ca_names.map(|on| match on {
            true => AdvertiseTrustStoreCaNamesEnum::On,
            false => AdvertiseTrustStoreCaNamesEnum::Off,
        });
        MutualAuthenticationAttributes::builder()
            .mode(&self.mode)
            .set_trust_store_arn(self.trust_store.clone())
            .set_ignore_client_certificate_expiry(self.ignore_client_certificate_expiry)
            .set_advertise_trust_store_ca_names(advertise)
            .build()
    }
}

impl Spec {
    /// The `certificates` parameter of the creating and the modifying call: only the default one.
    fn default_certificate(&self) -> Option<Vec<Certificate>> {
        let first = self.certificates.first()?;
        Some(vec![Certificate::builder().certificate_arn(first).build()])
    }
}

/// Output values of a described listener.
pub(super) fn outputs_of(described: &Described) -> Object {
    let arn = described.listener_arn().unwrap_or_default();
    Object::from_iter([
        ("id".to_owned(), Value::string(arn)),
        ("arn".to_owned(), Value::string(arn)),
        ("load_balancer".to_owned(), described.load_balancer_arn().into()),
        ("port".to_owned(), described.port().into()),
        ("protocol".to_owned(), described.protocol().map(ProtocolEnum::as_str).into()),
    ])
}

/// Listeners by ARN; missing ones are left out.
pub(super) async fn described(cloud: &Cloud, arns: &[String]) -> Result<Vec<Described>, Error> {
    let fetch = |batch: Vec<String>| async move {
        let batch = &batch;
        elbv2::pages(|marker| async move {
            let describe = cloud.elbv2.describe_listeners().set_listener_arns(Some(batch.clone()));
            let describe = describe.set_marker(marker);
            let answer = cloud.read(SERVICE, "DescribeListeners", || describe.clone().send()).await?;
            Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
        })
        .await
    };
    elbv2::batched(arns, elbv2::HUNDRED, fetch).await
}

/// All listeners of a load balancer; none if it is gone.
pub(super) async fn listeners_of(cloud: &Cloud, load_balancer: &str) -> Result<Vec<Described>, Error> {
    let all = elbv2::pages(|marker| async move {
        let describe = cloud.elbv2.describe_listeners().load_balancer_arn(load_balancer).set_marker(marker);
        let answer = cloud.read(SERVICE, "DescribeListeners", || describe.clone().send()).await?;
        Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
    });
    Ok(elbv2::unless_gone(all.await)?.unwrap_or_default())
}

async fn settings_of(cloud: &Cloud, arn: &str) -> Result<(String, Object), Error> {
    let send = || cloud.elbv2.describe_listener_attributes().listener_arn(arn).send();
    let answer = elbv2::unless_gone(cloud.read(SERVICE, "DescribeListenerAttributes", send).await)?;
    let answered = answer.and_then(|answer| answer.attributes).unwrap_or_default();
    let pairs = answered.iter().filter_map(|one| Some((one.key()?, one.value()?)));
    Ok((arn.to_owned(), settings::from_api(SETTINGS, pairs)))
}

async fn modify_settings(
    op: &Operation<'_>,
    arn: &str,
    changes: BTreeMap<&'static str, String>,
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let attributes: Vec<_> = changes
        .iter()
        .map(|(key, value)| ListenerAttribute::builder().key(*key).value(value).build())
        .collect();
    let modify = op.cloud.elbv2.modify_listener_attributes().listener_arn(arn);
    let modify = modify.set_attributes(Some(attributes));
    op.call(SERVICE, "ModifyListenerAttributes", Repeat::Safe, || modify.clone().send()).await?;
    Ok(())
}

fn inputs_of(described: &Described, last: Option<&Record>) -> Object {
    let last = last.and_then(|last| last.inputs.get("default_action"));
    let default = described.certificates().first().and_then(|one| one.certificate_arn());
    let mutual = described.mutual_authentication().map(|mutual| {
        let advertise = mutual.advertise_trust_store_ca_names();
        object! {
            "mode" => mutual.mode(),
            "trust_store" => mutual.trust_store_arn(),
            "ignore_client_certificate_expiry" => mutual.ignore_client_certificate_expiry(),
            "advertise_trust_store_ca_names" => advertise.map(|one| one.as_str() == "on"),
        }
    });
    Object::from_iter([
        ("load_balancer".to_owned(), described.load_balancer_arn().into()),
        ("port".to_owned(), described.port().into()),
        ("protocol".to_owned(), described.protocol().map(ProtocolEnum::as_str).into()),
        ("ssl_policy".to_owned(), described.ssl_policy().into()),
        ("certificates".to_owned(), default.into_iter().collect::<Vec<_>>().into()),
        ("alpn_policy".to_owned(), described.alpn_policy().first().cloned().into()),
        ("mutual_authentication".to_owned(), mutual.unwrap_or_default()),
        ("default_action".to_owned(), actions::from_api(described.default_actions(), last)),
    ])
}

/// The listener on this port, if the operation made it.
async fn made(op: &Operation<'_>, load_balancer: &str, port: i32) -> Result<Option<String>, Error> {
    let all = listeners_of(op.cloud, load_balancer).await?.into_iter();
    let arns = all.filter(|one| one.port() == Some(port)).filter_map(|one| one.listener_arn);
    elbv2::made_by(op, arns.collect()).await
}

/// The call that changes the listener's own fields that differ, except its actions.
fn modification(
    op: &Operation<'_>,
    update: &Update<'_, Spec>,
) -> aws_sdk_elasticloadbalancingv2::operation::modify_listener::builders::ModifyListenerFluentBuilder {
    let after = &update.after;
    let mut modify = op.cloud.elbv2.modify_listener().listener_arn(update.id);
    if update.touches("port") {
        modify = modify.port(after.port);
    }
    if update.touches("protocol") {
        modify = modify.protocol(ProtocolEnum::from(after.protocol.as_str()));
    }
    if update.touches_any(&["protocol", "ssl_policy"]) {
        modify = modify.set_ssl_policy(after.ssl_policy.clone());
    }
    if update.touches("protocol") || update.before.certificates.first() != after.certificates.first() {
        modify = modify.set_certificates(after.default_certificate());
    }
    if update.touches_any(&["protocol", "alpn_policy"]) {
        // An undeclared policy becomes `None` if there was one.
        let gone = update.before.alpn_policy.as_ref().filter(|_| after.protocol == "TLS");
        let policy = after.alpn_policy.clone().or(gone.map(|_| "None".to_owned()));
        modify = modify.set_alpn_policy(policy.map(|policy| vec![policy]));
    }
    if update.touches("mutual_authentication") {
        let off = || MutualAuthenticationAttributes::builder().mode("off").build();
        modify = modify
            .mutual_authentication(after.mutual_authentication.as_ref().map_or_else(off, Mutual::to_api));
    }
    modify
}

impl Kind for Listener {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "elasticloadbalancing:DescribeListenerAttributes",
                "elasticloadbalancing:DescribeListenerCertificates",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            write: &[
                "elasticloadbalancing:AddListenerCertificates",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:DeleteListener",
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:ModifyListenerAttributes",
                "elasticloadbalancing:RemoveListenerCertificates",
                "elasticloadbalancing:RemoveTags",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let create = op
            .cloud
            .elbv2
            .create_listener()
            .load_balancer_arn(&spec.load_balancer)
            .port(spec.port)
            .protocol(ProtocolEnum::from(spec.protocol.as_str()))
            .set_ssl_policy(spec.ssl_policy.clone())
            .set_certificates(spec.default_certificate())
            .set_alpn_policy(spec.alpn_policy.clone().map(|policy| vec![policy]))
            .set_mutual_authentication(spec.mutual_authentication.as_ref().map(Mutual::to_api))
            .set_default_actions(Some(actions::to_api(&spec.default_action)))
            .set_tags(Some(elbv2::tag_list(&op.tags(&spec.tags))));
        let answer = op.call(SERVICE, "CreateListener", Repeat::Safe, || create.clone().send()).await;
        let arn = match answer {
            Ok(answer) => answer.listeners().first().and_then(|one| one.listener_arn()).map(str::to_owned),
            Err(error) if error.already_exists() => {
                Some(op.said_twice(error, || made(op, &spec.load_balancer, spec.port)).await?)
            }
            Err(error) => return Err(error),
        };
        let arn = arn.ok_or_else(|| elbv2::unanswered("CreateListener"))?;
        certificates::add(op, &arn, &[], &spec.certificates).await?;
        modify_settings(op, &arn, settings::to_api(SETTINGS, &spec.settings)).await?;
        wait_for_first(op, &spec.default_action).await?;
        Ok(arn)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let arns = elbv2::ids(wanted);
        let declare = wanted.iter().filter(|one| settings::any_declared(SETTINGS, one.declared));
        let settings = try_join_all(declare.map(|one| settings_of(cloud, one.id)));
        let several = wanted.iter().filter(|one| certificates::may_be_several(one));
        let more = try_join_all(several.map(|one| certificates::beside_the_default(cloud, one.id)));
        let both = try_join(described(cloud, &arns), elbv2::declared_tags_of(cloud, wanted));
        let ((all, tags), settings, more) = try_join3(both, settings, more).await?;
        let mut settings: BTreeMap<String, Object> = settings.into_iter().collect();
        let mut more: BTreeMap<String, Vec<String>> = more.into_iter().collect();
        let last: BTreeMap<&str, Option<&Record>> = wanted.iter().map(|one| (one.id, one.last)).collect();
        let live = all.iter().map(|one| {
            let arn = one.listener_arn().unwrap_or_default().to_owned();
            let mut inputs = inputs_of(one, last.get(arn.as_str()).copied().flatten());
            if let Some(Value::List(certificates)) = inputs.get_mut("certificates") {
                certificates.extend(more.remove(&arn).unwrap_or_default().into_iter().map(Value::String));
            }
            inputs.extend(settings.remove(&arn).unwrap_or_default());
            inputs.extend(tags.get(&arn).map(|tags| ("tags".to_owned(), tags.clone())));
            (arn, Live { inputs, outputs: outputs_of(one) })
        });
        Ok(live.collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        const OWN: [&str; 5] = ["port", "protocol", "ssl_policy", "alpn_policy", "mutual_authentication"];
        let (before, after) = (&update.before, &update.after);
        let modify = |actions: Option<Vec<Action>>, whole: bool| {
            let modify = match whole {
                true => modification(op, &update),
                false => op.cloud.elbv2.modify_listener().listener_arn(update.id),
            };
            let modify = modify.set_default_actions(actions.map(|actions| actions::to_api(&actions)));
            async move {
                op.call(SERVICE, "ModifyListener", Repeat::Safe, || modify.clone().send()).await.map(drop)
            }
        };
        if update.touches("default_action") {
            let (live, will) = (&before.default_action, &after.default_action);
            cut_over(op, live, will, |named| modify(Some(named), false), |all| modify(Some(all), true))
                .await?;
        } else if update.touches_any(&OWN) || before.certificates.first() != after.certificates.first() {
            modify(None, true).await?;
        }
        certificates::add(op, update.id, &before.certificates, &after.certificates).await?;
        // A listener that is no longer encrypted has no certificates to remove.
        if !after.certificates.is_empty() {
            certificates::remove(op, update.id, &before.certificates, &after.certificates).await?;
        }
        modify_settings(
            op,
            update.id,
            settings::changes(SETTINGS, &before.settings, &after.settings, update.changed),
        )
        .await?;
        if update.touches("tags") {
            elbv2::retag(op, update.id, &before.tags, &after.tags).await?;
        }
        if op.resumes && !update.touches("default_action") {
            wait_for_first(op, &after.default_action).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let delete = op.cloud.elbv2.delete_listener().listener_arn(&record.id);
        let answer = op.call(SERVICE, "DeleteListener", Repeat::Safe, || delete.clone().send()).await;
        elbv2::unless_gone(answer).map(drop)
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        made(op, &spec.load_balancer, spec.port).await
    }

    fn check(&self, inputs: &Object) -> Vec<elbv2::Mistake> {
        schema::mistakes(inputs)
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        let protocol = inputs.get("protocol").and_then(Value::as_str);
        let groups = protocol.and_then(|protocol| actions::beside("default_action", protocol, inputs, named));
        schema::beside(inputs, named).or(groups).into_iter().collect()
    }

    fn traffic(&self, inputs: &Object) -> Traffic {
        Traffic { forwards: actions::forwards(inputs.get("default_action")), serves: Vec::new() }
    }

    fn router(&self) -> Option<&'static dyn Router> {
        Some(&Self)
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let mut arns = Vec::new();
            for balancer in within.iter().filter(|id| id.contains(":loadbalancer/")) {
                arns.extend(
                    listeners_of(cloud, balancer).await?.into_iter().filter_map(|one| one.listener_arn),
                );
            }
            elbv2::of_stack(cloud, stack, arns).await
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        vec![format!("{:?}", CreateListenerInput::builder().build())]
    }
}
