//! What a row refuses at its edge, sent past the checks: AWS's tables refuse it too, or the rule stands in
//! `BEYOND` with the page that says it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bgform::address::Address;
use bgform::kind;
use bgform::kind::schema::{Attribute, Parts, Type};
use bgform::state::Record;
use bgform::value::{Object, Value};

use super::values::{join, labelled};
use super::{ELSEWHERE, Fuzz, cases};

/// Rules that the sandbox does not have, by the row or the block: whose they are. EC2 holds most of a launch
/// template's data against nothing until it launches (CreateLaunchTemplate).
const BEYOND: &[(&str, &str)] = &[
    ("autoscaling_group.default_cooldown", "[model] an integer: ours is a year"),
    ("autoscaling_group.health_check_grace_period", "[model] an integer: ours is a year"),
    (
        "autoscaling_group.instance_refresh",
        "API_RefreshPreferences, and `timeout` is ours; sent with a refresh",
    ),
    ("autoscaling_group.max_size", "ours: no page has a largest size"),
    ("autoscaling_group.mixed_instances.instances_distribution", "API_InstancesDistribution"),
    ("autoscaling_group.ready_timeout", "ours: no setting of the group"),
    (
        "autoscaling_group.scaling_policy.customized_metric",
        "API_CustomizedMetricSpecification, API_MetricDatum",
    ),
    ("autoscaling_group.scaling_policy.estimated_instance_warmup", "[model] an integer: ours is a year"),
    ("autoscaling_group.scaling_policy.target_value", "ours: no metric is kept below nothing"),
    ("image.available_timeout", "ours: no setting of the image"),
    ("image.ready_timeout", "ours: no setting of the image"),
    ("instance.key_name", "API_CreateKeyPair"),
    ("instance.root_volume", "API_EbsBlockDevice"),
    ("instance.state", "ours: no setting of RunInstances"),
    ("launch_template.block_device", "API_EbsBlockDevice; `ebs_card_index` is ours: no type has 17 cards"),
    ("launch_template.capacity_reservation", "ours: no id or ARN is longer"),
    ("launch_template.cpu_credits", "API_CreditSpecificationRequest"),
    ("launch_template.cpu_options", "ours: no type has more cores, or more than two threads a core"),
    ("launch_template.iam_instance_profile", "ours: no name or ARN is longer (IAM, API_InstanceProfile)"),
    ("launch_template.instance_type", "API_RunInstances, InstanceType"),
    ("launch_template.keep_versions", "ours: no setting of the template"),
    ("launch_template.key_name", "API_CreateKeyPair"),
    ("launch_template.licenses", "ours: no ARN is longer"),
    (
        "launch_template.network_interface",
        "API_InstanceNetworkInterfaceSpecification; counts are ours: no type has more",
    ),
    ("launch_template.placement", "API_Placement; lengths are ours"),
    ("launch_template.spot", "API_SpotMarketOptions; the length of a price is ours"),
    (
        "listener.default_action.redirect.status_code",
        "API_RedirectActionConfig; the wire has words for two only",
    ),
    ("listener_rule.action.authenticate_cognito", "ours: the model has no bound"),
    (
        "listener_rule.action.redirect.status_code",
        "API_RedirectActionConfig; the wire has words for two only",
    ),
];

/// Whether an entry of `BEYOND` is of a row.
fn is_of(entry: &str, row: &str) -> bool {
    row.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The rows of a schema that hold a value without parts, by path; only those that AWS is told of.
fn rows(attributes: &'static [Attribute], path: &str, found: &mut Vec<(String, &'static Type)>) {
    for attribute in attributes {
        let path = join(path, attribute.name);
        match &attribute.ty {
            Type::Block(inner) | Type::Blocks { attributes: inner, .. } => rows(inner, &path, found),
            Type::Labelled { variants, .. } => {
                variants.iter().for_each(|(label, inner)| rows(inner, &join(&path, label), found));
            }
            Type::List(item) | Type::Set(item) => found.push((path, item)),
            plain => found.push((path, plain)),
        }
    }
}

/// Values one beyond what a type takes.
fn beyond(ty: &Type) -> Vec<Value> {
    let long = |max: &usize| Value::String("a".repeat(max + 1));
    let seconds = |seconds: u64| Value::Duration(Duration::from_secs(seconds));
    match ty {
        Type::Integer { min, max } => vec![Value::Number((min - 1) as f64), Value::Number((max + 1) as f64)],
        Type::Number { min, .. } => vec![Value::Number(min - 1.0)],
        Type::Percent { min, max } => vec![Value::Percent(min - 1.0), Value::Percent(max + 1.0)],
        Type::Duration { min, max } => min.checked_sub(1).into_iter().chain([max + 1]).map(seconds).collect(),
        Type::String { max } | Type::Text { max } => vec![long(max)],
        Type::Choice(_) => vec!["nonesuch".into()],
        _ => Vec::new(),
    }
}

/// The value with another one at a path; `None` where it has no such place.
fn with(ty: &Type, value: &Value, path: &str, at: &str, edge: &Value) -> Option<Value> {
    if path == at {
        return Some(match ty {
            Type::List(_) | Type::Set(_) => Value::List(vec![edge.clone()]),
            _ => edge.clone(),
        });
    }
    match ty.parts(value) {
        Parts::Items(item, items) if ty.is_block() => {
            let (number, made) = items
                .iter()
                .enumerate()
                .find_map(|(number, one)| Some((number, with(item, one, path, at, edge)?)))?;
            let mut items = items.to_vec();
            items[number] = made;
            Some(Value::List(items))
        }
        Parts::Block(attributes, members) => {
            let inside = labelled(path, ty, value);
            let (name, made) = attributes.iter().find_map(|one| {
                let path = join(&inside, one.name);
                let leads = at == path || at.starts_with(&format!("{path}."));
                let value = members.get(one.name)?;
                Some((one.name, with(&one.ty, value, &path, at, edge).filter(|_| leads)?))
            })?;
            let mut members = members.clone();
            members.insert(name.to_owned(), made);
            Some(Value::Object(members))
        }
        _ => None,
    }
}

