//! Connections that are passed through, as a network load balancer does.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::choose;
use super::io::{Counted, idle};
use super::nodes::Listener;
use super::plane::Plane;
use super::pool;
use super::route::Action;

/// Passes a connection to a target of the default action; resets it if there is none.
pub async fn pass(plane: Arc<Plane>, listener: Arc<Listener>, client: TcpStream, peer: SocketAddr) {
    let (mut client, from) = Counted::new(client);
    listener.counts.opened();
    let _closed = Closed(&listener);
    let rules = listener.next_node(&plane).rules();
    let Some(Action::Forward(action)) = rules.rules.last().map(|rule| &rule.action) else { return };
    let Some(group) = action.of_connection(peer.ip()) else { return };
    let Some(open) = choose::target_of(group, peer.ip(), &plane) else { return };
    group.counts.connection();
    let target = match pool::socket(open.0.address).await {
        Ok(target) => target,
        Err(_) => {
            group.counts.unreached();
            return listener.counts.unreached();
        }
    };
    let (mut target, to) = Counted::new(target);
    let limit = listener.settings().idle_timeout;
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut target) => {}
        () = idle([from.clone(), to], limit) => {}
    }
    listener.counts.passed(from.total());
    drop(open);
}

struct Closed<'a>(&'a Listener);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.counts.closed();
    }
}
