//! The handlers of control calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::{Advance, Crash, ImageMade, Moved, NewImage, Refused, status};
use crate::compute::ImageSource;
use crate::ecs::images;
use crate::faults::{Fault, Faults};
use crate::region::{OpenError, Region};
use crate::server::Shared;
use crate::{compute, ec2, ecs};

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
    let id = match images::is_tag(&new.name) {
        true => add_container_image(&region, &new).await?,
        false => add_image(&region, &new)?,
    };
    region.in_effect().await.map_err(Refused::broken)?;
    Ok(ImageMade { id })
}

/// Its digest, when its folder is copied.
async fn add_container_image(region: &Region, new: &NewImage) -> Result<String, Refused> {
    let digest = compute::digest(&new.folder).await.map_err(Refused::broken)?;
    let from = ImageSource::Folder(new.folder.clone());
    let put = region.change::<(), std::convert::Infallible>(|state, _| {
        images::put(state, &new.name, &digest, from);
        Ok(())
    });
    let _ = put;
    let made = region.until(|state| state.ecs.images.all.get(&digest)?.made.clone()).await;
    made.unwrap_or_else(|| Err("the region is closed".to_owned())).map_err(Refused::broken)?;
    Ok(digest)
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
    for region in shared.regions().await {
        let state = region.look();
        let Some(task) = state.ecs.tasks.values().find(|task| task.id == ecs::last(id)) else { continue };
        if !task.is_up() {
            return Err(Refused(StatusCode::CONFLICT, format!("{id} has no process to be killed")));
        }
        for container in &task.containers {
            region.compute.crash(&container.machine(&task.id));
        }
        return Ok(());
    }
    Err(Refused::none(format!("there is no instance {id}, and no task")))
}

pub async fn log(shared: &Arc<Shared>, query: Option<&str>) -> Result<PathBuf, Refused> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let of = pairs.into_iter().find(|(name, _)| name == "of").map(|(_, value)| value.into_owned());
    let of = of.ok_or_else(|| Refused::bad("whose log? of=i-..., of=calls or of=access"))?;
    find_log(shared.regions().await.iter().map(|region| region.setup.folder.clone()), &of)
        .ok_or_else(|| Refused::none(format!("there is no log of {of}")))
}

/// The log of an instance or of a task's container (`TASK-CONTAINER`), of the calls or of the load balancers, in the first of the regions'
/// folders that has it.
pub fn find_log(folders: impl IntoIterator<Item = PathBuf>, of: &str) -> Option<PathBuf> {
    let plain = of.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let path = |folder: PathBuf| match of {
        "calls" => folder.join("calls.log"),
        "access" => folder.join("access.log"),
        instance => compute::console(&folder, instance),
    };
    plain.then(|| folders.into_iter().map(path).find(|path| path.is_file())).flatten()
}
