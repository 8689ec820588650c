//! Who ships, as the facts name them: the user, the host, and the commit of the checkout.

use std::path::Path;

use crate::rollout::decide::Author;
use crate::stack::Program;
use crate::state::Holder;

/// Who ships, and from which commit of the checkout that holds the stack.
pub(super) fn author(program: &Program) -> Author {
    Author { by: who(), commit: commit(&program.folder()) }
}

/// Who gives a command, as `user@host`.
pub fn who() -> String {
    let Holder { user, host, .. } = Holder::this_process("");
    format!("{user}@{host}")
}

/// What `HEAD` of the checkout around a folder names.
pub fn commit(folder: &Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    let git = absolute.ancestors().map(|folder| folder.join(".git")).find(|git| git.is_dir())?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref: ") else { return Some(head.to_owned()) };
    let loose = std::fs::read_to_string(git.join(name)).ok().map(|text| text.trim().to_owned());
    loose.or_else(|| {
        let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
        let line = packed.lines().find(|line| line.ends_with(&format!(" {name}")))?;
        line.split_once(' ').map(|(commit, _)| commit.to_owned())
    })
}
