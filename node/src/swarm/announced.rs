//! A transport that says it listens elsewhere: for a node that others must reach through a proxy.
//!
//! libp2p announces what its transport calls listen addresses in several places (identify, provider records), and only some
//! of them can be told not to. So they are changed where they come from.

use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};

/// Passes everything on but the listen addresses, which all become the one announced, if there is one.
pub(super) struct Announced<T> {
    inner: T,
    address: Option<Multiaddr>,
}

impl<T> Announced<T> {
    pub(super) const fn new(inner: T, address: Option<Multiaddr>) -> Self {
        Self { inner, address }
    }
}

impl<T: Transport + Unpin> Transport for Announced<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        addr: Multiaddr,
    ) -> Result<(), TransportError<T::Error>> {
        self.inner.listen_on(id, addr)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        addr: Multiaddr,
        opts: DialOpts,
    ) -> Result<T::Dial, TransportError<T::Error>> {
        self.inner.dial(addr, opts)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<T::ListenerUpgrade, T::Error>> {
        let event = std::task::ready!(Pin::new(&mut self.inner).poll(cx));
        let announced = |listen: Multiaddr| self.address.clone().unwrap_or(listen);
        Poll::Ready(match event {
            TransportEvent::NewAddress {
                listener_id,
                listen_addr,
            } => TransportEvent::NewAddress {
                listener_id,
                listen_addr: announced(listen_addr),
            },
            TransportEvent::AddressExpired {
                listener_id,
                listen_addr,
            } => TransportEvent::AddressExpired {
                listener_id,
                listen_addr: announced(listen_addr),
            },
            other => other,
        })
    }
}
