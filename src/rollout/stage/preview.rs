//! Shows the new colour to requests with the preview's header before it has weight, or hides it again.

use futures_util::FutureExt;

use super::{Act, Doing, Setting};
use crate::address::Address;
use crate::apply::StepError;
use crate::deployment::names;
use crate::facts::Stage;
use crate::rollout::preview;
use crate::rollout::run::{Failure, LOOK, Rolling};
use crate::rollout::verify::{Effect, Point};

pub struct Preview {
    pub on: bool,
}

impl Act for Preview {
    fn words(&self, of: &Setting<'_>) -> String {
        match self.on {
            true => format!("show   {} to requests with the preview's header", of.to()),
            false => "hide   the preview's rule goes".to_owned(),
        }
    }

    fn effects(&self, _: &Setting<'_>, _: &Point) -> Vec<Effect> {
        vec![Effect::Preview(self.on)]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            if !self.on {
                rolling.change(|facts, _| facts.previews = Vec::new()).await?;
                return rolling.agree(&rolling.routers()).await;
            }
            loop {
                // After an interruption the priorities are already chosen.
                if rolling.facts().previews.is_empty() {
                    let snapshot = rolling.run.journal.snapshot();
                    let rules = rolling.written_routers();
                    let priorities = preview::priorities(rolling.run.cloud, &snapshot, &rules).await?;
                    rolling.change(|facts, _| facts.previews = priorities).await?;
                }
                match rolling.agree(&rolling.routers()).await {
                    // Another rule took the priority, such as another deployment's preview: choose others.
                    Err(Failure::Step { error: StepError::Kind(error), .. })
                        if error.already_exists() && !stands(rolling) =>
                    {
                        rolling.change(|facts, _| facts.previews = Vec::new()).await?;
                        rolling.pause(LOOK).await?;
                    }
                    done => return done,
                }
            }
        }
        .boxed_local()
    }

    fn undone(&self, _: &Setting<'_>, _: usize, _: usize, _: &Point) -> Vec<Effect> {
        vec![Effect::Preview(false)]
    }

    /// From now on the live rule answers requests with the preview's header.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
            let hides = rollout.stages.iter().position(|stage| *stage == Stage::Preview { on: false });
            // The preview is hidden already, or the undoing of the other stage hides it.
            if hides.is_some_and(|hides| rollout.at > hides || (self.on && rollout.at == hides)) {
                return Ok(());
            }
            rolling.change(|facts, _| facts.previews = Vec::new()).await?;
            rolling.agree_on_the_way_back(&rolling.routers()).await
        }
        .boxed_local()
    }
}

/// Tells whether the state has a preview rule.
fn stands(rolling: &Rolling<'_>) -> bool {
    let snapshot = rolling.run.journal.snapshot();
    let stands =
        |rule: &Address| snapshot.resources.contains_key(rule) && names::is_preview(rule, rolling.name);
    rolling.routers().iter().any(stands)
}
