//! Sockets: opened, accepted from, closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::config::Protocol;
use super::nodes::Listener;
use super::plane::Plane;
use super::{client, tcp};
use crate::clock;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// Time to wait if the system has no more sockets.
const RETRY: Duration = Duration::from_millis(50);

/// Opens a listening socket. Needs a tokio runtime.
pub fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections while it is polled.
pub async fn accept(plane: Arc<Plane>, listener: Arc<Listener>, socket: TcpListener) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let (of, listener) = (plane.clone(), listener.clone());
                if listener.settings().protocol == Protocol::Tcp {
                    plane.spawn(tcp::pass(of, listener, stream, peer));
                } else if let Ok(stream) = stream.into_std() {
                    plane.workers.spawn(async move {
                        if let Ok(stream) = TcpStream::from_std(stream) {
                            client::serve(of, listener, stream, peer).await;
                        }
                    });
                }
            }
            // Out of descriptors, or a connection that ended before it was accepted.
            Err(_) => clock::sleep(RETRY).await,
        }
    }
}
