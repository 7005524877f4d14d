//! TLS 1.3 as libp2p specifies it: both sides show a certificate that their libp2p key has signed.
//!
//! Certificates are made and checked by `libp2p-tls`. Its own configuration prefers ChaCha20-Poly1305 on every machine;
//! here AES-GCM comes first where the processor computes it, at a quarter of the cost.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use futures::{AsyncRead, AsyncWrite};
use futures_rustls::{TlsAcceptor, TlsConnector};
use libp2p::{PeerId, identity::Keypair, tls::certificate};
use rustls::{
    ClientConfig, CommonState, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, SupportedCipherSuite,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms,
        aws_lc_rs::{self, cipher_suite},
        ring,
    },
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};

use crate::swarm::limits;

pub(super) use futures_rustls::TlsStream as Stream;

const ALPN: &[u8] = b"libp2p";

/// Both roles of a node's connections.
#[derive(Clone)]
pub(super) struct Tls {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// Why there is no configuration for a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] certificate::GenError),
    #[error(transparent)]
    Config(#[from] Error),
}

/// Why a connection could not be secured.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error("TLS failed")]
    Io(#[from] io::Error),
    #[error("the peer's certificate is no good")]
    Certificate(#[from] certificate::ParseError),
    #[error("the peer must show one certificate")]
    NotOneCertificate,
}

impl Tls {
    pub(super) fn new(keypair: &Keypair) -> Result<Self, TlsError> {
        let (certificate, key) = certificate::generate(keypair)?;
        Self::with(certificate, key)
    }

    /// With a certificate at hand, and the key that it is to be.
    fn with(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: suites(),
            ..aws_lc_rs::default_provider()
        });
        let key = provider.key_provider.load_private_key(key)?;
        let own = Arc::new(CertifiedKey::new(vec![certificate], key));
        let own = Arc::new(SingleCertAndKey::from(own));
        let verifier = Arc::new(Verifier(provider.signature_verification_algorithms));

        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::clone(&verifier) as _)
            .with_cert_resolver(Arc::clone(&own) as _);
        server.alpn_protocols = vec![ALPN.to_vec()];
        // A connection lasts; when it is lost, a whole handshake is cheap beside a round.
        server.send_tls13_tickets = 0;

        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(own);
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();
        Ok(Self {
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }

    pub(super) async fn accept<C>(self, io: C) -> Result<(PeerId, Stream<C>), HandshakeError>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = TlsAcceptor::from(self.server).accept(io).await?;
        let (_, state) = stream.get_mut();
        state.set_buffer_limit(Some(limits::SOCKET_BUFFER));
        Ok((peer_of(state)?, stream.into()))
    }

    pub(super) async fn connect<C>(self, io: C) -> Result<(PeerId, Stream<C>), HandshakeError>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(self.client);
        let mut stream = connector.connect(nameless(), io).await?;
        let (_, state) = stream.get_mut();
        state.set_buffer_limit(Some(limits::SOCKET_BUFFER));
        Ok((peer_of(state)?, stream.into()))
    }
}

/// The specification wants no server name; an address is never sent as one.
fn nameless() -> ServerName<'static> {
    ServerName::from(IpAddr::from(Ipv4Addr::UNSPECIFIED))
}

/// AES first where it is computed by the processor; where not, it is slow, and hard to compute in constant time.
fn suites() -> Vec<SupportedCipherSuite> {
    let aes = if has_wide_aes() {
        [
            ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
            ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ]
    } else {
        [
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
        ]
    };
    let chacha = [cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    if has_aes() {
        [&aes[..], &chacha].concat()
    } else {
        [&chacha[..], &aes].concat()
    }
}

/// Whether the processor computes two blocks of AES at a time, and not four: of that width ring has AES-GCM, and aws-lc does not.
#[cfg(target_arch = "x86_64")]
fn has_wide_aes() -> bool {
    std::is_x86_feature_detected!("vaes")
        && std::is_x86_feature_detected!("vpclmulqdq")
        && std::is_x86_feature_detected!("avx2")
        && !std::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_wide_aes() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn has_aes() -> bool {
    false
}

/// Whose libp2p key has signed the other side's certificate.
fn peer_of(state: &CommonState) -> Result<PeerId, HandshakeError> {
    match state.peer_certificates() {
        Some([certificate]) => Ok(certificate::parse(certificate)?.peer_id()),
        _ => Err(HandshakeError::NotOneCertificate),
    }
}

/// Asks of a certificate what libp2p's specification does; whom one wants to talk to, the swarm checks afterwards.
#[derive(Debug)]
struct Verifier(WebPkiSupportedAlgorithms);

impl Verifier {
    fn check(end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        if !others.is_empty() {
            return Err(Error::General("more than one certificate".into()));
        }
        certificate::parse(end)?;
        Ok(())
    }

    fn signature(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = certificate::parse(certificate)?;
        certificate.verify_signature(signed.scheme, message, signed.signature())?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn old_version() -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not offered".into()))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check(end, others).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::old_version()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check(end, others).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::old_version()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
