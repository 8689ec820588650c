//! Makes the live colour launch the new release from now on. An instance that launched with the old one
//! meanwhile is given the new one. The last stage of a release by commands.

use std::time::Duration;

use futures_util::FutureExt;

use super::in_place::{choose, walk};
use super::{Act, Doing, Setting};
use crate::deployment::declaration::Strategy;
use crate::facts::Colour;
use crate::kind::fleet::{Member, Template};
use crate::rollout::run::{Failure, Rolling};
use crate::rollout::verify::{Effect, Point};

pub struct Pin;

impl Act for Pin {
    fn words(&self, of: &Setting<'_>) -> String {
        format!("pin    what {} launches from now on to {}", of.to(), of.rollout.release.label)
    }

    fn effects(&self, of: &Setting<'_>, _: &Point) -> Vec<Effect> {
        vec![Effect::Replaced(of.to())]
    }

    fn perform<'a>(&'a self, rolling: &'a Rolling<'_>) -> Doing<'a> {
        async {
            match rolling.rollout() {
                Some((_, rollout)) => perform(rolling, rollout.to).await,
                None => Ok(()),
            }
        }
        .boxed_local()
    }
}

async fn perform(rolling: &Rolling<'_>, live: Colour) -> Result<(), Failure> {
    rolling.agree_as(&rolling.addresses(), true).await?;
    let Some((_, rollout)) = rolling.rollout() else { return Ok(()) };
    let batch = match rolling.declaration.strategy {
        Strategy::InPlace { batch, .. } => batch,
        _ => 50.0,
    };
    let origin = rollout.origin.as_ref().map(Template::from);
    let launched_before = |member: &Member| member.template.is_some() && member.template == origin;
    loop {
        walk(rolling, live, batch, launched_before).await?;
        // Instances that were launching when the group was pinned come into service only now.
        rolling.healthy(live).await?;
        let (Some((_, rollout)), Some(fleet)) = (rolling.rollout(), rolling.fleet(live).await?) else {
            return Ok(());
        };
        if choose(&fleet, &rollout.batches.done, batch, launched_before)?.is_empty() {
            return rolling.hold(Duration::ZERO, true).await;
        }
    }
}
