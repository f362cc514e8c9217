//! How many connections may follow something at a time. The listener counts requests, and a socket is none any more once it is open.

use std::collections::HashMap;
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

/// A seat, until it is dropped.
pub(crate) struct Seat {
    seats: Seats,
    address: Option<IpAddr>,
}

impl Seats {
    /// Takes a seat, if there is one left for this client.
    pub(crate) fn take(&self, peer: Option<Peer>) -> Option<Seat> {
        let address = peer.map(|peer| network(peer.0.ip()));
        let mut taken = self.0.lock();
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= MAX_FOLLOWED || own >= MAX_FOLLOWED_PER_ADDRESS {
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, own + 1);
        Some(Seat { seats: self.clone(), address })
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

    use super::{MAX_FOLLOWED, MAX_FOLLOWED_PER_ADDRESS, Seats};

    #[test]
    fn one_client_leaves_room_for_others() {
        let peer = |address: &str| Some(Peer(format!("{address}:1").parse().expect("an address")));
        let seats = Seats::default();
        let mut held: Vec<_> = (0..MAX_FOLLOWED_PER_ADDRESS).filter_map(|_| seats.take(peer("10.0.0.1"))).collect();
        assert_eq!(held.len(), MAX_FOLLOWED_PER_ADDRESS);
        assert!(seats.take(peer("10.0.0.1")).is_none());
        held.extend((0..MAX_FOLLOWED).map_while(|_| seats.take(peer("10.0.0.2"))));
        assert_eq!(held.len(), MAX_FOLLOWED);
        assert!(seats.take(peer("10.0.0.3")).is_none());
        held.pop();
        assert!(seats.take(peer("10.0.0.3")).is_some());
        drop(held);
        assert!(seats.0.lock().by_address.is_empty(), "nobody is remembered");
    }
}
