//! The handlers of control calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::{Advance, Crash, ImageMade, Moved, NewImage, Refused, status};
use crate::faults::{Fault, Faults};
use crate::region::{OpenError, Region};
use crate::server::Shared;
use crate::{compute, ec2};

/// Adds all faults or, if one is malformed, none.
pub fn add_faults(faults: &Faults, texts: &[String]) -> Result<(), Refused> {
    let parsed: Result<Vec<Fault>, _> = texts.iter().map(|text| text.parse()).collect();
    for fault in parsed.map_err(|error: crate::faults::NoFault| Refused::bad(error.to_string()))? {
        faults.add(fault);
    }
    Ok(())
}

pub fn advance(shared: &Shared, by: Advance) -> Result<Moved, Refused> {
    let clock = &shared.options.clock;
    if !clock.is_manual() {
        let text = "the clock of this sandbox runs by itself; only a manual one is moved";
        return Err(Refused(StatusCode::CONFLICT, text.to_owned()));
    }
    clock.advance(Duration::from_millis(by.milliseconds));
    Ok(Moved { now: clock.now() })
}

pub async fn image(shared: &Shared, new: NewImage) -> Result<ImageMade, Refused> {
    if !new.folder.is_dir() {
        return Err(Refused::bad(format!("{} is no folder", new.folder.display())));
    }
    let region = shared.region(&new.region).await.map_err(|error| match error {
        OpenError::NoRegion { .. } => Refused::bad(error.to_string()),
        error => Refused::broken(error),
    })?;
    let id = add_image(&region, &new)?;
    region.in_effect().await.map_err(Refused::broken)?;
    Ok(ImageMade { id })
}

fn add_image(region: &Region, new: &NewImage) -> Result<String, Refused> {
    let description = Some(new.description.as_str()).filter(|text| !text.is_empty());
    let made = region
        .change(|state, now| ec2::images::add_image(state, &new.name, description, new.folder.clone(), now));
    made.map_err(|refusal| Refused::bad(refusal.message))
}

pub async fn crash(shared: &Shared, wanted: &Crash) -> Result<(), Refused> {
    let id = wanted.instance.as_str();
    for region in shared.regions().await {
        let Some(state) = status::instances(&region).remove(id) else { continue };
        if state != "running" {
            return Err(Refused(
                StatusCode::CONFLICT,
                format!("{id} is {state}: it has no process to be killed"),
            ));
        }
        region.compute.crash(id);
        return Ok(());
    }
    Err(Refused::none(format!("there is no instance {id}")))
}

pub async fn log(shared: &Arc<Shared>, query: Option<&str>) -> Result<PathBuf, Refused> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let of = pairs.into_iter().find(|(name, _)| name == "of").map(|(_, value)| value.into_owned());
    let of = of.ok_or_else(|| Refused::bad("whose log? of=i-..., of=calls or of=access"))?;
    find_log(shared.regions().await.iter().map(|region| region.setup.folder.clone()), &of)
        .ok_or_else(|| Refused::none(format!("there is no log of {of}")))
}

/// The log of an instance, of the calls or of the load balancers, in the first of the regions' folders that
/// has it.
pub fn find_log(folders: impl IntoIterator<Item = PathBuf>, of: &str) -> Option<PathBuf> {
    let plain = of.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let path = |folder: PathBuf| match of {
        "calls" => folder.join("calls.log"),
        "access" => folder.join("access.log"),
        instance => compute::console(&folder, instance),
    };
    plain.then(|| folders.into_iter().map(path).find(|path| path.is_file())).flatten()
}
