//! Waits until the requests under way in the old colour are answered.

use std::time::Duration;

use futures_util::FutureExt;

use super::{Act, Doing, Setting};
use crate::rollout::run::Rolling;
use crate::rollout::verify::{Effect, Point};
use crate::value::format_duration;

pub struct Settle;

impl Act for Settle {
    fn words(&self, of: &Setting<'_>) -> String {
        format!("settle {}", format_duration(self.wait(of)))
    }

    fn wait(&self, of: &Setting<'_>) -> Duration {
        Duration::from_secs(of.declaration.settle)
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        of.old().map(Effect::Settled).into_iter().collect()
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let facts = rolling.facts();
            rolling.hold(facts.settle(), true).await?;
            match rolling.old() {
                Some(old) => rolling.quiet(old).await,
                None => Ok(()),
            }
        }
        .boxed_local()
    }
}
