//! Commands on the source of a bake.

use std::time::Duration;

use super::Spec;
use crate::cloud::error::Error;
use crate::kind::operation::Operation;
use crate::kind::shell::{self, Script};

/// Runs the commands of `spec` on its source and waits until they succeed. If the source ran all the time, a
/// run that this operation began before an interruption is awaited instead.
pub async fn run(op: &Operation<'_>, spec: &Spec, hash: &str, started: bool) -> Result<(), Error> {
    let script = Script {
        instance: &spec.source,
        who: format!("the source `{}`", spec.source),
        // The hash is in the name: the operation may go on with other commands.
        name: format!("bgform {} {hash}", op.id),
        resumed: op.is_repeat() && !started,
        commands: &spec.run,
        timeout: Duration::from_secs_f64(spec.command_timeout),
        reach: Duration::from_secs_f64(spec.ready_timeout),
        help: "mend `run` and apply again; the commands that succeeded are on the source's disk, so they must \
               bear being run twice",
    };
    shell::run(op, &script).await
}
