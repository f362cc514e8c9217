//! How many connections may follow something at a time. The listener counts requests, and a socket is none any more once it is open.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use vitrine_platform_http::{Peer, network};

/// Connections that follow something, at a time.
pub(crate) const MAX_FOLLOWED: usize = 4096;
/// Such connections of one address; of IPv6, of one /64 network. Half of all, so that one client leaves room for others.
pub(crate) const MAX_FOLLOWED_PER_ADDRESS: usize = 2048;

/// The seats that are taken. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<Option<IpAddr>, usize>,
}

/// Which bound leaves no seat for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// That of its address.
    Address,
    /// That of all together.
    Gateway,
}

impl fmt::Display for NoSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                write!(f, "too many connections from this address follow something: at most {MAX_FOLLOWED_PER_ADDRESS}")
            }
            Self::Gateway => write!(f, "too many connections follow something here: at most {MAX_FOLLOWED}"),
        }
    }
}

/// A seat, until it is dropped.
pub(crate) struct Seat {
    seats: Seats,
    address: Option<IpAddr>,
}

impl Seats {
    /// Takes a seat, if there is one left for this client.
    pub(crate) fn take(&self, peer: Option<Peer>) -> Result<Seat, NoSeat> {
        let address = peer.map(|peer| network(peer.0.ip()));
        let mut taken = self.0.lock();
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        if own >= MAX_FOLLOWED_PER_ADDRESS {
            return Err(NoSeat::Address);
        }
        if taken.all >= MAX_FOLLOWED {
            return Err(NoSeat::Gateway);
        }
        taken.all += 1;
        taken.by_address.insert(address, own + 1);
        Ok(Seat { seats: self.clone(), address })
    }

    /// How many are taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.0.lock().all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock();
        taken.all -= 1;
        let left = taken.by_address.get(&self.address).map_or(0, |own| own - 1);
        if left == 0 {
            taken.by_address.remove(&self.address);
        } else {
            taken.by_address.insert(self.address, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use vitrine_platform_http::Peer;

    use super::{MAX_FOLLOWED, MAX_FOLLOWED_PER_ADDRESS, NoSeat, Seats};

    #[test]
    fn one_client_leaves_room_for_others() {
        let peer = |address: &str| Some(Peer(format!("{address}:1").parse().expect("an address")));
        let seats = Seats::default();
        let mut held: Vec<_> = (0..MAX_FOLLOWED_PER_ADDRESS).flat_map(|_| seats.take(peer("10.0.0.1"))).collect();
        assert_eq!(held.len(), MAX_FOLLOWED_PER_ADDRESS);
        assert_eq!(seats.take(peer("10.0.0.1")).err(), Some(NoSeat::Address));
        held.extend((0..MAX_FOLLOWED).map_while(|_| seats.take(peer("10.0.0.2")).ok()));
        assert_eq!(held.len(), MAX_FOLLOWED);
        assert_eq!(seats.take(peer("10.0.0.3")).err(), Some(NoSeat::Gateway));
        for (why, most) in [(NoSeat::Address, MAX_FOLLOWED_PER_ADDRESS), (NoSeat::Gateway, MAX_FOLLOWED)] {
            assert!(why.to_string().ends_with(&format!(": at most {most}")), "{why}");
        }
        held.pop();
        assert!(seats.take(peer("10.0.0.3")).is_ok());
        drop(held);
        assert!(seats.0.lock().by_address.is_empty(), "nobody is remembered");
    }
}
