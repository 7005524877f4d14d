//! What people type for an address, and what they should have typed.

use super::*;

const PEER: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUj2kj6vnc6iDEp";

#[test]
fn addresses_to_dial_are_read_in_all_their_forms() {
    let with_peer = format!("/ip4/192.0.2.1/tcp/7700/p2p/{PEER}");
    let cases = [
        ("/ip4/192.0.2.1/tcp/7700", "/ip4/192.0.2.1/tcp/7700"),
        (with_peer.as_str(), with_peer.as_str()),
        (
            "/dns/seed.example.org/tcp/7700",
            "/dns/seed.example.org/tcp/7700",
        ),
        ("/dnsaddr/example.org", "/dnsaddr/example.org"),
        ("seed.example.org:7700", "/dns/seed.example.org/tcp/7700"),
        (" node_1:7700 ", "/dns/node_1/tcp/7700"),
        ("192.0.2.1:7700", "/ip4/192.0.2.1/tcp/7700"),
        ("[2001:db8::1]:7700", "/ip6/2001:db8::1/tcp/7700"),
    ];
    for (typed, expected) in cases {
        assert_eq!(
            dial(typed).map(|addr| addr.to_string()).as_deref(),
            Ok(expected)
        );
    }
}

#[test]
fn addresses_that_cannot_be_dialled_say_why_and_show_one_that_can() {
    let cases = [
        ("", "the address is empty"),
        ("seed.example.org", "has no port"),
        ("2001:db8::1", "has no port"),
        ("seed:0", "has port 0"),
        ("seed:port", "does not end in a port"),
        ("seed:70000", "does not end in a port"),
        (":7700", "does not start with a host name"),
        ("a b:7700", "does not start with a host name"),
        ("http://seed:7700", "is a URL"),
        (PEER, "is a peer id"),
        ("/", "is not a"),
        ("/ip4/192.0.2.1", "is not a TCP address"),
        ("/ip4/0.0.0.0/tcp/7700", "nobody can dial"),
        ("0.0.0.0:7700", "nobody can dial"),
        ("/ip4/192.0.2.1/tcp/0", "has port 0"),
        ("/ip4/192.0.2.300/tcp/1", "is not a multiaddr"),
        ("/tcp/7700", "does not start with a host"),
        ("/ip4/192.0.2.1/udp/7700", "is not a TCP address"),
        ("/ip4/192.0.2.1/tcp/1/ws", "is not a TCP address"),
        ("/ip4/192.0.2.1/tcp/1/p2p/nobody", "is not a multiaddr"),
    ];
    for (typed, expected) in cases {
        let bad = dial(typed).expect_err(typed);
        assert!(bad.message.contains(expected), "{typed}: {}", bad.message);
        assert!(
            bad.hint
                .is_some_and(|hint| hint.contains("seed.example.org:7700")),
            "{typed}"
        );
    }
}

#[test]
fn quic_needs_a_build_with_quic() {
    let typed = "/ip4/192.0.2.1/udp/7700/quic-v1";
    match cfg!(feature = "quic") {
        true => assert!(dial(typed).is_ok()),
        false => assert!(dial(typed).is_err_and(|bad| bad.message.contains("needs QUIC"))),
    }
}

#[test]
fn listening_takes_port_zero_and_any_interface() {
    for (typed, expected) in [
        ("/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/tcp/0"),
        ("0.0.0.0:0", "/ip4/0.0.0.0/tcp/0"),
        ("[::]:7700", "/ip6/::/tcp/7700"),
    ] {
        assert_eq!(
            listen(typed).map(|addr| addr.to_string()).as_deref(),
            Ok(expected)
        );
    }
    for typed in ["localhost:7700", "/dns/a/tcp/1", "/ip4/0.0.0.0", "7700", ""] {
        assert!(listen(typed).is_err(), "{typed}");
    }
}

#[test]
fn an_external_address_has_no_peer_id() {
    assert!(external("node.example.org:7700").is_ok());
    let bad = external(&format!("/dns/a/tcp/1/p2p/{PEER}")).unwrap_err();
    assert!(bad.message.contains("names a peer id"), "{}", bad.message);
}
