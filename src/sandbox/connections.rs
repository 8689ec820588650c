//! The connections of the sandbox's socket, limited by its descriptors. If there are too many, the one idle
//! for the longest is closed.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};
use tokio::task::AbortHandle;

/// The most that are open at once where the system allows it.
const MOST: u64 = 1024;

/// The open connections, in the order in which they came. Clones share them.
#[derive(Debug, Clone)]
pub struct Connections {
    most: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_age: BTreeMap<u64, (AbortHandle, Requests)>,
}

/// Number of a connection's requests that are being answered.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<AtomicUsize>);

impl Connections {
    /// A quarter of the process's descriptors: machines and balancers need the rest.
    pub fn within_limits() -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = (files / 4).clamp(8, MOST);
        Self::at_most(usize::try_from(most).unwrap_or(usize::MAX))
    }

    fn at_most(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Serves a connection on a task of its own.
    pub fn serve<F: Future<Output = ()> + Send + 'static>(&self, serve: impl FnOnce(Requests) -> F) {
        let requests = Requests::default();
        let serve = serve(requests.clone());
        let mut open = self.lock();
        if open.by_age.len() >= self.most {
            let oldest = open.by_age.iter().find(|(_, (_, requests))| requests.is_none()).map(|(id, _)| *id);
            if let Some((task, _)) = oldest.and_then(|id| open.by_age.remove(&id)) {
                task.abort();
            }
        }
        let id = open.next;
        open.next += 1;
        let ended = Ended { connections: self.clone(), id };
        let task = tokio::spawn(async move {
            let _ended = ended;
            serve.await;
        });
        open.by_age.insert(id, (task.abort_handle(), requests));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a connection when its task is gone.
struct Ended {
    connections: Connections,
    id: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.connections.lock().by_age.remove(&self.id);
    }
}

impl Requests {
    /// Counts one more request until the value is dropped.
    pub fn begin(&self) -> impl Drop + Send + use<> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Answered(self.clone())
    }

    fn is_none(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

struct Answered(Requests);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn the_oldest_that_asks_nothing_makes_room() {
        let connections = Connections::at_most(3);
        let (gone, mut ended) = mpsc::unbounded_channel();
        let mut holds = Vec::new();
        let mut open = |name: &'static str, asks: bool| {
            let (gone, (hold, held)) = (gone.clone(), oneshot::channel::<()>());
            holds.push(hold);
            connections.serve(move |requests| async move {
                let _answered = asks.then(|| requests.begin());
                let _gone = Tell(name, gone);
                let _ = held.await;
            });
        };
        struct Tell(&'static str, mpsc::UnboundedSender<&'static str>);
        impl Drop for Tell {
            fn drop(&mut self) {
                let _ = self.1.send(self.0);
            }
        }
        open("asks", true);
        tokio::task::yield_now().await;
        open("idle", false);
        open("half", false);
        tokio::task::yield_now().await;
        open("new", false);
        assert_eq!(ended.recv().await, Some("idle"));
        open("newer", false);
        assert_eq!(ended.recv().await, Some("half"));
        drop(holds);
        let mut rest =
            [ended.recv().await.unwrap(), ended.recv().await.unwrap(), ended.recv().await.unwrap()];
        rest.sort();
        assert_eq!(rest, ["asks", "new", "newer"]);
        while !connections.lock().by_age.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
