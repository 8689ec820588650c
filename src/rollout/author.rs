//! The author of a release, as the facts name it: the user, the host, and the commit of the checkout.

use std::path::{Path, PathBuf};

use crate::rollout::decide::Author;
use crate::stack::Program;
use crate::state::Holder;

/// The author of the release, and the commit of the checkout that holds the stack.
pub(super) fn author(program: &Program) -> Author {
    Author { by: who(), commit: commit(&program.folder()) }
}

/// The variables in which a CI names the author of a job, and those that hold the link to the job.
const ACTORS: [&str; 5] =
    ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILDKITE_BUILD_CREATOR", "CIRCLE_USERNAME", "BUILD_USER_ID"];
const LINKS: [&str; 4] = ["CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL"];

/// The author of a command: `user@host`, or in a CI `actor, LINK OF THE JOB`.
pub fn who() -> String {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(actor) = ACTORS.iter().find_map(set) else {
        let Holder { user, host, .. } = Holder::this_process("");
        return format!("{user}@{host}");
    };
    let run = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"].each_ref().map(set);
    let link = match run {
        [Some(server), Some(repository), Some(run)] => {
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        }
        _ => LINKS.iter().find_map(set),
    };
    link.map_or_else(|| actor.clone(), |link| format!("{actor}, {link}"))
}

/// The commit that `HEAD` names in the checkout around a folder; an empty path is the current folder.
pub fn commit(folder: &Path) -> Option<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let absolute = std::path::absolute(folder).ok()?;
    let git = absolute.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    let read = |path: PathBuf| Some(std::fs::read_to_string(path).ok()?.trim().to_owned());
    // In a linked work tree, `.git` is a file (gitrepository-layout).
    let (git, common) = match git.is_dir() {
        true => (git.clone(), git),
        false => {
            let beside = git.parent()?.join(read(git.clone())?.strip_prefix("gitdir: ")?);
            let common = read(beside.join("commondir")).map(|common| beside.join(common));
            (beside.clone(), common.unwrap_or(beside))
        }
    };
    let head = read(git.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ") else { return Some(head) };
    read(common.join(name)).or_else(|| {
        let packed = std::fs::read_to_string(common.join("packed-refs")).ok()?;
        let line = packed.lines().find(|line| line.ends_with(&format!(" {name}")))?;
        line.split_once(' ').map(|(commit, _)| commit.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "files of a test")]
    fn the_commit_of_a_checkout_and_of_a_work_tree_beside_it_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("one/.git/HEAD", "ref: refs/heads/main\n");
        write("one/.git/refs/heads/main", "abc\n");
        write("one/.git/packed-refs", "def refs/heads/other\n");
        write("one/stacks/web.deploy", "");
        write("two/.git", "gitdir: ../one/.git/worktrees/two\n");
        write("one/.git/worktrees/two/HEAD", "ref: refs/heads/other\n");
        write("one/.git/worktrees/two/commondir", "../..\n");
        assert_eq!(commit(&folder.path().join("one/stacks")).as_deref(), Some("abc"));
        assert_eq!(commit(&folder.path().join("two")).as_deref(), Some("def"));
        assert_eq!(commit(folder.path()), None);
        // A stack in the current folder has an empty folder in its name.
        assert_eq!(commit(Path::new("")), commit(Path::new(".")));
    }
}
