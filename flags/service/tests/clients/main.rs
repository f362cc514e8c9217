//! What clients of OpenFeature see of a flags service that listens: the stock providers of PyPI and npm on flagd's own scenarios, and each protocol's
//! limits, deadlines, added contexts and ends.

mod instance;
mod launchpad;
mod providers;
mod serving;
mod sockets;
