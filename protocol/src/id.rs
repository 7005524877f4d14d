//! The names of things: peers, runs, states, rounds, digests, and points in time.
//!
//! Every name is a newtype, so that a digest of a payload cannot be passed for a digest of a
//! state. Nothing here reads a clock or draws a random number.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use bincode::{Decode, Encode};

/// Declares a 32-byte name that prints as lower-case hex.
/// The order that derives would give. The first eight bytes nearly always tell two names apart, and comparing
/// them needs no call: maps by name are what a machine spends most of its time in.
macro_rules! ordered_by_bytes {
    ($name:ident) => {
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                first_eight(&self.0)
                    .cmp(&first_eight(&other.0))
                    .then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}

const fn first_eight(bytes: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

macro_rules! name32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
        pub struct $name(pub [u8; 32]);

        ordered_by_bytes!($name);

        impl $name {
            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:02x}{:02x}{:02x}{:02x})"),
                    self.0[0], self.0[1], self.0[2], self.0[3])
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                parse_hex32(text).map(Self)
            }
        }
    };
}

name32! {
    /// The BLAKE3 hash of some bytes: a payload, a body, a signed envelope, a model.
    Digest
}
name32! {
    /// The name of a run: the BLAKE3 hash of its canonical [`RunSpec`](crate::RunSpec).
    RunId
}
name32! {
    /// The name of the run's whole state before a round: model, roster and bans, see
    /// [`Manifest`](crate::Manifest).
    StateId
}

impl Digest {
    /// Hashes `bytes` with BLAKE3.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

/// A text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct ParseNameError;

fn parse_hex32(text: &str) -> Result<[u8; 32], ParseNameError> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(ParseNameError);
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |d: u8| char::from(d).to_digit(16).ok_or(ParseNameError);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).map_err(|_| ParseNameError)?;
    }
    Ok(bytes)
}

/// A peer: its ed25519 public key.
///
/// Prints as libp2p prints it (`12D3KooW...`), so that one name serves logs, addresses and the
/// protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct PeerId(pub [u8; 32]);

ordered_by_bytes!(PeerId);

/// libp2p's identity multihash of a protobuf-encoded ed25519 key: code 0, length 36, then
/// key type 1 and 32 bytes of data.
const LIBP2P_ED25519_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl PeerId {
    /// The ed25519 public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 38];
        bytes[..6].copy_from_slice(&LIBP2P_ED25519_PREFIX);
        bytes[6..].copy_from_slice(&self.0);
        f.write_str(&bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_string();
        write!(f, "Peer({})", &text[text.len() - 6..])
    }
}

impl std::str::FromStr for PeerId {
    type Err = ParsePeerIdError;

    fn from_str(text: &str) -> Result<Self, ParsePeerIdError> {
        let bytes = bs58::decode(text)
            .into_vec()
            .map_err(|_| ParsePeerIdError)?;
        let key = bytes
            .strip_prefix(&LIBP2P_ED25519_PREFIX)
            .ok_or(ParsePeerIdError)?;
        Ok(Self(key.try_into().map_err(|_| ParsePeerIdError)?))
    }
}

/// A text is not an ed25519 libp2p peer id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an ed25519 peer id such as 12D3KooW...")]
pub struct ParsePeerIdError;

/// One global update; the protocol's only clock. Round 0 starts from the initial model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Round(pub u64);

impl Round {
    /// The round after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How many rounds `self` lies after `other`; 0 when it does not.
    pub const fn since(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point on the caller's monotonic clock, as the time since an origin of the caller's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub Duration);

impl Time {
    /// The time that passed since `earlier`; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_prints_as_libp2p_prints_it() {
        // RFC 8032, test 1, public key; the text was made with libp2p-identity 0.3.
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let peer = PeerId(key.parse::<Digest>().unwrap().0);
        assert!(peer.to_string().starts_with("12D3KooW"), "{peer}");
        assert_eq!(peer.to_string().parse(), Ok(peer));
    }

    #[test]
    fn hex_names_round_trip_and_refuse_other_text() {
        let digest = Digest::of(b"spirt");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("zz".parse::<Digest>().is_err());
        assert!("é".repeat(32).parse::<Digest>().is_err());
    }
}
