//! One name for a peer, two types: the protocol's public key and libp2p's multihash of it.

use libp2p::identity::{PublicKey, ed25519};

/// The libp2p name of a peer; `None` for bytes that are no ed25519 key.
pub fn to_libp2p(peer: spirt_protocol::PeerId) -> Option<libp2p::PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(peer.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The protocol's name of a peer; `None` for peers whose key is not ed25519.
pub fn from_libp2p(peer: &libp2p::PeerId) -> Option<spirt_protocol::PeerId> {
    // An identity multihash: two bytes, then the protobuf of the key.
    let bytes = peer.to_bytes();
    let key = PublicKey::try_decode_protobuf(bytes.get(2..)?).ok()?;
    Some(spirt_protocol::PeerId(
        key.try_into_ed25519().ok()?.to_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_print_alike_and_turn_into_each_other() {
        let key = libp2p::identity::Keypair::generate_ed25519();
        let name = key.public().to_peer_id();
        let peer = from_libp2p(&name).unwrap();
        assert_eq!(peer.to_string(), name.to_string());
        assert_eq!(to_libp2p(peer), Some(name));
    }
}
