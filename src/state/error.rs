//! Faults of the state, told to the person who has to correct them.

use std::path::PathBuf;

use super::file::parent;
use super::lock::Holder;

/// The refusals of `state/`. Unless it says otherwise, nothing was changed.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
pub enum StateError {
    #[error("the snapshot `{}` does not read: {reason}", path.display())]
    #[diagnostic(code(bgform::state::corrupt))]
    Corrupt {
        path: PathBuf,
        reason: String,
        #[help]
        help: String,
    },

    #[error("the snapshot `{}` is not as bgform wrote it: its checksum does not match", path.display())]
    #[diagnostic(code(bgform::state::checksum))]
    Checksum {
        path: PathBuf,
        #[help]
        help: String,
    },

    #[error("`{}` is missing, though `{}` is there", path.display(), left.display())]
    #[diagnostic(code(bgform::state::missing))]
    Missing {
        path: PathBuf,
        /// The files that show that there was a snapshot.
        left: PathBuf,
        #[help]
        help: String,
    },

    #[error("the snapshot `{}` has format {found}; this bgform reads formats up to {newest}", path.display())]
    #[diagnostic(
        code(bgform::state::newer_version),
        help(
            "it was written by bgform {bgform}: install that version or a later one; nothing was changed, and this one must not write here"
        )
    )]
    NewerVersion { path: PathBuf, found: u64, newest: u32, bgform: String },

    #[error("`{}` belongs to another state: its lineage is {found}, not {expected}", path.display())]
    #[diagnostic(
        code(bgform::state::wrong_lineage),
        help(
            "two states were mixed in one place; nothing was changed. Put the file that belongs here back, or give each stack a place of its own"
        )
    )]
    WrongLineage { path: PathBuf, expected: String, found: String },

    #[error("the state in `{}` is that of `{made_by}`, and this is `{file}`", path.display())]
    #[diagnostic(
        code(bgform::state::another_file),
        help(
            "nothing was changed. If these are two stacks, one of them needs another name than \"{stack}\" in its `stack` block, or a state elsewhere with --state. If it is one stack whose file was moved, say so once: give the same command with --adopt-state"
        )
    )]
    AnotherFile { path: PathBuf, stack: String, made_by: String, file: String },

    #[error("the folder `{}` belongs to user {owner}, and this is user {user}", path.display())]
    #[diagnostic(
        code(bgform::state::another_owner),
        help(
            "nothing was changed: whoever owns the folder decides what is in it. See `ls -ld {0}`. Run the command as that user; or, if the folder is yours, `sudo chown -R {user} {0}`; where owners mean nothing, as on some shared disks, give --adopt-state with each command", path.display()
        )
    )]
    AnotherOwner { path: PathBuf, owner: u32, user: u32 },

    #[error("the place `{}` does not keep two writers apart: it took a write whose condition ({header}) does not hold", path.display())]
    #[diagnostic(
        code(bgform::state::unconditional),
        help(
            "nothing was changed in the account. A state in S3 needs a server with conditional writes, such as S3 itself or a MinIO of 2024-09 or later; or keep it in a folder with --state"
        )
    )]
    Unconditional { path: PathBuf, header: &'static str },

    #[error("line {line} of the journal `{}` is damaged: {reason}", path.display())]
    #[diagnostic(code(bgform::state::journal_record))]
    JournalRecord {
        path: PathBuf,
        line: usize,
        reason: String,
        #[help]
        help: String,
    },

    #[error("the journal `{}` goes on at record {found}, but the snapshot beside it ends at record {reached}", path.display())]
    #[diagnostic(
        code(bgform::state::journal_gap),
        help(
            "the snapshot was probably replaced by an older one; nothing was changed. `bgform state restore` puts the newest serial of `bgform state history` back, or, with --serial, another one, and sets the journal aside"
        )
    )]
    JournalGap { path: PathBuf, reached: u64, found: u64 },

    #[error("the state in `{}` is in use by {holder}", path.display())]
    #[diagnostic(code(bgform::state::locked))]
    Locked {
        path: PathBuf,
        holder: Box<Holder>,
        #[help]
        help: String,
    },

    #[error("the lock of the state in `{}` was taken over by {}{}", path.display(), who(by), silence(*silent))]
    #[diagnostic(
        code(bgform::state::taken_over),
        help(
            "this run ends here: it has written nothing since, and began no call that is not in the journal. Who has the lock looks at what was under way; when it has ended, `bgform plan` shows what is left to do"
        )
    )]
    TakenOver {
        path: PathBuf,
        by: Option<Box<Holder>>,
        /// Seconds since this process last renewed it.
        silent: u64,
    },

    #[error("the state in `{}` has been moved to `{to}`", parent(path).display())]
    #[diagnostic(
        code(bgform::state::moved),
        help("nothing was changed. Write `state = \"{to}\"` into the `stack` block, or pass --state '{to}'")
    )]
    Moved { path: PathBuf, to: String },

    #[error("there is a state in `{}` already: {found}", path.display())]
    #[diagnostic(
        code(bgform::state::occupied),
        help(
            "nothing was changed there. Name another place; a state that is whole can be moved away first with `bgform state migrate`, and remains that nobody needs can be deleted"
        )
    )]
    Occupied { path: PathBuf, found: String },

    #[error("`{}`: {reason}", path.display())]
    #[diagnostic(code(bgform::state::bucket))]
    Bucket {
        path: PathBuf,
        reason: String,
        #[help]
        help: String,
    },

    #[error("the state in `{}` changed between reading and locking it", path.display())]
    #[diagnostic(
        code(bgform::state::stale),
        help("another bgform finished in between; nothing was changed. Run the command again")
    )]
    Stale { path: PathBuf },

    #[error("there is no serial {serial} in `{}`", path.display())]
    #[diagnostic(
        code(bgform::state::no_such_serial),
        help("`bgform state history` lists the kept ones: the last {kept}")
    )]
    NoSuchSerial { path: PathBuf, serial: u64, kept: usize },

    #[error("`{}` cannot be read: {reason}", path.display())]
    #[diagnostic(
        code(bgform::state::unreadable),
        help("see who may read it with `ls -ld {0}`; bgform makes its files for their owner only", path.display())
    )]
    Unreadable { path: PathBuf, reason: String },

    #[error("`{}` cannot be written: {reason}", path.display())]
    #[diagnostic(
        code(bgform::state::unwritable),
        help(
            "all that was durable before stands. See who may write it with `ls -ld {0}` and whether the disk is read-only with `findmnt -T {1}`; then run the same command again", path.display(), parent(path).display()
        )
    )]
    Unwritable { path: PathBuf, reason: String },

    #[error("the disk is full: `{}` cannot be written", path.display())]
    #[diagnostic(
        code(bgform::state::full),
        help(
            "all that was durable before stands. Make room (`df -h {}` shows the disk), then run the same command again", parent(path).display()
        )
    )]
    Full { path: PathBuf },

    #[error("{what} cannot be saved, as it could not be read again: {reason}")]
    #[diagnostic(
        code(bgform::state::not_storable),
        help(
            "nothing was written and no call was made for it. A value nested deeper than 100 does this: make it flatter. Anything else is a mistake in bgform: please report it with this text"
        )
    )]
    NotStorable { what: String, reason: String },

    #[error("the journal `{}` takes no more records since one could not be made durable: {reason}", path.display())]
    #[diagnostic(
        code(bgform::state::journal_closed),
        help(
            "the run ends here, so that nothing happens that is not written down. Put the disk right and run the same command again: it goes on from the last durable record"
        )
    )]
    JournalClosed { path: PathBuf, reason: String },
}

fn who(holder: &Option<Box<Holder>>) -> String {
    holder.as_ref().map_or_else(|| "another bgform".to_owned(), ToString::to_string)
}

fn silence(seconds: u64) -> String {
    match seconds {
        0..5 => String::new(),
        _ => format!(", as this process had shown no life for {seconds} s"),
    }
}
