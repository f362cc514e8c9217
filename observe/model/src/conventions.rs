//! Names of attributes that change how spans are read.

/// True on the called side of a call whose two sides have one span id, as Zipkin's instrumentation does by default. It
/// is what `shared` of Zipkin's JSON becomes.
pub const SHARED: &str = "zipkin.shared";
/// The service at the other end of a call, in the words of the side that has it. It is what
/// `remoteEndpoint.serviceName` of Zipkin's JSON becomes.
pub const PEER_SERVICE: &str = "peer.service";
