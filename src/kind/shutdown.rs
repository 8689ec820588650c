//! Interrupts. The first stops new steps and ends waits, and lets calls under way end. The second ends the
//! run as soon as the journal is synced. In both cases the next apply goes on.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// The requested kind of end.
#[derive(Debug, Default)]
pub struct Shutdown {
    interrupts: AtomicU8,
    changed: Notify,
}

impl Shutdown {
    /// Counts one more interrupt.
    pub fn interrupt(&self) {
        let before = self.interrupts.fetch_add(1, Ordering::SeqCst);
        self.interrupts.store(before.saturating_add(1).min(2), Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Tells whether no new step may begin.
    pub fn is_draining(&self) -> bool {
        self.interrupts.load(Ordering::SeqCst) > 0
    }

    /// Returns at the second interrupt, when steps under way are not to be waited for.
    pub async fn at_once(&self) {
        loop {
            let changed = self.changed.notified();
            if self.interrupts.load(Ordering::SeqCst) > 1 {
                return;
            }
            changed.await;
        }
    }

    /// Returns at the first interrupt.
    pub async fn draining(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_draining() {
                return;
            }
            changed.await;
        }
    }

    /// From now on a closed terminal does not end the process: work under way in the account must not depend
    /// on it.
    pub fn outlive_terminal() {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut hangup) = signal(SignalKind::hangup()) {
            // A signal with a listener does not kill the process, even after the listener is dropped.
            tokio::spawn(async move { while hangup.recv().await.is_some() {} });
        }
    }

    /// Listens to SIGINT and SIGTERM for the rest of the process; each counts as one interrupt. SIGHUP does
    /// not count.
    pub fn listen(self: &std::sync::Arc<Self>, told: impl Fn(bool) + Send + 'static) {
        Self::outlive_terminal();
        let shutdown = std::sync::Arc::clone(self);
        tokio::spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                told(shutdown.is_draining());
                shutdown.interrupt();
            }
        });
    }
}
