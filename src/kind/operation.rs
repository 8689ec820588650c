//! The context of a kind's `create`, `update`, `delete` and `find`: the identity of the operation (its names,
//! tokens and tags), and the only way to make a mutating call, which is in the journal before it is sent.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sha2::{Digest, Sha256};

use super::Tags;
use super::shutdown::Shutdown;
use crate::address::Address;
use crate::cloud::error::{Class, Error, Service, WaitEnd};
use crate::cloud::{Cloud, Repeat};
use crate::facts::Stage;
use crate::state::{Call, Entry, Journal, Made};

/// The tags that every resource of bgform carries from its creating call on.
pub const STACK_TAG: &str = "bgform:stack";
pub const ADDRESS_TAG: &str = "bgform:address";
pub const OPERATION_TAG: &str = "bgform:operation";

/// An address as a tag's value: `target_group.web:blue` for `target_group.web["blue"]`. Elastic Load
/// Balancing takes only letters, digits, spaces and `+-=._:/@` in it (API_Tag).
fn as_tag(address: &str) -> String {
    let letters = address.chars().filter(|letter| !matches!(letter, '"' | ']'));
    let written = |letter: char| match letter {
        '[' => ':',
        letter if letter.is_alphanumeric() || " +-=._:/@".contains(letter) => letter,
        _ => '_',
    };
    let tag: String = letters.map(written).collect();
    match tag.char_indices().nth(LONGEST_TAG) {
        None => tag,
        // A resource deep in modules; the digest keeps it apart from its neighbours.
        Some(_) => {
            let kept: String = tag.chars().take(LONGEST_TAG - 9).collect();
            format!("{kept}-{}", hex::encode(&Sha256::digest(address.as_bytes())[..4]))
        }
    }
}

/// Maximum number of characters in the value of a tag (Tag naming limits and requirements, in the guide to
/// tagging AWS resources).
const LONGEST_TAG: usize = 256;

/// A resource with the tags of its creating call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub id: String,
    /// The value of [`ADDRESS_TAG`].
    pub address: String,
}

impl Tagged {
    /// Returns the resource with this id and these tags; `None` if they are not of `stack`.
    pub fn of<'t>(
        id: Option<&str>,
        stack: &str,
        tags: impl IntoIterator<Item = (Option<&'t str>, Option<&'t str>)>,
    ) -> Option<Self> {
        let tags: std::collections::BTreeMap<_, _> = tags.into_iter().collect();
        let tag = |key: &str| tags.get(&Some(key)).copied().flatten();
        let address = tag(ADDRESS_TAG).unwrap_or_default().to_owned();
        (tag(STACK_TAG) == Some(stack)).then_some(Self { id: id?.to_owned(), address })
    }

    /// Tells whether it was made for this address.
    pub fn is_at(&self, address: &Address) -> bool {
        self.address == as_tag(&address.to_string())
    }
}

/// Time within which a NotFound is retried, since EC2 is eventually consistent
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
pub(crate) const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// Tells whether a tag is bgform's or AWS's own, and so none of the author's.
pub fn is_reserved_tag(key: &str) -> bool {
    key.starts_with("bgform:") || key.starts_with("aws:")
}

/// The tags to set and the keys to remove until the author's are `after`. Reserved tags are left
/// alone.
pub fn tag_changes(before: &Tags, after: &Tags) -> (Tags, Vec<String>) {
    let free = |key: &str| !is_reserved_tag(key);
    let set = after.iter().filter(|(key, value)| free(key) && before.get(*key) != Some(*value));
    let gone = before.keys().filter(|key| free(key) && !after.contains_key(*key));
    (set.map(|(key, value)| (key.clone(), value.clone())).collect(), gone.cloned().collect())
}

/// The receiver of the progress of steps.
pub trait Reporter: Send + Sync {
    /// Replaces the step's last line.
    fn progress(&self, address: &Address, text: &str);

    /// Prints a line that stays.
    fn told(&self, address: &Address, text: &str) {
        self.progress(address, text);
    }

    /// Prints a line that stays and belongs to no step.
    fn say(&self, _text: &str) {}

    /// Reports that a rollout has reached this stage.
    fn entered(&self, _deployment: &Address, _stage: &Stage) {}

    /// Reports that a step has begun; `verb` is its action, such as `create`.
    fn began(&self, _address: &Address, _verb: &str) {}

    /// Reports that a step has succeeded.
    fn done(&self, _address: &Address, _verb: &str, _took: Duration) {}

    /// Reports that a step has failed.
    fn failed(&self, _address: &Address, _verb: &str, _error: &str) {}
}

