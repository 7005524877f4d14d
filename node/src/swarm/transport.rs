//! TCP with TLS or Noise and Yamux, QUIC by feature, names by DNS.
//!
//! Nothing travels unencrypted. What a byte costs on its way is decided here: see
//! docs/adr/0008-tls-before-noise.md.

mod coalesce;
mod muxer;
mod security;
mod socket;
mod tls;

use std::sync::Arc;

use futures::io::BufReader;
use libp2p::{
    PeerId, Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    dns,
    identity::Keypair,
    tcp,
};

use super::{
    error::StartError,
    limits,
    meter::{Counted, Meter},
};

/// Builds the transport; all of its bytes are counted in `meter`.
pub(super) fn build(
    keypair: &Keypair,
    meter: &Arc<Meter>,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());

    let security = security::Config::new(keypair).map_err(|error| failed(&error))?;
    let counter = Arc::clone(meter);
    let transport = tcp::tokio::Transport::new(tcp::Config::default())
        .map(move |io, _| {
            socket::keep_little_unsent(&io.0);
            let counted = Counted::new(io, Arc::clone(&counter));
            // TLS and Noise by themselves ask for 4 and 8 KiB at a time.
            BufReader::with_capacity(limits::SOCKET_BUFFER, counted)
        })
        .upgrade(Version::V1Lazy)
        .authenticate(security)
        .multiplex(muxer::Config)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));

    #[cfg(feature = "quic")]
    let transport = {
        use super::meter::CountedMuxer;
        use libp2p::{core::transport::OrTransport, quic};

        let counter = Arc::clone(meter);
        let quic = quic::tokio::Transport::new(quic::Config::new(keypair)).map(
            move |(peer, connection), _| {
                let muxer = CountedMuxer::new(connection, Arc::clone(&counter));
                (peer, StreamMuxerBox::new(muxer))
            },
        );
        OrTransport::new(quic, transport).map(|either, _| either.into_inner())
    };

    Ok(dns::tokio::Transport::system(transport)
        .map_err(|error| failed(&error))?
        .boxed())
}
