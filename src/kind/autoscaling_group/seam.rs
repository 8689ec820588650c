//! An Auto Scaling group as the fleet of a colour: instance refreshes replace its instances, and standby
//! takes them out of the traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::ready::{Wanted, ready};
use super::spec::{Refresh, Spec};
use super::{adoption, group, pin_to, read, ready, refresh, retirement, roll, standby};
use crate::address::Address;
use crate::cloud::Cloud;
use crate::facts::Sizing;
use crate::kind::Boxed;
use crate::kind::fleet::{Fleet, Pace, Refusal, Replaced, Rested, Shape, Standing, Template};
use crate::kind::launch_template;
use crate::kind::operation::Operation;
use crate::kind::preflight::Finding;
use crate::state::Record;
use crate::value::{Object, Value};

pub struct Groups;

const SHAPE: Shape = Shape {
    source: "launch_template",
    targets: "target_groups",
    sizes: ["min_size", "max_size", "desired_capacity"],
    ships: &["mixed_instances"],
    // A target that fails its checks is replaced.
    defaults: &[("health_check_type", "ELB")],
};

fn size(inputs: &Object, name: &str) -> Option<u32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the schema bounds sizes")]
    inputs.get(name).and_then(Value::as_number).map(|size| size as u32)
}

impl Fleet for Groups {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn noun(&self) -> &'static str {
        "Auto Scaling group"
    }

    fn source(&self) -> &'static str {
        "launch_template"
    }

    fn targets(&self) -> &'static str {
        "target_group"
    }

    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn bounds(&self, inputs: &Object) -> Option<[u32; 2]> {
        Some([size(inputs, "min_size")?, size(inputs, "max_size")?])
    }

    fn wanted(&self, inputs: &Object) -> Option<u32> {
        size(inputs, "desired_capacity").or_else(|| size(inputs, "min_size"))
    }

    fn sized(&self, mut inputs: Object, sizing: Sizing, bounds: Option<[u32; 2]>) -> Object {
        let now = |name: &str| inputs.get(name).and_then(Value::as_number).unwrap_or_default();
        let [least, most] = bounds.unwrap_or_default();
        let pinned =
            |n: u32| (now("min_size").max(n.max(least).into()), now("max_size").max(n.max(most).into()));
        let (min, max, desired) = match sizing {
            // Instances on standby belong to the run that put them there.
            Sizing::Left | Sizing::Standby(_) => return inputs,
            Sizing::File => match bounds {
                None => return inputs,
                // A plan of the file corrects a maximum that is higher there now.
                Some([min, max]) => {
                    let desired = now("desired_capacity").max(min.into());
                    (min.into(), desired.max(max.into()), Some(desired))
                }
            },
            Sizing::AtLeast(n) => {
                let (min, max) = pinned(n);
                (min, max, Some(now("desired_capacity").max(n.into())))
            }
            Sizing::Raised(n) => {
                let (min, max) = pinned(n);
                (min, max, Some(n.into()))
            }
            Sizing::Empty => (0.0, 0.0, Some(0.0)),
        };
        inputs.insert("min_size".to_owned(), Value::Number(min));
        inputs.insert("max_size".to_owned(), Value::Number(max));
        if let Some(desired) = desired {
            inputs.insert("desired_capacity".to_owned(), Value::Number(desired));
        }
        inputs
    }

    fn launches(&self, inputs: &Object) -> Option<Template> {
        Spec::of(inputs).ok()?.template().ok()
    }

    fn launching(&self, mut inputs: Object, version: &Template) -> Object {
        inputs.insert(SHAPE.source.to_owned(), read::template_value(version.clone()));
        inputs
    }

    fn ready_timeout(&self, inputs: &Object) -> Duration {
        match inputs.get("ready_timeout") {
            Some(Value::Duration(limit)) => *limit,
            _ => Duration::from_secs(600),
        }
    }

    fn observe<'a>(&'a self, cloud: &'a Cloud, ids: &'a [&'a str]) -> Boxed<'a, BTreeMap<String, Standing>> {
        Box::pin(async move {
            let groups = group::observe(cloud, ids).await?;
            Ok(groups.into_iter().map(|(name, group)| (name, group.standing)).collect())
        })
    }

    fn at_version<'a>(
        &'a self,
        cloud: &'a Cloud,
        version: &'a Template,
        source: &'a Record,
    ) -> Boxed<'a, Option<Object>> {
        Box::pin(launch_template::at_version(cloud, version, source))
    }

    fn gone<'a>(&'a self, cloud: &'a Cloud, version: &'a Template) -> Boxed<'a, Option<String>> {
        Box::pin(launch_template::gone(cloud, version))
    }

    fn ready<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, limit: Duration) -> Boxed<'a, ()> {
        Box::pin(async move { ready(op, id, Wanted::HealthyTargets, limit).await.map(drop) })
    }

    fn unregistered<'a>(
        &'a self,
        cloud: &'a Cloud,
        fleet: &'a Standing,
        at: &'a Address,
    ) -> Boxed<'a, Option<Finding>> {
        Box::pin(ready::unregistered(cloud, fleet, at))
    }

    fn adopts(&self) -> &'static str {
        "The name of the group. Its launch template, its target group and the rules that forward to it come with \
         it."
    }

    fn adoptable<'a>(
        &'a self,
        cloud: &'a Cloud,
        fleet: &'a Standing,
    ) -> Boxed<'a, Result<Template, Refusal>> {
        Box::pin(adoption::adoptable(cloud, fleet))
    }

    fn not_untouched(&self, fleet: &Standing, live: &Object, said: &Object) -> Option<Refusal> {
        adoption::not_untouched(fleet, live, said)
    }

    fn hold_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, to: &'a Template) -> Boxed<'a, ()> {
        Box::pin(pin_to(op, id, to))
    }

    fn retire_at<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, at: Timestamp) -> Boxed<'a, ()> {
        Box::pin(retirement::schedule(op, id, at))
    }

    fn retires<'a>(&'a self, cloud: &'a Cloud, id: &'a str) -> Boxed<'a, Option<Timestamp>> {
        Box::pin(retirement::scheduled(cloud, id))
    }

    fn keep<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()> {
        Box::pin(retirement::unschedule(op, id))
    }

    fn replaced(&self) -> Option<&'static dyn Replaced> {
        Some(&Self)
    }

    fn rested(&self) -> Option<&'static dyn Rested> {
        Some(&Self)
    }
}

