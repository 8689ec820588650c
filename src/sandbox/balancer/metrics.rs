//! The counters' way into the region's metrics (application, load-balancer-cloudwatch-metrics).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::config::Protocol;
use super::control::Control;
use super::groups::{Condition, Group};
use super::nodes::Listener;
use super::plane::Plane;
use crate::clock;
use crate::cloudwatch::Metrics;
use crate::cloudwatch::metrics::{Metric, Points};

/// The interval at which counters are added to the metrics.
const EVERY: Duration = Duration::from_secs(1);

/// Adds the counters to the metrics and closes idle connections, while it is polled and the balancer exists.
pub async fn follow(plane: Arc<Plane>, control: Weak<Mutex<Control>>, metrics: Arc<Metrics>) {
    let mut harvest = Harvest { metrics, seen: HashMap::new() };
    loop {
        clock::sleep(EVERY).await;
        let Some(control) = control.upgrade() else { return };
        let (listeners, groups) = {
            let control = control.lock().unwrap_or_else(PoisonError::into_inner);
            (control.listeners(), control.groups())
        };
        let at = plane.clock.now();
        for listener in &listeners {
            harvest.listener(listener, at);
        }
        for (group, balancer) in &groups {
            for target in &group.members().all {
                target.pool.sweep();
            }
            if let Some(balancer) = balancer {
                harvest.group(group, balancer, at);
            }
        }
    }
}

/// The amounts added so far, by metric and owner.
struct Harvest {
    metrics: Arc<Metrics>,
    seen: HashMap<(String, &'static str), u64>,
}

impl Harvest {
    /// The growth of a counter since the last look.
    fn grown(&mut self, whose: &str, name: &'static str, now: u64) -> u64 {
        let seen = self.seen.entry((whose.to_owned(), name)).or_default();
        // A listener that came anew counts from zero.
        let more = if now < *seen { now } else { now - *seen };
        *seen = now;
        more
    }

    fn add(&self, of: &Of, name: &str, at: jiff::Timestamp, points: Points) {
        let metric = Metric {
            namespace: of.namespace.to_owned(),
            name: name.to_owned(),
            dimensions: of.dimensions.clone(),
        };
        self.metrics.add(&metric, at, points);
    }

    fn sum(&self, of: &Of, name: &str, at: jiff::Timestamp, more: u64) {
        if more > 0 {
            let value = more as f64;
            // Each request is a sample of 1.
            let points = Points { sum: value, samples: value, minimum: 1.0, maximum: 1.0, spread: None };
            self.add(of, name, at, points);
        }
    }

    fn gauge(&self, of: &Of, name: &str, at: jiff::Timestamp, value: f64) {
        let points = Points { sum: value, samples: 1.0, minimum: value, maximum: value, spread: None };
        self.add(of, name, at, points);
    }

    fn listener(&mut self, listener: &Arc<Listener>, at: jiff::Timestamp) {
        let settings = listener.settings();
        let (counts, whose) = (&listener.counts, settings.arn.as_str());
        let of = Of::new(&settings.balancer, None);
        let open = counts.connections.get().saturating_sub(counts.ended.get());
        let new = self.grown(whose, "connections", counts.connections.get());
        if settings.protocol == Protocol::Tcp {
            self.sum(&of, "NewFlowCount", at, new);
            self.gauge(&of, "ActiveFlowCount", at, open as f64);
            let bytes = self.grown(whose, "bytes", counts.bytes.get());
            return self.sum(&of, "ProcessedBytes", at, bytes);
        }
        self.sum(&of, "NewConnectionCount", at, new);
        if open > 0 {
            self.sum(&of, "ActiveConnectionCount", at, open);
        }
        let [_, own_3, own_4, own_5] = &counts.own;
        let [two, three, four, five] = &counts.targets;
        for (name, counter) in [
            ("RequestCount", &counts.requests),
            ("HTTPCode_Target_2XX_Count", two),
            ("HTTPCode_Target_3XX_Count", three),
            ("HTTPCode_Target_4XX_Count", four),
            ("HTTPCode_Target_5XX_Count", five),
            ("HTTPCode_ELB_3XX_Count", own_3),
            ("HTTPCode_ELB_4XX_Count", own_4),
            ("HTTPCode_ELB_5XX_Count", own_5),
            ("HTTPCode_ELB_502_Count", &counts.own_502),
            ("HTTPCode_ELB_503_Count", &counts.own_503),
            ("HTTPCode_ELB_504_Count", &counts.own_504),
            ("TargetConnectionErrorCount", &counts.unreached),
        ] {
            let more = self.grown(whose, name, counter.get());
            self.sum(&of, name, at, more);
        }
    }

    fn group(&mut self, group: &Arc<Group>, balancer: &str, at: jiff::Timestamp) {
        let members = group.members();
        let of = Of::new(balancer, Some(&members.config.suffix));
        let (mut healthy, mut unhealthy) = (0.0, 0.0);
        for target in members.all.iter().filter(|target| !target.draining.load(Relaxed)) {
            match target.condition() {
                Condition::Healthy => healthy += 1.0,
                Condition::Unhealthy => unhealthy += 1.0,
                Condition::Initial => {}
            }
        }
        self.gauge(&of, "HealthyHostCount", at, healthy);
        self.gauge(&of, "UnHealthyHostCount", at, unhealthy);
        if of.namespace != APPLICATION {
            return;
        }
        let whose = group.arn.as_str();
        let requests = self.grown(whose, "RequestCount", group.counts.requests.get());
        self.sum(&of, "RequestCount", at, requests);
        if requests > 0 {
            let each = requests as f64 / f64::max(healthy, 1.0);
            self.gauge(&of, "RequestCountPerTarget", at, each);
        }
        let [two, three, four, five] = &group.counts.targets;
        for (name, counter) in [
            ("HTTPCode_Target_2XX_Count", two),
            ("HTTPCode_Target_3XX_Count", three),
            ("HTTPCode_Target_4XX_Count", four),
            ("HTTPCode_Target_5XX_Count", five),
            ("TargetConnectionErrorCount", &group.counts.unreached),
        ] {
            let more = self.grown(whose, name, counter.get());
            self.sum(&of, name, at, more);
        }
        if let Some(times) = group.counts.take_times() {
            self.add(&Of::new(balancer, None), "TargetResponseTime", at, times.clone());
            self.add(&of, "TargetResponseTime", at, times);
        }
    }
}

const APPLICATION: &str = "AWS/ApplicationELB";

/// Namespace and dimensions.
struct Of {
    namespace: &'static str,
    dimensions: BTreeMap<String, String>,
}

impl Of {
    /// `balancer` is such as `app/edge/50dc6c495c0c9188`, `group` such as `targetgroup/...`.
    fn new(balancer: &str, group: Option<&str>) -> Self {
        let namespace = if balancer.starts_with("net/") { "AWS/NetworkELB" } else { APPLICATION };
        let mut dimensions = BTreeMap::from([("LoadBalancer".to_owned(), balancer.to_owned())]);
        if let Some(group) = group {
            dimensions.insert("TargetGroup".to_owned(), group.to_owned());
        }
        Self { namespace, dimensions }
    }
}
