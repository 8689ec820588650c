//! `route53_record`: records of one name and type in a hosted zone.
//!
//! A record has no tags and no id of its own, so nothing in it tells whose it is. One that stands already is
//! refused before anything is sent; a call that was begun and whose answer was lost has made the record if it
//! stands exactly as it was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeInfo, ChangeStatus, GeoLocation, ResourceRecord,
    ResourceRecordSet as Set, ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use futures_util::future::try_join_all;
use serde::Deserialize;

use super::schema::{Schema, Wrong};
use super::{Boxed, Kind, Live, Named, Permissions, Update, Wanted};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::answers::{Members, list};
use crate::kind::operation::{Operation, Poll, Tagged};
use crate::object;
use crate::state::Record;
use crate::value::{Object, Value};

mod schema;
mod text;

use schema::SCHEMA;

/// Records of one name and type.
pub struct Route53Record;

const SERVICE: Service = Service::Route53;

/// Maximum time until all name servers have a change: within 60 seconds as a rule
/// (API_ChangeResourceRecordSets), and later when Route 53 is disturbed.
const IN_SYNC: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Spec {
    hosted_zone: String,
    name: String,
    r#type: String,
    ttl: Option<i64>,
    #[serde(default)]
    records: Vec<String>,
    alias: Option<Alias>,
    set_identifier: String,
    weight: Option<i64>,
    region: Option<String>,
    failover: Option<String>,
    multi_value_answer: Option<bool>,
    geo_location: Option<Place>,
    health_check: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Alias {
    dns_name: String,
    zone_id: String,
    evaluate_target_health: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Place {
    continent_code: Option<String>,
    country_code: Option<String>,
    subdivision_code: Option<String>,
}

/// What tells the records of a zone apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Labels from the last to the first: the order in which Route 53 lists them (API_ListResourceRecordSets).
    labels: Vec<String>,
    of_type: String,
    identifier: Option<String>,
}

impl Key {
    fn of(name: &str, of_type: &str, identifier: Option<&str>) -> Self {
        let labels = text::domain(name).rsplit('.').map(str::to_owned).collect();
        Self { labels, of_type: of_type.to_owned(), identifier: identifier.map(str::to_owned) }
    }

    fn of_set(set: &Set) -> Self {
        Self::of(set.name(), set.r#type().as_str(), set.set_identifier())
    }

    fn name(&self) -> String {
        self.labels.iter().rev().map(String::as_str).collect::<Vec<_>>().join(".")
    }

    /// The id of a record, which [`parsed`] takes apart.
    fn id(&self, zone: &str) -> String {
        let identifier = self.identifier.as_ref().map(|text| format!("/{text}")).unwrap_or_default();
        // A slash in a name is written as Route 53 writes it.
        format!("{zone}/{}/{}{identifier}", self.name().replace('/', "\\057"), self.of_type)
    }
}

/// The zone and the key of an id.
fn parsed(id: &str) -> Option<(String, Key)> {
    let mut parts = id.splitn(4, '/');
    let (zone, name, of_type) = (parts.next()?, parts.next()?, parts.next()?);
    Some((zone.to_owned(), Key::of(name, of_type, parts.next())))
}

impl Spec {
    fn key(&self) -> Key {
        Key::of(&self.name, &self.r#type, self.identifier())
    }

    fn identifier(&self) -> Option<&str> {
        Some(self.set_identifier.as_str()).filter(|text| !text.is_empty())
    }

    fn id(&self) -> String {
        self.key().id(&self.hosted_zone)
    }

    fn set(&self) -> Result<Set, Error> {
        let records: Result<Vec<_>, _> = self
            .records
            .iter()
            .map(|value| ResourceRecord::builder().value(text::to_api(&self.r#type, value)).build())
            .collect();
        let alias = self.alias.as_ref().map(|alias| {
            let target = AliasTarget::builder().dns_name(&alias.dns_name).hosted_zone_id(&alias.zone_id);
            target.evaluate_target_health(alias.evaluate_target_health).build()
        });
        let place = self.geo_location.as_ref().map(|place| {
            GeoLocation::builder()
                .set_continent_code(place.continent_code.clone())
                .set_country_code(place.country_code.clone())
                .set_subdivision_code(place.subdivision_code.clone())
                .build()
        });
        let records = records.map_err(unbuilt)?;
        Set::builder()
            .name(&self.name)
            .r#type(RrType::from(self.r#type.as_str()))
            .set_ttl(self.ttl)
            .set_resource_records((!records.is_empty()).then_some(records))
            .set_alias_target(alias.transpose().map_err(unbuilt)?)
            .set_set_identifier(self.identifier().map(str::to_owned))
            .set_weight(self.weight)
            .set_region(self.region.as_deref().map(ResourceRecordSetRegion::from))
            .set_failover(self.failover.as_deref().map(ResourceRecordSetFailover::from))
            .set_multi_value_answer(self.multi_value_answer)
            .set_geo_location(place)
            .set_health_check_id(self.health_check.clone())
            .build()
            .map_err(unbuilt)
    }

    /// Whether the record that stands is as this one is to be.
    fn is(&self, standing: &Set) -> bool {
        let live = SCHEMA.canonical(&inputs_of(&self.hosted_zone, standing));
        let live = serde_json::from_value::<Self>(Value::Object(live).to_plain_json());
        live.is_ok_and(|live| live == *self)
    }
}

fn unbuilt(error: aws_smithy_types::error::operation::BuildError) -> Error {
    Error::failed(
        format!("the record cannot be said to Route 53: {error}"),
        "report it with the block as it is",
    )
}

fn inputs_of(zone: &str, set: &Set) -> Object {
    let of_type = set.r#type().as_str();
    let values = set.resource_records().iter().map(|record| text::from_api(of_type, record.value()));
    let alias = set.alias_target().map(|alias| {
        object! {
            "dns_name" => text::domain(alias.dns_name()),
            "zone_id" => alias.hosted_zone_id(),
            "evaluate_target_health" => alias.evaluate_target_health(),
        }
    });
    let place = set.geo_location().map(|place| {
        Members::new()
            .set("continent_code", place.continent_code())
            .set("country_code", place.country_code())
            .set("subdivision_code", place.subdivision_code())
            .value()
    });
    let records = if set.resource_records().is_empty() { Value::Null } else { list(values) };
    Object::from_iter([
        ("hosted_zone".to_owned(), zone.into()),
        ("name".to_owned(), text::domain(set.name()).into()),
        ("type".to_owned(), of_type.into()),
        ("ttl".to_owned(), set.ttl().into()),
        ("records".to_owned(), records),
        ("alias".to_owned(), alias.unwrap_or_default()),
        ("set_identifier".to_owned(), set.set_identifier().unwrap_or_default().into()),
        ("weight".to_owned(), set.weight().into()),
        ("region".to_owned(), set.region().map(ResourceRecordSetRegion::as_str).into()),
        ("failover".to_owned(), set.failover().map(ResourceRecordSetFailover::as_str).into()),
        ("multi_value_answer".to_owned(), set.multi_value_answer().into()),
        ("geo_location".to_owned(), place.unwrap_or_default()),
        ("health_check".to_owned(), set.health_check_id().into()),
    ])
}

/// The records of a zone from a key on: those of one page. Empty if there is no such zone.
async fn page(cloud: &Cloud, zone: &str, from: &Key) -> Result<Vec<Set>, Error> {
    let send = || {
        let list = cloud.route53.list_resource_record_sets().hosted_zone_id(zone);
        let list = list.start_record_name(from.name()).start_record_type(RrType::from(from.of_type.as_str()));
        list.set_start_record_identifier(from.identifier.clone()).send()
    };
    match cloud.read(SERVICE, "ListResourceRecordSets", send).await {
        Ok(page) => Ok(page.resource_record_sets),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The wanted records of a zone. Each call begins at one of them, and has those of the same page too.
async fn of_zone(cloud: &Cloud, zone: &str, mut wanted: BTreeSet<Key>) -> Result<Vec<Set>, Error> {
    let mut found = Vec::new();
    while let Some(first) = wanted.pop_first() {
        let sets = page(cloud, zone, &first).await?;
        found.extend(sets.into_iter().filter(|set| {
            let key = Key::of_set(set);
            key == first || wanted.remove(&key)
        }));
    }
    Ok(found)
}

/// The record that stands at a key.
async fn standing(cloud: &Cloud, zone: &str, key: &Key) -> Result<Option<Set>, Error> {
    Ok(of_zone(cloud, zone, BTreeSet::from([key.clone()])).await?.into_iter().next())
}

fn change(action: ChangeAction, set: Set) -> Result<Change, Error> {
    Change::builder().action(action).resource_record_set(set).build().map_err(unbuilt)
}

/// Sends changes, which are made all together or not at all.
async fn send(op: &Operation<'_>, zone: &str, changes: Vec<Change>, repeat: Repeat) -> Result<(), Error> {
    // The comment is in GetChange's answer, for the person who looks there.
    let batch = ChangeBatch::builder().comment(format!("bgform {}", op.id)).set_changes(Some(changes));
    let batch = batch.build().map_err(unbuilt)?;
    let send = op.cloud.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    let answer = op.call(SERVICE, "ChangeResourceRecordSets", repeat, || send.clone().send()).await?;
    match answer.change_info {
        Some(info) => in_sync(op, &info).await,
        None => Ok(()),
    }
}

/// Waits until all name servers have a change.
async fn in_sync(op: &Operation<'_>, info: &ChangeInfo) -> Result<(), Error> {
    let mut known = info.status.clone();
    let look = || {
        let first = std::mem::replace(&mut known, ChangeStatus::Pending);
        async move {
            let status = match first {
                ChangeStatus::Insync => first,
                _ => {
                    let send = || op.cloud.route53.get_change().id(info.id()).send();
                    let answer = op.cloud.read(SERVICE, "GetChange", send).await?;
                    answer.change_info.map_or(ChangeStatus::Pending, |info| info.status)
                }
            };
            match status {
                ChangeStatus::Insync => Ok(Poll::Ready(())),
                other => Ok(Poll::Pending(other.as_str().to_owned())),
            }
        }
    };
    op.wait("all name servers have the change", IN_SYNC, look).await
}

/// Tells whether Route 53 refused the changes for what stands in the zone.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Cloud(answer) if answer.code.as_deref() == Some("InvalidChangeBatch"))
}

/// The id of the record, if it stands as the operation asked for it.
async fn made(op: &Operation<'_>, spec: &Spec) -> Result<Option<String>, Error> {
    let standing = standing(op.cloud, &spec.hosted_zone, &spec.key()).await?;
    Ok(standing.filter(|set| spec.is(set)).map(|_| spec.id()))
}

impl Kind for Route53Record {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &["route53:GetChange", "route53:ListResourceRecordSets"],
            write: &["route53:ChangeResourceRecordSets"],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let (zone, key, id) = (&spec.hosted_zone, spec.key(), spec.id());
        if let Some(theirs) = standing(op.cloud, zone, &key).await? {
            if op.is_repeat() && spec.is(&theirs) {
                return Ok(id);
            }
            return Err(Error::failed(
                format!(
                    "`{}` of type {} stands already in zone {zone}, and is not this stack's",
                    key.name(),
                    key.of_type
                ),
                format!(
                    "nothing was changed. To take it over, run `bgform import '{}' '{id}'`; or take it away, or choose \
                     another name",
                    op.address
                ),
            ));
        }
        let changes = vec![change(ChangeAction::Create, spec.set()?)?];
        match send(op, zone, changes, Repeat::Safe).await {
            // An earlier attempt whose answer was lost may have made it.
            Err(error) if is_refused(&error) => op.said_twice(error, || made(op, &spec)).await,
            done => done.map(|()| id),
        }
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let mut zones: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
        for (zone, key) in wanted.iter().filter_map(|one| parsed(one.id)) {
            zones.entry(zone).or_default().insert(key);
        }
        let reads = zones.into_iter().map(|(zone, keys)| async move {
            let found = of_zone(cloud, &zone, keys).await?;
            Ok::<_, Error>((zone, found))
        });
        let mut live = BTreeMap::new();
        for (zone, sets) in try_join_all(reads).await? {
            for set in sets {
                let id = Key::of_set(&set).id(&zone);
                let name = text::domain(set.name());
                let outputs = Object::from_iter([
                    ("id".to_owned(), id.as_str().into()),
                    ("name".to_owned(), name.into()),
                ]);
                live.insert(id, Live { inputs: inputs_of(&zone, &set), outputs });
            }
        }
        Ok(live)
    }

    /// What stands is deleted, exactly as it was read, and the other put, all in one change: somebody else's
    /// change meanwhile makes it fail.
    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let after = &update.after;
        let standing = standing(op.cloud, &after.hosted_zone, &after.key()).await?;
        let mut changes = vec![change(ChangeAction::Upsert, after.set()?)?];
        match standing {
            Some(standing) if after.is(&standing) => return Ok(()),
            Some(standing) => changes.insert(0, change(ChangeAction::Delete, standing)?),
            None => {}
        }
        match send(op, &after.hosted_zone, changes, Repeat::Safe).await {
            Err(error) if is_refused(&error) => op.said_twice(error, || made(op, after)).await.map(|_| ()),
            done => done,
        }
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let Some((zone, key)) = parsed(&record.id) else { return Ok(()) };
        let Some(set) = standing(op.cloud, &zone, &key).await? else { return Ok(()) };
        match send(op, &zone, vec![change(ChangeAction::Delete, set)?], Repeat::Safe).await {
            Err(error) if is_refused(&error) => match standing(op.cloud, &zone, &key).await? {
                None => Ok(()),
                Some(_) => Err(error),
            },
            done => done,
        }
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        made(op, &spec).await
    }

    fn check(&self, inputs: &Object) -> Vec<Wrong> {
        schema::check(inputs)
    }

    fn in_the_way(&self, before: &Object, after: &Object) -> bool {
        schema::in_the_way(before, after)
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        schema::beside(inputs, named)
    }

    /// Records have no tags: those of a lost state are not noticed.
    fn tagged<'a>(
        &'a self,
        _cloud: &'a Cloud,
        _stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsInput;
        let set = Set::builder().name("").r#type(RrType::A).build();
        let input = ChangeResourceRecordSetsInput::builder().build();
        input
            .iter()
            .map(|input| format!("{input:?}"))
            .chain(set.iter().map(|set| format!("{set:?}")))
            .collect()
    }
}
