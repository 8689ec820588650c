//! An open-loop load generator: requests begin at their times, whether or not earlier ones have ended, and
//! their latency counts from that time. So a stalling server shows in the numbers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::tally::Tally;
use super::target::{Connection, Target, timely};
use crate::clock;

/// The settings of the load.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests a second. Every other one is sent on a new connection, the rest on kept ones.
    pub per_second: u32,
    /// Maximum number of kept connections; their requests wait when all are in use.
    pub connections: usize,
}

/// A running load. Dropping it stops it without waiting for requests under way.
#[derive(Debug)]
pub struct Generator {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    sending: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    tally: Mutex<Tally>,
    /// Connections that wait for their next request.
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
    settings: Settings,
}

impl Generator {
    /// Starts at once. Needs a tokio runtime.
    pub fn start(target: Target, settings: Settings) -> Self {
        let shared = Arc::new(Shared {
            target,
            tally: Mutex::new(Tally::new(clock::monotonic())),
            idle: Mutex::default(),
            free: Semaphore::new(settings.connections),
            settings,
        });
        let (stop, stopped) = watch::channel(false);
        let sending = tokio::spawn(send_all(shared.clone(), stopped));
        Self { shared, stop, sending }
    }

    /// The counts so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.shared.tally()
    }

    /// Begins no more requests and waits for those under way.
    pub async fn stop(mut self) -> Tally {
        self.stop.send_replace(true);
        let _ = (&mut self.sending).await;
        while self.tally().under_way() > 0 {
            clock::sleep(Duration::from_millis(5)).await;
        }
        self.shared.tally().clone()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

async fn send_all(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let began = clock::monotonic();
    let gap = Duration::from_secs(1) / shared.settings.per_second.max(1);
    for number in 0_u32.. {
        let due = began + gap * number;
        let wait = due.saturating_sub(clock::monotonic());
        if !wait.is_zero() {
            tokio::select! {
                () = clock::sleep(wait) => {}
                _ = stopped.changed() => return,
            }
        } else if *stopped.borrow() {
            return;
        }
        shared.tally().begin();
        tokio::spawn(send_one(shared.clone(), number % 2 == 0, due));
    }
}

async fn send_one(shared: Arc<Shared>, keep: bool, due: Duration) {
    let answer = match keep {
        true => timely(shared.on_kept()).await,
        false => shared.target.get().await,
    };
    let now = clock::monotonic();
    shared.tally().end(due, now.saturating_sub(due), answer);
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that the server has not closed.
    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.is_closed())
    }

    async fn on_kept(&self) -> Result<u16, String> {
        let _permit = self.free.acquire().await.map_err(|error| error.to_string())?;
        let kept = self.kept();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.target.connect().await?,
        };
        let status = self.target.send(&mut connection, true).await?;
        self.idle().push(connection);
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers each request, in order, with the next of `answers`; at `None` it ends the
    /// connection.
    async fn server(answers: Vec<Option<&'static str>>) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(answers.into_iter().cycle()));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answers = answers.clone();
                tokio::spawn(async move {
                    let mut part = [0; 1024];
                    while stream.read(&mut part).await.is_ok_and(|read| read > 0) {
                        let answer = answers.lock().unwrap().next().flatten();
                        let Some(answer) = answer else { return };
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        });
        Target::parse(&url).await.unwrap()
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const BROKEN: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";

    async fn hundred(target: Target) -> Tally {
        let generator = Generator::start(target, Settings { per_second: 1000, connections: 4 });
        while generator.tally().sent < 100 {
            clock::sleep(Duration::from_millis(2)).await;
        }
        generator.stop().await
    }

    #[tokio::test]
    async fn answers_and_failures_are_told_apart() {
        let fine = hundred(server(vec![Some(OK)]).await).await;
        assert!(fine.sent >= 100 && fine.failed == 0, "{fine:?}");
        let broken = hundred(server(vec![Some(OK), Some(BROKEN), None, Some(OK)]).await).await;
        assert!(broken.failed >= 40, "{broken:?}");
        assert_eq!(broken.failures.len(), 5);
        assert!(broken.failures.iter().any(|failure| failure.error == "status 502"), "{broken:?}");
        assert!(broken.failures.iter().any(|failure| failure.error != "status 502"), "{broken:?}");
    }
}
