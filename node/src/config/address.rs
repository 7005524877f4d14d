//! Addresses as people type them: multiaddrs, `host:port`, `ip:port`.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use libp2p::multiaddr::{Multiaddr, Protocol};

use super::problem::BadValue;

const DIAL_HINT: &str = "write host:port, such as seed.example.org:7700, or a multiaddr, such as \
    /ip4/203.0.113.7/tcp/7700; a running node prints its own after `join:`";
const LISTEN_HINT: &str = "write a multiaddr such as /ip4/0.0.0.0/tcp/7700, or ip:port; \
    port 0 takes a free port";

/// Reads an address to dial.
pub(super) fn dial(text: &str) -> Result<Multiaddr, BadValue> {
    let text = text.trim();
    let bad = |message: String| BadValue::new(message).hint(DIAL_HINT);
    if text.is_empty() {
        return Err(bad("the address is empty".into()));
    }
    let address = if text.starts_with('/') {
        multiaddr(text).map_err(bad)?
    } else {
        host_port(text).map_err(bad)?
    };
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let (host, rest) = match parts.as_slice() {
        [Protocol::Dnsaddr(_)] | [Protocol::Dnsaddr(_), Protocol::P2p(_)] => return Ok(address),
        [host, rest @ ..] => (host, rest),
        [] => return Err(bad(format!("`{text}` is not an address"))),
    };
    check_host(host, text).map_err(bad)?;
    let rest = match rest {
        [rest @ .., Protocol::P2p(_)] => rest,
        rest => rest,
    };
    check_transport(rest, text, false).map_err(bad)?;
    Ok(address)
}

/// Reads an address to announce: one to dial, without the peer id, which the node adds.
pub(super) fn external(text: &str) -> Result<Multiaddr, BadValue> {
    let address = dial(text)?;
    if address.iter().any(|part| matches!(part, Protocol::P2p(_))) {
        return Err(BadValue::new(format!("`{}` names a peer id", text.trim()))
            .hint("leave out /p2p/...; the node adds its own peer id"));
    }
    Ok(address)
}

/// Reads an address to listen on.
pub(super) fn listen(text: &str) -> Result<Multiaddr, BadValue> {
    let text = text.trim();
    let bad = |message: String| BadValue::new(message).hint(LISTEN_HINT);
    let address = if text.starts_with('/') {
        multiaddr(text).map_err(bad)?
    } else {
        let socket: SocketAddr = text
            .parse()
            .map_err(|_| bad(format!("`{text}` is not an address to listen on")))?;
        tcp(socket.ip().into(), socket.port())
    };
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    match parts.as_slice() {
        [Protocol::Ip4(_) | Protocol::Ip6(_), rest @ ..] => {
            check_transport(rest, text, true).map_err(bad)?;
        }
        _ => return Err(bad(format!("`{text}` does not start with /ip4/ or /ip6/"))),
    }
    Ok(address)
}

fn multiaddr(text: &str) -> Result<Multiaddr, String> {
    text.parse()
        .map_err(|error| format!("`{text}` is not a multiaddr: {error}"))
}

fn tcp(host: Protocol<'_>, port: u16) -> Multiaddr {
    Multiaddr::empty().with(host).with(Protocol::Tcp(port))
}

fn host_port(text: &str) -> Result<Multiaddr, String> {
    if text.contains("://") {
        return Err(format!("`{text}` is a URL, not a peer's address"));
    }
    if text.parse::<libp2p::PeerId>().is_ok() {
        return Err(format!(
            "`{text}` is a peer id, which does not say where the peer is"
        ));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if text.parse::<IpAddr>().is_err() => (host, port),
        _ => return Err(format!("`{text}` has no port")),
    };
    let port = port
        .parse()
        .map_err(|_| format!("`{text}` does not end in a port from 1 to 65535"))?;
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host: Protocol<'_> = match bracketed.unwrap_or(host).parse::<IpAddr>() {
        Ok(ip) => ip.into(),
        Err(_) if is_host_name(host) => Protocol::Dns(host.into()),
        Err(_) => {
            return Err(format!(
                "`{text}` does not start with a host name or an IP address"
            ));
        }
    };
    Ok(tcp(host, port))
}

fn is_host_name(host: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=253).contains(&host.len()) && host.chars().all(good) && !host.starts_with(['-', '.'])
}

fn check_host(host: &Protocol<'_>, text: &str) -> Result<(), String> {
    let unspecified = match host {
        Protocol::Ip4(ip) => ip.is_unspecified(),
        Protocol::Ip6(ip) => ip.is_unspecified(),
        Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => false,
        _ => {
            return Err(format!(
                "`{text}` does not start with a host: /ip4, /ip6, /dns"
            ));
        }
    };
    if unspecified {
        return Err(format!(
            "`{text}` means any address of a machine, which nobody can dial"
        ));
    }
    Ok(())
}

fn check_transport(parts: &[Protocol<'_>], text: &str, port_zero: bool) -> Result<(), String> {
    let port = match parts {
        [Protocol::Tcp(port)] => *port,
        [Protocol::Udp(port), Protocol::QuicV1] if cfg!(feature = "quic") => *port,
        [Protocol::Udp(_), Protocol::QuicV1] => {
            return Err(format!("`{text}` needs QUIC, which this build leaves out"));
        }
        _ => {
            return Err(format!(
                "`{text}` is not a TCP address: /ip4/<ip>/tcp/<port>"
            ));
        }
    };
    if port == 0 && !port_zero {
        return Err(format!("`{text}` has port 0, which nobody can dial"));
    }
    Ok(())
}
