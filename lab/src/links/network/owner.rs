//! Which process a socket of this machine belongs to, as Linux tells in `/proc`.

use std::fs;
use std::net::SocketAddr;

/// The inode of the connected socket with this local address.
pub(super) fn inode(local: SocketAddr) -> Option<u64> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    inode_in(&table, local)
}

fn inode_in(table: &str, local: SocketAddr) -> Option<u64> {
    let SocketAddr::V4(local) = local else {
        return None;
    };
    let ip = u32::from_ne_bytes(local.ip().octets());
    let wanted = format!("{ip:08X}:{:04X}", local.port());
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Number, local and remote address, state, queues, timer, retransmits, user, timeout, inode.
        let inode = fields.get(9)?.parse().ok()?;
        (fields[1] == wanted && inode != 0).then_some(inode)
    })
}

/// Whether a process holds the socket.
pub(super) fn holds(pid: u32, inode: u64) -> bool {
    let wanted = format!("socket:[{inode}]");
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_socket_of_this_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let near = TcpStream::connect(listener.local_addr().expect("an address"));
        let near = near.expect("a connection");
        let (_, far) = listener.accept().expect("the other end");
        assert_eq!(near.local_addr().ok(), Some(far));
        let inode = inode(far).expect("it is in the table");
        assert!(holds(std::process::id(), inode));
        assert!(!holds(std::process::id(), inode + 1_000_000));
    }

    #[test]
    fn a_closing_socket_has_no_owner() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1E14 0100007F:C350 06 00000000:00000000 03:00000F10 00000000     0        0 0 3 0\n";
        let local = "127.0.0.1:7700".parse().expect("an address");
        assert_eq!(inode_in(table, local), None);
    }
}