/// One create, update or delete of one resource.
pub struct Operation<'a> {
    pub cloud: &'a Cloud,
    pub address: &'a Address,
    /// Unique; recorded in the journal and in the [`OPERATION_TAG`].
    pub id: String,
    pub stack: &'a str,
    /// The state's lineage, so that two stacks of the same name never collide.
    pub lineage: &'a str,
    /// Number of times this address has been replaced.
    pub generation: u32,
    pub reporter: &'a dyn Reporter,
    /// Whether traffic leaves a failing group, so that not every target is waited for.
    pub way_back: bool,
    /// Whether other targets leave once those that it adds exist, which must be healthy by then.
    pub relieves: bool,
    /// Whether the caller waits for instances itself, where it needs them: a fleet that is made or whose size
    /// changes does not, nor does a shift of traffic that nobody serves.
    pub unawaited: bool,
    /// Whether the previous operation on the same resource was cut short, and so were its waits.
    pub resumes: bool,
    /// Ends its waits; `None` if the caller ends them.
    shutdown: Option<&'a Shutdown>,
    /// Operations that share its calls: the journal records the calls for each of them.
    with: Vec<String>,
    /// The journal that records calls before they are sent; `None` in tests of a kind alone.
    journal: Option<&'a Journal>,
    /// Number of mutating calls begun.
    ordinal: AtomicU32,
    /// Number of them that were refused, so that they changed nothing.
    refused: AtomicU32,
}

impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("id", &self.id)
            .field("address", self.address)
            .finish_non_exhaustive()
    }
}

/// The result of one look at an awaited condition.
#[derive(Debug)]
pub enum Poll<T> {
    Ready(T),
    /// Not yet: the observation, for the person who waits.
    Pending(String),
    /// The resource is gone and will not come back.
    Gone,
    /// The resource will never be ready: AWS's reason.
    Failed(String),
}

impl<'a> Operation<'a> {
    /// An operation on an address that was never replaced.
    pub fn new(
        cloud: &'a Cloud,
        address: &'a Address,
        id: impl Into<String>,
        stack: &'a str,
        lineage: &'a str,
        reporter: &'a dyn Reporter,
    ) -> Self {
        let (ordinal, refused) = (AtomicU32::new(0), AtomicU32::new(0));
        Self {
            cloud,
            address,
            id: id.into(),
            stack,
            lineage,
            generation: 0,
            reporter,
            way_back: false,
            relieves: false,
            unawaited: false,
            resumes: false,
            shutdown: None,
            with: Vec::new(),
            journal: None,
            ordinal,
            refused,
        }
    }

    /// The same, with every mutating call recorded in `journal` before it is sent.
    #[must_use]
    pub fn journalled(self, journal: &'a Journal) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// The same, with waits that an interrupt ends. The change goes on at AWS, and the next apply waits for
    /// it.
    #[must_use]
    pub fn until(self, shutdown: &'a Shutdown) -> Self {
        Self { shutdown: Some(shutdown), ..self }
    }

    /// The same, with calls shared by other operations.
    #[must_use]
    pub fn with(self, operations: Vec<String>) -> Self {
        Self { with: operations, ..self }
    }

    #[must_use]
    pub fn on_the_way_back(self, way_back: bool) -> Self {
        Self { way_back, ..self }
    }

    #[must_use]
    pub fn relieving(self, relieves: bool) -> Self {
        Self { relieves, ..self }
    }

    #[must_use]
    pub fn awaited_by_the_caller(self, unawaited: bool) -> Self {
        Self { unawaited, ..self }
    }

    #[must_use]
    pub fn after_one_cut_short(self, resumes: bool) -> Self {
        Self { resumes, ..self }
    }

    #[must_use]
    pub fn of_generation(self, generation: u32) -> Self {
        Self { generation, ..self }
    }
}

impl Operation<'_> {
    /// A name of at most `max` characters, unique to the stack, address and generation:
    /// `stack-name-key-1a2b3c4d`. It is stable for one operation, so that a repeat finds the resource.
    pub fn name(&self, max: usize) -> String {
        let identity = format!("{}/{}/{}", self.lineage, self.address, self.generation);
        let hash = hex::encode(&Sha256::digest(identity.as_bytes())[..4]);
        let key = self.address.key.as_deref().map(|key| format!("-{key}")).unwrap_or_default();
        // `module.edge["a"].web` is `edge-a-web`.
        let label = self.address.name.replace("module.", "").replace(['"', ']'], "");
        let words: String = format!("{}-{label}{key}", self.stack)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(max.saturating_sub(hash.len() + 1))
            .collect();
        format!("{}-{hash}", words.trim_matches('-'))
    }

    /// A client token of 64 ASCII characters: the same for the same operation and purpose.
    pub fn token(&self, purpose: &str) -> String {
        hex::encode(Sha256::digest(format!("{}/{purpose}", self.id).as_bytes()))
    }

    /// The declared tags and bgform's own, for the creating call.
    pub fn tags(&self, declared: &Tags) -> Tags {
        let mut tags = declared.clone();
        tags.insert(STACK_TAG.to_owned(), self.stack.to_owned());
        tags.insert(ADDRESS_TAG.to_owned(), as_tag(&self.address.to_string()));
        tags.insert(OPERATION_TAG.to_owned(), self.id.clone());
        tags
    }

