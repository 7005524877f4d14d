//! TCP with Noise and Yamux, QUIC by feature, names by DNS.

use std::sync::Arc;

use libp2p::{
    PeerId, Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    dns,
    identity::Keypair,
    noise, tcp, yamux,
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

    let mut muxing = yamux::Config::default();
    muxing.set_max_num_streams(limits::STREAMS_PER_CONNECTION);
    let counter = Arc::clone(meter);
    let transport = tcp::tokio::Transport::new(tcp::Config::default())
        .map(move |io, _| Counted::new(io, Arc::clone(&counter)))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair).map_err(|error| failed(&error))?)
        .multiplex(muxing)
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
