//! Handshakes in memory.

use rustls::{ClientConnection, ServerConnection};

use super::*;

/// Both ends after as many flights as it takes; the error of whichever gives up.
fn shake_hands(client: &Tls, server: &Tls) -> Result<(ClientConnection, ServerConnection), Error> {
    let mut client = ClientConnection::new(Arc::clone(&client.client), nameless())?;
    let mut server = ServerConnection::new(Arc::clone(&server.server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        server.read_tls(&mut flight.as_slice()).unwrap();
        server.process_new_packets()?;
        flight.clear();
        server.write_tls(&mut flight).unwrap();
        client.read_tls(&mut flight.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok((client, server))
}

#[test]
fn each_side_learns_the_others_name_and_they_take_the_cipher_that_the_machine_is_fast_at() {
    let keys = [(); 2].map(|()| Keypair::generate_ed25519());
    let [one, other] = [&keys[0], &keys[1]].map(|key| Tls::new(key).unwrap());
    let (client, server) = shake_hands(&one, &other).unwrap();
    let names = [&client as &CommonState, &server].map(|state| peer_of(state).unwrap());
    assert_eq!(
        names,
        [&keys[1], &keys[0]].map(|key| key.public().to_peer_id())
    );
    assert_eq!(client.alpn_protocol(), Some(ALPN));
    let suite = client.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, suites()[0].suite());
    assert_eq!(
        has_aes(),
        suite == cipher_suite::TLS13_AES_128_GCM_SHA256.suite()
    );
}

#[test]
fn a_certificate_without_its_key_proves_nothing() {
    let honest = Keypair::generate_ed25519();
    let (certificate, _) = certificate::generate(&honest).unwrap();
    let (_, key) = certificate::generate(&honest).unwrap();
    let liar = Tls::with(certificate, key).unwrap();
    let node = Tls::new(&Keypair::generate_ed25519()).unwrap();
    assert!(shake_hands(&liar, &node).is_err(), "as a client");
    assert!(shake_hands(&node, &liar).is_err(), "as a server");
}
