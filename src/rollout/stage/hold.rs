//! Leaves everything as it is for a time, watched by the gates `at = "shift"`.

use std::time::Duration;

use futures_util::FutureExt;

use super::{Act, Doing, Setting};
use crate::rollout::run::Rolling;
use crate::value::format_duration;

pub struct Hold {
    pub time: Duration,
}

impl Act for Hold {
    fn words(&self, _: &Setting<'_>) -> String {
        format!("hold   {}", format_duration(self.time))
    }

    fn wait(&self, _: &Setting<'_>) -> Duration {
        self.time
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((facts, rollout)) = rolling.rollout() else { return Ok(()) };
            rolling.hold(self.time, facts.weight(rollout.to) < 100).await
        }
        .boxed_local()
    }
}
