//! Files that commands write where a person names them: whole or not at all, through a link to what it
//! names, and never in the place of something else than a plain file.

use std::io::{Error, ErrorKind, Write};
use std::path::Path;

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever could read what was there before; the owner alone where nothing was.
    AsBefore,
    Owner,
}

/// Replaces a file, or makes it.
///
/// # Errors
/// When something is there that is no plain file, or it cannot be written; then all is as before.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> std::io::Result<()> {
    let is_there = path.symlink_metadata().is_ok();
    let path = if is_there { std::fs::canonicalize(path)? } else { path.to_path_buf() };
    let before = if is_there { Some(std::fs::metadata(&path)?) } else { None };
    if before.as_ref().is_some_and(|meta| !meta.is_file()) {
        return Err(Error::new(ErrorKind::Unsupported, "it is no plain file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Its owner's alone from the start, under a name that nobody knows.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    if let (Some(meta), Readers::AsBefore) = (before, readers) {
        file.as_file().set_permissions(meta.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
