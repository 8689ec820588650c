//! The bake: makes an available image from a source, and leaves the source as it was, whatever happens in
//! between.
//!
//! A source that was started for a bake carries the tag [`STARTED_TAG`] from before it is started until it is
//! stopped again, so that a later run knows to stop it.

use std::time::Duration;

use aws_sdk_ec2::types::{self as t, Image, ImageState, InstanceStateName};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Spec, command, images};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::Tags;
use crate::kind::ec2::{FILTER_VALUES, filter, is_ours, made_by, own_tags, set_tags, tag};
use crate::kind::instance::state;
use crate::kind::operation::{Operation, Poll};

/// The tag with the whole hash of a bake.
pub const BAKE_TAG: &str = "bgform:bake";
/// The tag of a source with the operation that started it and will stop it.
const STARTED_TAG: &str = "bgform:started";

/// The identity of a bake: its source and everything that decides the content.
pub fn hash(spec: &Spec) -> String {
    let what = json!({
        "source": spec.source,
        "name": spec.name,
        "run": spec.run,
        "no_reboot": spec.no_reboot,
    });
    hex::encode(Sha256::digest(what.to_string().as_bytes()))
}

/// The name at EC2: the author's name and the first 8 characters of the hash.
pub fn full_name(name: &str, hash: &str) -> String {
    format!("{name}-{}", hash.get(..8).unwrap_or(hash))
}

/// Returns an image of this bake: an existing one, or a new one.
pub async fn bake(op: &Operation<'_>, spec: &Spec) -> Result<String, Error> {
    let hash = hash(spec);
    for image in images(op.cloud, vec![filter(format!("tag:{BAKE_TAG}"), [&hash])]).await? {
        let id = image.image_id().unwrap_or_default().to_owned();
        match image.state() {
            Some(ImageState::Available | ImageState::Pending) => {
                op.progress(&format!("{id} was baked from the same source in the same way"));
                available(op, &id, spec).await?;
                return Ok(id);
            }
            // A failed image would keep the name.
            Some(ImageState::Failed | ImageState::Error | ImageState::Invalid)
                if is_ours(op, image.tags.as_deref()) =>
            {
                discard(op, &image).await?;
            }
            _ => {}
        }
    }
    let stop_again = must_be_stopped(op, &spec.source).await?;
    let baked = prepare_and_copy(op, spec, &hash, stop_again).await;
    if !stop_again {
        return baked;
    }
    match (baked, release(op, &spec.source).await) {
        (baked, Ok(())) => baked,
        (Ok(_), Err(error)) => Err(error),
        (Err(Error::Failed { message, help }), Err(stop)) => Err(Error::failed(
            format!("{message}\nand the source `{}` could not be stopped again: {stop}", spec.source),
            format!("{help}; the next `bgform apply` stops the source first"),
        )),
        // The first error's class decides how the run goes on, so that error is returned.
        (Err(error), Err(stop)) => {
            op.progress(&format!("{} could not be stopped again: {stop}", spec.source));
            Err(error)
        }
    }
}

/// Tells whether the source is to be stopped after the bake: it is stopped now, or an earlier bake started
/// it.
async fn must_be_stopped(op: &Operation<'_>, source: &str) -> Result<bool, Error> {
    if state::settled(op, source).await? == InstanceStateName::Stopped {
        return Ok(true);
    }
    Ok(is_started_by_a_bake(op, source).await?.unwrap_or_default())
}

/// Tells whether a bake started the source; `None` if the source is gone.
async fn is_started_by_a_bake(op: &Operation<'_>, source: &str) -> Result<Option<bool>, Error> {
    let found = state::instance(op.cloud, source).await?;
    Ok(found.map(|found| tag(found.instance.tags.as_deref(), STARTED_TAG).is_some()))
}

async fn prepare_and_copy(
    op: &Operation<'_>,
    spec: &Spec,
    hash: &str,
    stopped: bool,
) -> Result<String, Error> {
    let source = spec.source.as_str();
    if !spec.run.is_empty() {
        if stopped {
            let mark = Tags::from([(STARTED_TAG.to_owned(), op.id.clone())]);
            set_tags(op, source, &mark).await?;
            op.made("started", source).await?;
            op.progress(&format!("starting {source}"));
            state::start(op, source).await?;
        }
        command::run(op, spec, hash, stopped).await?;
    }
    if stopped {
        op.progress(&format!("stopping {source}"));
        state::stop(op, source).await?;
    }
    let id = copy(op, spec, hash).await?;
    available(op, &id, spec).await?;
    Ok(id)
}

/// `CreateImage`. A running source is rebooted by EC2 unless `no_reboot` is set (API_CreateImage).
async fn copy(op: &Operation<'_>, spec: &Spec, hash: &str) -> Result<String, Error> {
    let ec2 = &op.cloud.ec2;
    let mut tags = spec.tags.clone();
    tags.insert(BAKE_TAG.to_owned(), hash.to_owned());
    let tags = own_tags(op, t::ResourceType::Image, &tags);
    let name = full_name(&spec.name, hash);
    let answer = op
        .call(Service::Ec2, "CreateImage", Repeat::OnThrottle, || {
            ec2.create_image()
                .instance_id(&spec.source)
                .name(&name)
                .set_description(spec.description.clone())
                .no_reboot(spec.no_reboot)
                .set_tag_specifications(tags.clone().map(|tags| vec![tags]))
                .send()
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.image_id.unwrap_or_default()),
        Err(error) if error.already_exists() => {
            let made = || async {
                let same = images(op.cloud, vec![filter(format!("tag:{BAKE_TAG}"), [hash])]).await?;
                Ok(same.into_iter().find_map(|image| image.image_id))
            };
            op.said_twice(error, made).await
        }
        Err(error) => Err(error),
    }
}

