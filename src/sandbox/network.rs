//! The part of the loopback network that is a region's own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::state::Network;

/// A claim on 127.`octet`.0.0/16, or on a share of the ports of 127.0.0.1, exclusive while this value lives.
#[derive(Debug)]
pub struct Claim {
    pub network: Network,
    _held: TcpListener,
}

/// The claim of each range is a socket bound at its last address, at this port.
const CLAIM: ([u8; 2], u16) = ([255, 254], 4577);
/// The first port of the shares: below the system's ports for outgoing connections (from 32768 on Linux, from
/// 49152 elsewhere).
const SHARES: std::ops::Range<u16> = 20_000..32_000;

/// Number of ranges, from 127.31.0.0/16 on (the default VPC of AWS is 172.31).
const OCTETS: u32 = 220;

/// The port at which a port of the API is really listened on: one below 1024, which only root may
/// listen on, is 10000 above it.
pub fn served(port: u16) -> u16 {
    if port < 1024 { port + 10_000 } else { port }
}

/// Claims `wanted`, or if that is `None` the first free range, starting with one chosen by `folder`, so that
/// a sandbox that is down for a moment does not lose its range to another. If the system only has 127.0.0.1:
/// the first free share of ports. `Err`: the wanted range is in use, or all are.
pub fn claim(wanted: Option<Network>, folder: &Path) -> Result<Claim, std::io::Error> {
    let take = |octet: u8| {
        let address = Ipv4Addr::new(127, octet, CLAIM.0[0], CLAIM.0[1]);
        TcpListener::bind((address, CLAIM.1))
            .map(|held| Claim { network: Network::Addresses { octet }, _held: held })
    };
    let share = |first: u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, first))
            .map(|held| Claim { network: Network::Ports { first }, _held: held })
    };
    match wanted {
        Some(Network::Ports { first }) => share(first),
        Some(Network::Addresses { octet }) => take(octet),
        None => (0..OCTETS)
            .map(|step| {
                31 + (crc32fast::hash(folder.as_os_str().as_encoded_bytes()) % OCTETS + step) % OCTETS
            })
            .filter_map(|octet| u8::try_from(octet).ok())
            .map(take)
            .chain(SHARES.step_by(usize::from(Network::SHARE)).map(share))
            .find(Result::is_ok)
            .unwrap_or_else(|| Err(std::io::ErrorKind::AddrInUse.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_ports_has_one_owner() {
        let wanted = Some(Network::Ports { first: 19_000 });
        let held = claim(wanted, Path::new("")).unwrap();
        assert!(claim(wanted, Path::new("")).is_err());
        drop(held);
        assert!(claim(wanted, Path::new("")).is_ok());
    }
}
