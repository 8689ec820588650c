//! A state in S3, or in a server with its API: conditional writes keep two writers apart
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>). The journal is objects
//! `journal/NNNNNNNNNNNN.jsonl`, one for each write, each put only if its number is free. A new holder puts
//! the next number first, so that a late holder's next write is refused.
//!
//! The rest of `state/` is synchronous; the calls run on threads of their own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use super::error::StateError;
use super::medium::{Append, Claim, Medium, Object, Only, Version};
use s3::{AT_ONCE, Failure, S3, get, status};

mod s3;
mod settings;

pub use settings::BucketSettings;

/// The first bytes of a segment that only marks a new writer.
const MARK: &[u8] = b"{\"fence\":";

pub(super) struct Bucket {
    settings: Arc<BucketSettings>,
    place: PathBuf,
    s3: OnceLock<Arc<S3>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.place).finish()
    }
}

impl Bucket {
    pub(super) fn new(settings: BucketSettings) -> Self {
        let place = PathBuf::from(settings.to_string());
        Self { settings: Arc::new(settings), place, s3: OnceLock::new() }
    }

    fn s3(&self) -> Result<&Arc<S3>, StateError> {
        if let Some(s3) = self.s3.get() {
            return Ok(s3);
        }
        let s3 = Arc::new(S3::connect(&self.settings, &self.place)?);
        Ok(self.s3.get_or_init(|| s3))
    }

    /// Checks, with a lock that was just put, that the server refuses to put an existing object and to
    /// replace a changed one. A server that accepts such a write cannot keep two writers apart.
    fn heeds_conditions(&self, lock: &str, bytes: &[u8]) -> Result<(), StateError> {
        let s3 = self.s3()?;
        // The text differs, so that the refusal is not taken for that of a repeat.
        let other = [bytes, b"\n"].concat();
        let another = format!("\"{:032x}\"", rand::random::<u128>());
        for (header, only) in [("If-None-Match", Only::Absent), ("If-Match", Only::If(&another))] {
            if s3.put(lock, &other, only)?.is_some() {
                self.delete(lock)?;
                return Err(StateError::Unconditional { path: self.place.clone(), header });
            }
        }
        Ok(())
    }

    fn segments(&self) -> Result<Vec<u64>, StateError> {
        let names = self.names("journal")?;
        let mut numbers: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".jsonl")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn segment(number: u64) -> String {
    format!("journal/{number:012}.jsonl")
}

impl Medium for Bucket {
    fn place(&self) -> &Path {
        &self.place
    }

    fn prepare(&self, _adopt: bool) -> Result<(), StateError> {
        // A bucket needs no folders.
        self.s3().map(drop)
    }

    fn probe(&self) -> Result<(), StateError> {
        // The lock was just written, so there is room.
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        self.s3()?.get(name)
    }

    fn version(&self, name: &str) -> Result<Option<Version>, StateError> {
        let s3 = self.s3()?;
        let head = s3.client.head_object().bucket(&self.settings.bucket).key(s3.key(name));
        s3.run(name, "HeadObject", async move {
            match head.send().await {
                Ok(head) => Ok(Some(head.e_tag.unwrap_or_default())),
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(Failure::of(error)),
            }
        })
    }

    fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<Version>, StateError> {
        self.s3()?.put(name, bytes, only)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, StateError> {
        let s3 = self.s3()?;
        let prefix = s3.key(&format!("{folder}/"));
        let list = s3.client.list_objects_v2().bucket(&self.settings.bucket).prefix(&prefix);
        s3.run(folder, "ListObjectsV2", async move {
            let mut names = Vec::new();
            let mut pages = list.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(Failure::of)?;
                let keys = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&prefix));
                names.extend(keys.map(str::to_owned));
            }
            Ok(names)
        })
    }

    fn delete(&self, name: &str) -> Result<bool, StateError> {
        // S3 does not tell whether the object existed.
        let was = self.version(name)?.is_some();
        self.s3()?.delete(vec![name.to_owned()])?;
        Ok(was)
    }

    fn journal(&self) -> Result<Vec<u8>, StateError> {
        let s3 = self.s3()?;
        let (client, bucket) = (s3.client.clone(), self.settings.bucket.clone());
        let keys: Vec<String> = self.segments()?.into_iter().map(|number| s3.key(&segment(number))).collect();
        let all = s3.run("journal", "GetObject", async move {
            let each = keys.into_iter().map(|key| get(client.clone(), bucket.clone(), key));
            let all: Vec<_> = stream::iter(each).buffered(AT_ONCE).collect().await;
            all.into_iter().collect::<Result<Vec<_>, _>>()
        })?;
        // A missing segment was folded into a newer snapshot, which the reader will see.
        let segments = all.into_iter().flatten().map(|object| object.bytes);
        Ok(segments.filter(|bytes| !bytes.starts_with(MARK)).flatten().collect())
    }

    fn open_journal(&self, fence: u64) -> Result<Box<dyn Append>, StateError> {
        let s3 = Arc::clone(self.s3()?);
        let session = hex::encode(rand::random::<[u8; 8]>());
        let mark = [MARK, format!("{fence},\"session\":\"{session}\"}}\n").as_bytes()].concat();
        loop {
            let next = self.segments()?.last().map_or(1, |last| last + 1);
            if s3.put(&segment(next), &mark, Only::Absent)?.is_some() {
                return Ok(Box::new(Segments { s3, next: next + 1 }));
            }
        }
    }

    fn empty_journal(&self, may: &dyn Fn() -> Result<(), StateError>) -> Result<(), StateError> {
        let mut numbers = self.segments()?;
        // The last one stays, so that numbers never start again.
        numbers.pop();
        may()?;
        match numbers.is_empty() {
            true => Ok(()),
            false => self.s3()?.delete(numbers.into_iter().map(segment).collect()),
        }
    }

    fn claim(&self, name: &str, bytes: &[u8]) -> Result<Option<Box<dyn Claim>>, StateError> {
        let s3 = Arc::clone(self.s3()?);
        let Some(version) = s3.put(name, bytes, Only::Absent)? else { return Ok(None) };
        self.heeds_conditions(name, bytes)?;
        Ok(Some(Box::new(Lock { s3, name: name.to_owned(), version })))
    }

    fn is_held(&self, _name: &str) -> Result<Option<bool>, StateError> {
        Ok(None)
    }

    fn lease(&self) -> Duration {
        self.settings.lease.unwrap_or(super::lock::TTL)
    }

    fn beat(&self) -> Duration {
        self.lease() / 7
    }

    fn trust(&self) -> Duration {
        self.lease() / 2
    }
}

/// The journal from a number on.
#[derive(Debug)]
struct Segments {
    s3: Arc<S3>,
    next: u64,
}

impl Append for Segments {
    fn go_on(&mut self, _sound: &[u8]) -> Result<(), StateError> {
        // An object is whole or missing.
        Ok(())
    }

    fn cut(&mut self, sound: &[u8]) -> Result<(), StateError> {
        // The caller has kept a copy.
        let old = (1..self.next).map(segment).collect();
        self.s3.delete(old)?;
        self.append(sound)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        if self.s3.put(&segment(self.next), bytes, Only::Absent)?.is_none() {
            return Err(StateError::TakenOver {
                path: PathBuf::from(self.s3.settings.to_string()),
                by: None,
                silent: 0,
            });
        }
        self.next += 1;
        Ok(())
    }
}

#[derive(Debug)]
struct Lock {
    s3: Arc<S3>,
    name: String,
    version: Version,
}

impl Claim for Lock {
    fn renew(&mut self, bytes: &[u8]) -> Result<bool, StateError> {
        match self.s3.put(&self.name, bytes, Only::If(&self.version))? {
            Some(version) => self.version = version,
            None => return Ok(false),
        }
        Ok(true)
    }

    fn release(&mut self, bytes: &[u8]) {
        let _ = self.s3.put(&self.name, bytes, Only::If(&self.version));
    }
}
