//! `existing availability_zones`: the zones of the region that the account may use.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Existing;
use super::ec2::{filter, outputs, typed};
use super::schema::{Schema, Type, attribute, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

/// All zones that match, sorted by name.
pub struct ExistingAvailabilityZones;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "availability_zones",
    doc: "The region's zones that are available to the account, sorted by name. \
          `availability_zones.NAME.ids` is the list of their names.",
    attributes: vec![
        attribute(
            "zone_type",
            Type::Choice(&["availability-zone", "local-zone", "wavelength-zone"]),
            "The type of the zones. Local and Wavelength Zones are those that the account has opted in to.",
        )
        .default("availability-zone"),
        attribute("ids", Type::string().set(), "Only zones of these names, such as us-east-1a."),
        attribute("zone_ids", Type::string().set(), "Only zones of these ids, such as use1-az1."),
        attribute("exclude", Type::string().set(), "Names of zones that are left out."),
    ],
    outputs: vec![
        output("id", "The name, such as us-east-1a."),
        output("name", "The name."),
        output("zone_id", "The zone's id, the same in every account."),
        output("group_name", "The group of zones that are opted in to together."),
        output("network_border_group", "Where its addresses are advertised."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    zone_type: String,
    ids: Option<Vec<String>>,
    zone_ids: Option<Vec<String>>,
    #[serde(default)]
    exclude: Vec<String>,
}

impl Existing for ExistingAvailabilityZones {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ec2:DescribeAvailabilityZones"]
    }

    fn member_kind(&self) -> Option<&'static str> {
        Some("availability_zone")
    }

    /// The API answers without pages, and only zones that the account may use, unless it is asked for all
    /// (API_DescribeAvailabilityZones).
    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let mut filters = vec![filter("state", ["available"]), filter("zone-type", [wanted.zone_type])];
        filters.extend(wanted.ids.map(|names| filter("zone-name", names)));
        filters.extend(wanted.zone_ids.map(|ids| filter("zone-id", ids)));
        let send = || cloud.ec2.describe_availability_zones().set_filters(Some(filters.clone())).send();
        let answer = cloud.read(Service::Ec2, "DescribeAvailabilityZones", send).await?;
        let mut zones = answer.availability_zones.unwrap_or_default();
        zones.retain(|zone| !wanted.exclude.iter().any(|name| zone.zone_name() == Some(name)));
        zones.sort_by(|a, b| a.zone_name.cmp(&b.zone_name));
        let found = zones.iter().map(|zone| {
            outputs([
                ("id", zone.zone_name().into()),
                ("name", zone.zone_name().into()),
                ("zone_id", zone.zone_id().into()),
                ("group_name", zone.group_name().into()),
                ("network_border_group", zone.network_border_group().into()),
            ])
        });
        Ok(found.collect())
    }
}