impl Fuzz {
    /// Right inputs of all sorts, each row of the top in several.
    fn right(&mut self) -> Vec<Object> {
        let mut pool = Vec::new();
        for row in &self.kind.schema().attributes {
            for number in 0..40 {
                let base = self.base.clone();
                let mut inputs = if number % 2 == 0 { base } else { self.away_from(&base, 3) };
                let now = inputs.get(row.name).cloned().unwrap_or(Value::Null);
                let Some(value) = self.values.value(&row.ty, row.name, &now) else { continue };
                inputs.insert(row.name.to_owned(), value);
                if self.kind.check(&self.kind.schema().canonical(&inputs)).is_empty() {
                    pool.push(inputs);
                }
            }
        }
        pool
    }

    /// How AWS answers inputs with an edge in the place of a row; `None` where none of the pool has the place.
    async fn answer(&mut self, pool: &[Object], at: &str, edge: &Value) -> Option<Result<(), String>> {
        let row = self.kind.schema().attribute(at.split('.').next()?)?;
        let broken = pool.iter().filter_map(|inputs| {
            let value = with(&row.ty, inputs.get(row.name)?, row.name, at, edge)?;
            let mut inputs = inputs.clone();
            inputs.insert(row.name.to_owned(), value);
            Some(inputs)
        });
        for inputs in broken.take(12) {
            self.made += 1;
            let name = format!("edge{}", self.made);
            let address = Address::new(self.kind.schema().kind, &name);
            let op = self.world.operation(&address, "create");
            let canonical = self.kind.schema().canonical(&inputs);
            match self.kind.create(&op, &canonical).await {
                Ok(id) => {
                    self.gone(&address, &id, &inputs).await;
                    return Some(Ok(()));
                }
                Err(error) if ELSEWHERE.iter().any(|code| error.to_string().contains(code)) => {}
                Err(error) => return Some(Err(error.to_string())),
            }
        }
        None
    }

    /// Takes one away, so that its name is free again.
    async fn gone(&self, address: &Address, id: &str, inputs: &Object) {
        let Some(live) = self.read(address, id, &BTreeSet::new(), inputs).await else { return };
        let record =
            Record { id: id.to_owned(), inputs: live.inputs, outputs: live.outputs, ..Record::default() };
        let op = self.world.operation(address, "delete");
        let _ = self.kind.delete(&op, &record).await;
    }
}

/// Holds every row of a kind against AWS's answer to what is one beyond it.
async fn edges_are_awss(kind: &str) {
    let kind = kind::find_managed(kind).expect("a kind");
    let mut found = Vec::new();
    rows(&kind.schema().attributes, "", &mut found);
    let (all, _) = cases(kind.schema().kind);
    let told = |name: &str| BEYOND.iter().any(|(entry, _)| is_of(entry, name));
    let (mut refused, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (case, number) in all.iter().zip(71..) {
        let mut fuzz = Fuzz::of(kind, case, &[], number).await;
        let pool = fuzz.right();
        for (path, ty) in &found {
            for edge in beyond(ty) {
                let shown: String = edge.to_plain_json().to_string().chars().take(12).collect();
                let name = format!("{}.{path}", kind.schema().kind);
                let edge_of = (name.clone(), shown.clone());
                if refused.contains_key(&edge_of) || (told(&name) && taken.contains(&edge_of)) {
                    continue;
                }
                match fuzz.answer(&pool, path, &edge).await {
                    Some(Err(error)) => drop(refused.insert((name, shown), error)),
                    Some(Ok(())) => drop(taken.insert((name, shown))),
                    None => {}
                }
            }
        }
    }
    for ((name, edge), error) in &refused {
        println!("refused: {name} = {edge}: {}", error.chars().take(160).collect::<String>());
    }
    taken.retain(|one| !refused.contains_key(one));
    println!("{} edges refused, {} taken", refused.len(), taken.len());
    assert!(!refused.is_empty(), "no edge was tried");
    let untold: BTreeSet<_> = taken.iter().map(|(name, _)| name).filter(|name| !told(name)).collect();
    assert!(untold.is_empty(), "{} rows refuse what AWS takes:\n{untold:#?}", untold.len());
    let own = format!("{}.", kind.schema().kind);
    let stale = BEYOND.iter().map(|(row, _)| *row).filter(|row| row.starts_with(&own));
    let stale: Vec<_> = stale.filter(|row| !taken.iter().any(|(name, _)| is_of(row, name))).collect();
    assert!(stale.is_empty(), "AWS refuses these itself: {stale:?}");
}

macro_rules! edges {
    ($($name:ident: $kind:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            edges_are_awss($kind).await;
        }
    )*};
}

edges! {
    edges_of_a_security_group_are_awss: "security_group";
    edges_of_a_target_group_are_awss: "target_group";
    edges_of_a_load_balancer_are_awss: "load_balancer";
    edges_of_a_listener_are_awss: "listener";
    edges_of_a_listener_rule_are_awss: "listener_rule";
    edges_of_a_launch_template_are_awss: "launch_template";
    edges_of_an_instance_are_awss: "instance";
    edges_of_an_image_are_awss: "image";
    edges_of_an_autoscaling_group_are_awss: "autoscaling_group";
}
