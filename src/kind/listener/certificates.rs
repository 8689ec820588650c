//! The additional certificates of a listener, which have calls of their own.

use aws_sdk_elasticloadbalancingv2::types::Certificate;

use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::Wanted;
use crate::kind::elbv2::{self, SERVICE};
use crate::kind::operation::Operation;
use crate::value::Value;

/// Tells whether additional certificates are declared. They are read one listener at a time, so not if the
/// stack's last apply had at most one.
pub(super) fn may_be_several(wanted: &Wanted<'_>) -> bool {
    let last = wanted.last.map(|last| last.inputs.get("certificates").and_then(Value::as_list));
    wanted.declared.contains("certificates")
        && last.is_none_or(|last| last.is_some_and(|certificates| certificates.len() > 1))
}

pub(super) async fn beside_the_default(cloud: &Cloud, arn: &str) -> Result<(String, Vec<String>), Error> {
    let all = elbv2::pages(|marker| async move {
        let describe = cloud.elbv2.describe_listener_certificates().listener_arn(arn).set_marker(marker);
        let answer = cloud.read(SERVICE, "DescribeListenerCertificates", || describe.clone().send()).await?;
        Ok((answer.certificates.unwrap_or_default(), answer.next_marker))
    });
    let all = elbv2::unless_gone(all.await)?.unwrap_or_default().into_iter();
    let others = all.filter(|one| one.is_default != Some(true)).filter_map(|one| one.certificate_arn);
    Ok((arn.to_owned(), others.collect()))
}

/// The additional certificates of `some` that are not among those of `others`.
fn only_in(some: &[String], others: &[String]) -> Option<Vec<Certificate>> {
    let new = some.iter().skip(1).filter(|one| !others.iter().skip(1).any(|other| other == *one));
    let new: Vec<_> = new.map(|arn| Certificate::builder().certificate_arn(arn).build()).collect();
    (!new.is_empty()).then_some(new)
}

pub(super) async fn add(
    op: &Operation<'_>,
    arn: &str,
    before: &[String],
    after: &[String],
) -> Result<(), Error> {
    let Some(new) = only_in(after, before) else { return Ok(()) };
    let add = op.cloud.elbv2.add_listener_certificates().listener_arn(arn).set_certificates(Some(new));
    op.call(SERVICE, "AddListenerCertificates", Repeat::Safe, || add.clone().send()).await.map(drop)
}

pub(super) async fn remove(
    op: &Operation<'_>,
    arn: &str,
    before: &[String],
    after: &[String],
) -> Result<(), Error> {
    let Some(old) = only_in(before, after) else { return Ok(()) };
    let remove = op.cloud.elbv2.remove_listener_certificates().listener_arn(arn).set_certificates(Some(old));
    op.call(SERVICE, "RemoveListenerCertificates", Repeat::Safe, || remove.clone().send()).await.map(drop)
}
