//! `existing caller`: who bgform is to AWS.

use std::sync::LazyLock;

use super::Existing;
use super::answers::outputs;
use super::schema::{Schema, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

pub struct ExistingCaller;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "caller",
    doc: "The identity of the credentials that bgform runs with.",
    attributes: Vec::new(),
    outputs: vec![
        output("id", "The account."),
        output("arn", "The ARN of the user, or of the role and its session."),
        output("account", "The account, twelve digits."),
        output("user_id", "The unique id of the user or role."),
        output("partition", "The first part of the region's ARNs: aws, aws-cn or aws-us-gov."),
    ],
    not_offered: &[],
    unique: &[],
});

impl Existing for ExistingCaller {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["sts:GetCallerIdentity"]
    }

    async fn read(&self, cloud: &Cloud, _filters: &Object) -> Result<Vec<Object>, Error> {
        let send = || cloud.sts.get_caller_identity().send();
        let identity = cloud.read(Service::Sts, "GetCallerIdentity", send).await?;
        Ok(vec![outputs([
            ("id", identity.account().into()),
            ("arn", identity.arn().into()),
            ("account", identity.account().into()),
            ("user_id", identity.user_id().into()),
            ("partition", cloud.partition().into()),
        ])])
    }
}
