//! Files that commands write to a user's path: whole or not at all, through a link to its target, and never
//! over anything but a plain file.

use std::io::{Error, ErrorKind, Write};
use std::path::Path;

/// The permissions of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Those of the earlier file; the owner alone if there was none.
    AsBefore,
    Owner,
}

/// Replaces a file, or makes it.
///
/// # Errors
/// When the path exists and is no plain file, or it cannot be written; everything is then unchanged.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> std::io::Result<()> {
    let is_there = path.symlink_metadata().is_ok();
    let path = if is_there { std::fs::canonicalize(path)? } else { path.to_path_buf() };
    let before = if is_there { Some(std::fs::metadata(&path)?) } else { None };
    if before.as_ref().is_some_and(|meta| !meta.is_file()) {
        return Err(Error::new(ErrorKind::Unsupported, "it is no plain file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only its owner can read it from the start, under an unpredictable name.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    if let (Some(meta), Readers::AsBefore) = (before, readers) {
        file.as_file().set_permissions(meta.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
