//! Commands on the source of a bake.

use std::time::Duration;

use super::Spec;
use crate::apply::operation::Operation;
use crate::cloud::error::Error;
use crate::kind::shell::{self, Script};

/// Runs the commands of `spec` on its source and waits until they have succeeded.
pub async fn run(op: &Operation<'_>, spec: &Spec) -> Result<(), Error> {
    let script = Script {
        instance: &spec.source,
        who: format!("the source `{}`", spec.source),
        name: format!("bgform {}", op.id),
        resumed: false,
        commands: &spec.run,
        timeout: Duration::from_secs_f64(spec.command_timeout),
        reach: Duration::from_secs_f64(spec.ready_timeout),
        help: "mend `run` and apply again; the commands that succeeded are on the source's disk, so they must \
               bear being run twice",
    };
    shell::run(op, &script).await
}
