//! The choice between TLS and Noise: TLS if both sides speak it.

use std::array;

use futures::{
    AsyncRead, AsyncWrite, FutureExt as _,
    future::{BoxFuture, Either},
};
use libp2p::{
    PeerId,
    core::{
        UpgradeInfo,
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade},
    },
    identity::Keypair,
    noise,
};

use super::tls::{HandshakeError, Stream as TlsStream, Tls, TlsError};

const TLS: &str = "/tls/1.0.0";
const NOISE: &str = "/noise";

/// Either way proves who the other side is, by its libp2p key.
#[derive(Clone)]
pub(super) struct Config {
    tls: Tls,
    noise: noise::Config,
}

/// Why a connection could not be secured.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecurityError {
    #[error(transparent)]
    Tls(#[from] HandshakeError),
    #[error("Noise failed")]
    Noise(#[from] noise::Error),
}

/// Why a node cannot secure connections at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("Noise: {0}")]
    Noise(#[from] noise::Error),
}

impl Config {
    pub(super) fn new(keypair: &Keypair) -> Result<Self, ConfigError> {
        Ok(Self {
            tls: Tls::new(keypair)?,
            noise: noise::Config::new(keypair)?,
        })
    }
}

impl UpgradeInfo for Config {
    type Info = &'static str;
    type InfoIter = array::IntoIter<&'static str, 2>;

    fn protocol_info(&self) -> Self::InfoIter {
        [TLS, NOISE].into_iter()
    }
}

type Secured<C> = Either<TlsStream<C>, noise::Output<C>>;
type Future<C> = BoxFuture<'static, Result<(PeerId, Secured<C>), SecurityError>>;

impl<C> InboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = (PeerId, Secured<C>);
    type Error = SecurityError;
    type Future = Future<C>;

    fn upgrade_inbound(self, io: C, name: &'static str) -> Self::Future {
        async move {
            if name == TLS {
                let (peer, io) = self.tls.accept(io).await?;
                return Ok((peer, Either::Left(io)));
            }
            let (peer, io) = self.noise.upgrade_inbound(io, name).await?;
            Ok((peer, Either::Right(io)))
        }
        .boxed()
    }
}

impl<C> OutboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = (PeerId, Secured<C>);
    type Error = SecurityError;
    type Future = Future<C>;

    fn upgrade_outbound(self, io: C, name: &'static str) -> Self::Future {
        async move {
            if name == TLS {
                let (peer, io) = self.tls.connect(io).await?;
                return Ok((peer, Either::Left(io)));
            }
            let (peer, io) = self.noise.upgrade_outbound(io, name).await?;
            Ok((peer, Either::Right(io)))
        }
        .boxed()
    }
}