/// Waits until the image can be launched. A failed image is deleted, so that its name is free.
async fn available(op: &Operation<'_>, id: &str, spec: &Spec) -> Result<(), Error> {
    let limit = Duration::from_secs_f64(spec.available_timeout);
    let until = format!("image {id} is available");
    let waited = op.wait(&until, limit, || async {
        let found = images(op.cloud, vec![filter("image-id", [id])]).await?;
        let Some(image) = found.into_iter().next() else {
            return Ok(Poll::Pending("not visible yet".to_owned()));
        };
        Ok(match image.state() {
            Some(ImageState::Available) => Poll::Ready(Ok(())),
            Some(ImageState::Failed | ImageState::Error | ImageState::Invalid) => Poll::Ready(Err(image)),
            Some(ImageState::Deregistered) => Poll::Gone,
            Some(state) => Poll::Pending(state.as_str().to_owned()),
            None => Poll::Pending("in no state yet".to_owned()),
        })
    });
    let Err(failed) = waited.await? else { return Ok(()) };
    let reason =
        failed.state_reason().and_then(|reason| reason.message()).unwrap_or("no reason given").to_owned();
    discard(op, &failed).await?;
    Err(Error::failed(
        format!("EC2 could not copy `{}` into image {id}: {reason}", spec.source),
        "mend the cause and run `bgform apply` again: it bakes again from the beginning",
    ))
}

/// Stops a source that a bake started, and removes the tag. A source that is gone, or that no bake started,
/// is left alone.
pub async fn release(op: &Operation<'_>, source: &str) -> Result<(), Error> {
    if is_started_by_a_bake(op, source).await? != Some(true) {
        return Ok(());
    }
    op.progress(&format!("stopping {source}"));
    state::stop(op, source).await?;
    let ec2 = &op.cloud.ec2;
    op.call(Service::Ec2, "DeleteTags", Repeat::Safe, || {
        ec2.delete_tags().resources(source).tags(t::Tag::builder().key(STARTED_TAG).build()).send()
    })
    .await?;
    Ok(())
}

/// Returns the image that an earlier run of this operation made, once it is available. Leaves the source
/// stopped if it was stopped before.
pub async fn find(op: &Operation<'_>, spec: &Spec) -> Result<Option<String>, Error> {
    let found = images(op.cloud, made_by(op)).await?;
    match release(op, &spec.source).await {
        Err(error) if error.is_gone() => {}
        released => released?,
    }
    for image in found {
        let id = image.image_id().unwrap_or_default();
        match image.state() {
            Some(ImageState::Deregistered) => {}
            _ => {
                return match available(op, id, spec).await {
                    // The failed image was deleted.
                    Err(Error::Failed { message, .. }) => {
                        Err(Error::gone(format!("image {id} is available"), message))
                    }
                    ended => ended.map(|()| Some(id.to_owned())),
                };
            }
        }
    }
    Ok(None)
}

pub fn snapshots(image: &Image) -> Vec<String> {
    let devices = image.block_device_mappings().iter();
    devices.filter_map(|device| device.ebs()?.snapshot_id().map(str::to_owned)).collect()
}

/// Deregisters an image and deletes its snapshots, except those that other images use.
pub async fn discard(op: &Operation<'_>, image: &Image) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    let id = image.image_id().unwrap_or_default();
    let deregistered = op
        .call(Service::Ec2, "DeregisterImage", Repeat::Safe, || {
            ec2.deregister_image().image_id(id).delete_associated_snapshots(true).send()
        })
        .await;
    match deregistered {
        Err(error) if !error.is_not_found() => return Err(error),
        _ => {}
    }
    // Some emulators of this API do not have DeleteAssociatedSnapshots yet.
    delete_snapshots(op, &snapshots(image)).await
}

/// Deletes those of these snapshots that exist and that no other image uses.
pub async fn delete_snapshots(op: &Operation<'_>, ids: &[String]) -> Result<(), Error> {
    let ec2 = &op.cloud.ec2;
    for some in ids.chunks(FILTER_VALUES) {
        let describe = || ec2.describe_snapshots().filters(filter("snapshot-id", some)).send();
        let left = op.cloud.read(Service::Ec2, "DescribeSnapshots", describe).await?;
        for snapshot in left.snapshots().iter().filter_map(|snapshot| snapshot.snapshot_id()) {
            let deleted = op
                .call(Service::Ec2, "DeleteSnapshot", Repeat::Safe, || {
                    ec2.delete_snapshot().snapshot_id(snapshot).send()
                })
                .await;
            match deleted {
                // `InvalidSnapshot.InUse`: another image has it too.
                Err(error) if error.is_not_found() || error.already_exists() || error.is_in_use() => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
    }
    Ok(())
}