impl Replaced for Groups {
    fn block(&self) -> &'static str {
        "instance_refresh"
    }

    fn pace(&self, inputs: &Object) -> Pace {
        let refresh = Spec::of(inputs).ok().and_then(|spec| spec.instance_refresh);
        refresh.map_or_else(Pace::default, |refresh| Pace {
            min_healthy: refresh.min_healthy,
            max_healthy: refresh.max_healthy.unwrap_or(Pace::default().max_healthy),
            ..Pace::default()
        })
    }

    fn under_way<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, Option<(i32, String)>> {
        Box::pin(refresh::under_way(op, id))
    }

    fn cancel<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()> {
        Box::pin(refresh::cancel(op, id))
    }

    fn turn_back<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()> {
        Box::pin(refresh::turn_back(op, id))
    }

    fn turned_back<'a>(&'a self, op: &'a Operation<'a>, id: &'a str) -> Boxed<'a, ()> {
        Box::pin(refresh::turned_back(op, id, Refresh::back(Pace::default()).timeout()))
    }

    fn back<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        inputs: &'a Object,
        to: &'a Template,
        pace: Pace,
    ) -> Boxed<'a, ()> {
        Box::pin(async move { refresh::back(op, id, &Spec::of(inputs)?.at(to), &Refresh::back(pace)).await })
    }

    fn warmup(&self, inputs: &Object) -> Duration {
        Spec::of(inputs).map(|spec| spec.warmup()).unwrap_or_default()
    }
}

impl Rested for Groups {
    fn outdated(&self) -> (&'static str, &'static str) {
        ("outdated_instances", "keep")
    }

    fn script(&self) -> &'static str {
        "user_data"
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["autoscaling:EnterStandby", "autoscaling:ExitStandby", "autoscaling:SetDesiredCapacity"]
    }

    fn enter<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()> {
        Box::pin(standby::enter(op, id, ids, limit))
    }

    fn exit<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()> {
        Box::pin(standby::exit(op, id, ids, limit))
    }

    fn end<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, ids: &'a BTreeSet<String>) -> Boxed<'a, ()> {
        Box::pin(standby::end(op, id, ids))
    }

    fn grow<'a>(&'a self, op: &'a Operation<'a>, id: &'a str, desired: i32) -> Boxed<'a, ()> {
        Box::pin(standby::grow(op, id, desired))
    }

    fn pin<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        inputs: &'a Object,
        to: &'a Template,
    ) -> Boxed<'a, ()> {
        Box::pin(async move { standby::pin(op, id, &Spec::of(inputs)?.at(to)).await })
    }

    fn replace<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        ids: &'a BTreeSet<String>,
        limit: Duration,
    ) -> Boxed<'a, ()> {
        Box::pin(roll::replace(op, id, ids, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    #[test]
    fn sizes_are_pinned_upwards_and_come_back_to_the_file() {
        let group = |min: i32, max: i32, desired: i32| {
            object_of(object! { "min_size" => min, "max_size" => max, "desired_capacity" => desired })
        };
        let sized = |sizing| Groups.sized(group(2, 4, 3), sizing, Some([1, 4]));
        assert_eq!(sized(Sizing::AtLeast(3)), group(3, 4, 3));
        assert_eq!(sized(Sizing::Raised(6)), group(6, 6, 6));
        assert_eq!(sized(Sizing::Empty), group(0, 0, 0));
        assert_eq!(sized(Sizing::File), group(1, 4, 3));
        assert_eq!(sized(Sizing::Left), group(2, 4, 3));
    }

    fn object_of(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }
}
