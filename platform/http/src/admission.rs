//! Who is let in: so many connections, and so many of one address.
//!
//! When there is no room, the connection that has been idle for longest goes, of the same address if it is that address that has too
//! many. If none is idle, a client that comes is turned away. A client thus shuts out itself, and no one else.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::bounds::Bounds;
use crate::pulse::Pulse;

/// How often it is logged that clients are turned away.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// The connections of a listener.
pub(crate) struct Admission {
    connections: usize,
    connections_per_address: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inside: HashMap<u64, Inside>,
    of_address: HashMap<IpAddr, usize>,
    next: u64,
    turned_away: u64,
    said: Option<Instant>,
}

/// A connection that was let in.
struct Inside {
    address: IpAddr,
    pulse: Arc<Pulse>,
    evicted: CancellationToken,
}

/// The right to be here, until it is dropped.
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    number: u64,
    pub(crate) pulse: Arc<Pulse>,
    /// Cancelled when someone else gets the place.
    pub(crate) evicted: CancellationToken,
}

impl Admission {
    pub(crate) fn new(bounds: &Bounds) -> Arc<Self> {
        let Bounds { connections, connections_per_address, .. } = *bounds;
        Arc::new(Self { connections, connections_per_address, state: Mutex::default() })
    }

    /// Lets a client in, or not. Who is turned away is counted, and logged once a minute.
    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr) -> Option<Admitted> {
        let address = network(client);
        let mut state = self.state.lock();
        let of_address = state.of_address.get(&address).copied().unwrap_or(0);
        let has_room = if of_address >= self.connections_per_address {
            state.evict(|inside| inside.address == address)
        } else if state.inside.len() >= self.connections {
            state.evict(|_| true)
        } else {
            true
        };
        if !has_room {
            state.turn_away();
            return None;
        }
        let (number, pulse, evicted) = (state.next, Pulse::new(), CancellationToken::new());
        state.next += 1;
        state.inside.insert(number, Inside { address, pulse: pulse.clone(), evicted: evicted.clone() });
        *state.of_address.entry(address).or_default() += 1;
        Some(Admitted { admission: self.clone(), number, pulse, evicted })
    }
}

impl State {
    /// Ends the connection that has been idle for longest, out of these; says whether there was one.
    fn evict(&mut self, candidate: impl Fn(&Inside) -> bool) -> bool {
        let idle = self.inside.iter().filter(|(_, inside)| candidate(inside));
        let longest = idle.filter_map(|(number, inside)| Some((inside.pulse.idle_since()?, *number))).min();
        let Some((_, number)) = longest else { return false };
        self.leave(number);
        true
    }

    fn leave(&mut self, number: u64) {
        // Gone already, if it was evicted.
        let Some(inside) = self.inside.remove(&number) else { return };
        inside.evicted.cancel();
        if let Some(count) = self.of_address.get_mut(&inside.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&inside.address);
            }
        }
    }

    fn turn_away(&mut self) {
        self.turned_away += 1;
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            self.said = Some(Instant::now());
            let (turned_away, connections) = (self.turned_away, self.inside.len());
            tracing::warn!(turned_away, connections, "connections are turned away: all that may be are busy");
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.state.lock().leave(self.number);
    }
}

/// Who counts as one client: an IPv4 address, or what an IPv6 client usually has to itself, a /64 network.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Bounds, network};

    fn admission(connections: usize, connections_per_address: usize) -> std::sync::Arc<Admission> {
        Admission::new(&Bounds { connections, connections_per_address, ..Bounds::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_goes_and_the_busy_stay() {
        let admission = admission(3, 2);
        let [one, two] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().expect("an address"));
        let first = admission.admit(one).expect("room");
        let busy = first.pulse.open();
        let other = admission.admit(two).expect("room");
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let second = admission.admit(one).expect("room");
        // The address has two: of its own, the idle one goes, however long others have been idle.
        let third = admission.admit(one).expect("instead of an idle one");
        assert!(second.evicted.is_cancelled() && !first.evicted.is_cancelled() && !other.evicted.is_cancelled());
        drop(second);
        let working = third.pulse.open();
        assert!(admission.admit(one).is_none(), "both are busy");
        // The listener has three: anybody's idle one goes.
        let fourth = admission.admit(two).expect("instead of an idle one");
        assert!(other.evicted.is_cancelled());
        drop((busy, fourth, other));
        drop((first, third, working));
        assert!(admission.state.lock().inside.is_empty() && admission.state.lock().of_address.is_empty());
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_ipv6() {
        for (address, client) in [
            ("10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(address.parse().expect("one")).to_string(), client);
        }
    }
}
