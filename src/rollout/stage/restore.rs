//! Brings the earlier release back to the live colour after another release replaced it there and was shipped
//! to its end.

use futures_util::FutureExt;

use super::refresh::{TURNED, bring_back, seam};
use super::{Act, Doing, Setting};
use crate::cloud::error::Error;
use crate::kind::fleet::{Pace, Template};
use crate::rollout::run::{Failure, Rolling, Stop};
use crate::rollout::verify::{Effect, Point};

pub struct Restore;

impl Act for Restore {
    fn words(&self, of: &Setting<'_>) -> String {
        let (to, label) = (of.to(), &of.rollout.release.label);
        format!(
            "roll   {to}'s instances back to {label} by an instance refresh; as many healthy as its strategy says"
        )
    }

    fn way_back(&self, _: &Setting<'_>, _: usize, _: u8) -> String {
        TURNED.to_owned()
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((live, origin)) = rolling.origin() else { return Ok(()) };
            // After a release in place, an instance may have the left release though it was launched from the
            // earlier version.
            let inputs = rolling.record(live).map(|record| record.inputs).unwrap_or_default();
            let pace = Pace { skip_matching: false, ..seam(rolling)?.pace(&inputs) };
            let mut restored = std::pin::pin!(bring_back(rolling, live, &origin, pace));
            match rolling.watched(restored.as_mut(), async || Ok(())).await {
                Ok(()) => {
                    rolling.learn_what_launches(live).await?;
                    rolling.healthy(live).await
                }
                Err(Stop::Failed(Failure::Interrupted)) => {
                    rolling
                        .tell("AWS goes on with the way back by itself; `bgform rollback` waits for its end");
                    Err(Failure::Interrupted)
                }
                Err(Stop::Failed(failure)) => Err(failure),
                Err(Stop::Paused) => Ok(()),
            }
        }
        .boxed_local()
    }

    fn undone(&self, of: &Setting<'_>, _: usize, _: usize, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    /// Keeps the release that was to be left: turns round the refresh away from it.
    fn undo<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            let Some((live, origin)) = rolling.origin() else { return Ok(()) };
            let standing = rolling.fleet(live).await?.and_then(|fleet| fleet.template);
            if standing.as_ref() == Some(&Template::from(&origin)) {
                return Err(Failure::Cloud(Error::failed(
                    format!("{live} has gone back already"),
                    "`bgform rollback` ends it; then ship the release with `bgform apply`",
                )));
            }
            let address = rolling.fleet_of(live);
            let (op, group) = (rolling.changes(Effect::Replaced(live), &address)?, rolling.group(live));
            let turned = async { Ok(seam(rolling)?.turned_back(&op, &group).await?) };
            rolling.unless_interrupted(turned).await?;
            rolling.healthy(live).await
        }
        .boxed_local()
    }
}