    /// Makes a mutating call, which is recorded in the journal before it is sent. `token` is the client token
    /// in the request, if the API takes one.
    pub async fn call<T, E, F, Fut>(
        &self,
        service: Service,
        action: &'static str,
        repeat: Repeat,
        send: F,
    ) -> Result<T, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let ordinal = self.ordinal.fetch_add(1, Ordering::Relaxed);
        if let Some(journal) = self.journal {
            for operation in self.with.iter().chain([&self.id]).cloned() {
                let (service, action) = (service.to_string(), action.to_owned());
                journal
                    .append(Entry::Call(Call { operation, ordinal, service, action, token: None }))
                    .await?;
            }
        }
        // By the next attempt, another process may hold the lock.
        let may = || self.journal.map_or(Ok(()), |journal| Ok(journal.verify()?));
        let answer = self.cloud.send_while(service, action, repeat, may, send).await;
        if answer.as_ref().is_err_and(was_refused) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// Records in the journal what the operation has made or started besides its own resource (an instance
    /// that must be stopped again), so that recovery finds it.
    pub async fn made(&self, what: &str, id: &str) -> Result<(), Error> {
        if let Some(journal) = self.journal {
            let made = Made { operation: self.id.clone(), id: id.to_owned(), what: what.to_owned() };
            journal.append(Entry::Made(made)).await?;
        }
        Ok(())
    }

    /// Tells whether every mutating call so far was refused, or none was begun.
    pub fn changed_nothing(&self) -> bool {
        self.ordinal.load(Ordering::Relaxed) == self.refused.load(Ordering::Relaxed)
    }

    /// Tells whether an earlier run began this create, and its resource was not found.
    pub fn is_repeat(&self) -> bool {
        let unseen = self.journal.map(|journal| journal.snapshot().unseen).unwrap_or_default();
        unseen.iter().any(|one| one.begin.operation == self.id)
    }

    /// Decides about a create that was refused because its name, port or priority is taken. Returns this
    /// operation's own resource, which `look` finds by its tag, and otherwise the refusal. If the call may be
    /// a repeat, the resource may show late.
    pub async fn said_twice<F, Fut>(&self, refused: Error, look: F) -> Result<String, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Option<String>, Error>>,
    {
        let limit = if !was_refused(&refused) || self.is_repeat() { SHOWN_WITHIN } else { Duration::ZERO };
        let found = self.wait("what was made before is shown", limit, || async {
            Ok(look().await?.map_or_else(|| Poll::Pending("not visible yet".to_owned()), Poll::Ready))
        });
        match found.await {
            Err(Error::Wait { .. }) => Err(refused),
            found => found,
        }
    }

    /// Leaves an unfinished part of an existing resource to the next plan if AWS refuses it, since the stack
    /// may differ by then.
    pub fn unless_refused(&self, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Err(error) if error.is_refused() => {
                self.progress(&format!("left to the plan: {error}"));
                Ok(())
            }
            other => other,
        }
    }

    pub fn progress(&self, text: &str) {
        self.reporter.progress(self.address, text);
    }

    /// Calls `look` repeatedly, soon at first and then less often (at intervals of up to 10 s), until it
    /// returns ready, gone or failed, or `limit` has passed. A NotFound from `look` itself counts as not yet
    /// for the first minute, since EC2 is eventually consistent.
    pub async fn wait<T, F, Fut>(&self, until: &str, limit: Duration, mut look: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Poll<T>, Error>>,
    {
        let clock = &self.cloud.clock;
        let began = clock.monotonic();
        let mut pause = Duration::from_millis(100);
        loop {
            let waited = clock.monotonic().saturating_sub(began);
            let end = |end, last: String| Err(Error::Wait { what: until.to_owned(), end, last });
            let seen = match look().await {
                Ok(Poll::Ready(value)) => return Ok(value),
                Ok(Poll::Pending(seen)) => seen,
                Ok(Poll::Gone) => return end(WaitEnd::Gone, "nothing".to_owned()),
                Ok(Poll::Failed(seen)) => return end(WaitEnd::Failed, seen),
                Err(error) if error.is_not_found() && waited < SHOWN_WITHIN => "not visible yet".to_owned(),
                Err(error) => return Err(error),
            };
            self.progress(&format!("waiting until {until}: {seen}"));
            if waited >= limit {
                return end(WaitEnd::TimedOut { limit }, seen);
            }
            let slept = clock.sleep(pause.mul_f64(rand::random_range(0.8..=1.2)));
            match self.shutdown {
                None => slept.await,
                Some(shutdown) => tokio::select! {
                    () = slept => {}
                    () = shutdown.draining() => {
                        return Err(Error::Interrupted { what: until.to_owned(), last: seen });
                    }
                },
            }
            pause = (pause * 3 / 2).min(Duration::from_secs(10));
        }
    }
}

/// Tells whether AWS refused every attempt, so that the call changed nothing.
fn was_refused(error: &Error) -> bool {
    matches!(error, Error::Cloud(answer) if answer.class != Class::InDoubt && !answer.after_doubt)
}
