//! The part of the loopback network that is a region's own.

use std::net::{Ipv4Addr, TcpListener};

use super::state::Network;

/// A claim on 127.`octet`.0.0/16: nobody else has it while this value lives.
#[derive(Debug)]
pub struct Claim {
    pub network: Network,
    _held: Option<TcpListener>,
}

/// The last address of each range, at this port, is bound by who claims it.
const CLAIM: ([u8; 2], u16) = ([255, 254], 4577);

/// The port at which a port of the API is really listened on: one below 1024, which only root may
/// listen on, is 10000 above it.
pub fn served(port: u16) -> u16 {
    if port < 1024 { port + 10_000 } else { port }
}

/// Claims `wanted`, or where that is None the first free range. Where the system has only
/// 127.0.0.1: ports. `Err`: `wanted` is in use.
pub fn claim(wanted: Option<Network>) -> Result<Claim, std::io::Error> {
    let take = |octet: u8| {
        let address = Ipv4Addr::new(127, octet, CLAIM.0[0], CLAIM.0[1]);
        TcpListener::bind((address, CLAIM.1))
            .map(|held| Claim { network: Network::Addresses { octet }, _held: Some(held) })
    };
    match wanted {
        Some(Network::Ports) => Ok(Claim { network: Network::Ports, _held: None }),
        Some(Network::Addresses { octet }) => take(octet),
        // 31, as the default VPC of AWS has 172.31; then the others.
        None => std::iter::once(31)
            .chain(32..=250)
            .map(take)
            .find(Result::is_ok)
            .unwrap_or(Ok(Claim { network: Network::Ports, _held: None })),
    }
}
