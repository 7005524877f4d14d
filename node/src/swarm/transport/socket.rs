//! What is asked of the system for each TCP connection.

use tokio::net::TcpStream;

/// Lets the system take no more from a connection than [`limits::UNSENT`](super::limits::UNSENT) bytes ahead of the link,
/// where it can.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn keep_little_unsent(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    if let Err(error) = socket.set_tcp_notsent_lowat(super::limits::UNSENT) {
        tracing::debug!(%error, "messages may wait behind payloads in the system's buffers");
    }
}

/// Other systems have other bounds of their own.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const fn keep_little_unsent(_: &TcpStream) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_takes_little_ahead_of_the_link() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let unsent = || socket2::SockRef::from(&stream).tcp_notsent_lowat().unwrap();
        keep_little_unsent(&stream);
        assert_eq!(unsent(), super::super::limits::UNSENT);
    }
}
