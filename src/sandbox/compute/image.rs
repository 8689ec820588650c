//! Making images.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::shared::{Making, Shared, on_disk};
use super::{Image, ImageSource, Report, base, folder};

/// Makes an image's folder and reports it; `cancelled` ends it early.
pub async fn make(shared: Arc<Shared>, image: Image, cancelled: Arc<AtomicBool>) {
    let made =
        if shared.image(&image.id).is_dir() { Ok(()) } else { fill(&shared, &image, &cancelled).await };
    if cancelled.load(Ordering::Relaxed) {
        return;
    }
    let (making, report) = match made {
        Ok(()) => (Making::Made, Report::ImageMade { image: image.id.clone() }),
        Err(why) => (Making::Failed(why.clone()), Report::ImageFailed { image: image.id.clone(), why }),
    };
    shared.images.send_modify(|images| {
        images.insert(image.id, making);
    });
    shared.report(report);
    shared.settled.notify_one();
}

async fn fill(shared: &Shared, image: &Image, cancelled: &Arc<AtomicBool>) -> Result<(), String> {
    let to = shared.image(&image.id);
    let source = match &image.from {
        ImageSource::Base(name) => {
            let name = name.clone();
            return on_disk(move || base::write(&name, &to)).await.map_err(|error| error.to_string());
        }
        ImageSource::Instance(id) => shared.machine_root(id),
        ImageSource::Image(id) => shared.image_made(id).await?,
        ImageSource::Folder(path) => path.clone(),
    };
    // A machine's folder is neither removed nor booted in while it is copied.
    let lock = match &image.from {
        ImageSource::Instance(id) => Some(shared.lock(id).read_owned().await),
        _ => None,
    };
    let (from, cancelled) = (source.clone(), cancelled.clone());
    let copied = on_disk(move || folder::copy(&from, &to, &cancelled)).await;
    drop(lock);
    copied.map_err(|error| describe(&error, &format!("{} cannot be copied", source.display())))
}

/// The failed action and its reason, for people.
pub fn describe(error: &io::Error, what: &str) -> String {
    format!("{what}: {}", why(error))
}

/// Why, for people.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
