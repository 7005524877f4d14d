//! The lock, the session counter, and the files that a node can live without.

use std::fs::Permissions;

use super::*;

fn temp() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn addr(port: usize) -> Multiaddr {
    format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
}

#[test]
fn a_new_data_dir_belongs_to_its_owner_alone() {
    let place = temp();
    let path = place.path().join("a/b/spirt");
    let dir = DataDir::at(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("node.lock")), 0o600);
    assert_eq!(dir.root(), fs::canonicalize(&path).unwrap());
    assert!(!dir.is_ephemeral());
}

#[test]
fn a_second_node_is_refused_with_the_pid_of_the_first() {
    let place = temp();
    let first = DataDir::at(place.path()).unwrap();
    let error = DataDir::at(place.path()).unwrap_err();
    let own = std::process::id();
    assert!(matches!(error, DataDirError::Locked { pid: Some(pid), .. } if pid == own));
    assert!(
        error
            .to_string()
            .ends_with(&format!("another node, process {own}")),
        "{error}"
    );
    drop(first);
    DataDir::at(place.path()).unwrap();
}

#[test]
fn a_lock_file_of_a_killed_node_is_no_obstacle() {
    let place = temp();
    fs::write(
        place.path().join("node.lock"),
        "4294967295 and a long rest\n",
    )
    .unwrap();
    fs::write(place.path().join("addrs"), "/ip4/192.0.2.1/tcp/1\n").unwrap();
    let dir = DataDir::at(place.path()).unwrap();
    let text = fs::read_to_string(place.path().join("node.lock")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
    assert!(!dir.addrs().exists(), "stale addresses");
}

#[test]
fn a_session_number_is_given_once() {
    let place = temp();
    let dir = DataDir::at(place.path()).unwrap();
    assert_eq!(dir.next_session().unwrap(), 1);
    assert_eq!(dir.next_session().unwrap(), 2);
    drop(dir);
    let dir = DataDir::at(place.path()).unwrap();
    assert_eq!(dir.next_session().unwrap(), 3);
    assert_eq!(
        fs::read_to_string(place.path().join("session")).unwrap(),
        "3\n"
    );
}

#[test]
fn a_damaged_session_counter_is_refused_and_left_as_it_is() {
    let place = temp();
    let dir = DataDir::at(place.path()).unwrap();
    let path = place.path().join("session");
    let bad: [&[u8]; 6] = [
        b"",
        b"x\n",
        b"-1\n",
        b"1 2\n",
        b"18446744073709551615\n",
        &[0xff],
    ];
    for contents in bad {
        fs::write(&path, contents).unwrap();
        assert!(
            matches!(dir.next_session(), Err(DataDirError::Session { .. })),
            "{contents:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), contents);
    }
}

#[test]
fn addresses_are_there_while_the_node_runs() {
    let place = temp();
    let dir = DataDir::at(place.path()).unwrap();
    dir.write_addrs(&[addr(1), addr(2)]).unwrap();
    let path = place.path().join("addrs");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "/ip4/192.0.2.1/tcp/1\n/ip4/192.0.2.1/tcp/2\n");
    assert_eq!(mode(&path), 0o644);
    drop(dir);
    assert!(!path.exists());
}

#[test]
fn known_peers_survive_a_restart_and_are_bounded() {
    let place = temp();
    let many: Vec<Multiaddr> = (1..=MAX_PEERS + 10).map(addr).collect();
    let dir = DataDir::at(place.path()).unwrap();
    assert!(dir.load_peers().is_empty());
    dir.save_peers(&many).unwrap();
    drop(dir);
    let dir = DataDir::at(place.path()).unwrap();
    assert_eq!(dir.load_peers(), many[..MAX_PEERS]);
}

#[test]
fn damaged_peers_are_left_out() {
    let place = temp();
    let dir = DataDir::at(place.path()).unwrap();
    let path = place.path().join("peers");
    fs::write(
        &path,
        b"/ip4/192.0.2.1/tcp/1\nnonsense\n\xff\xfe\n\n  /ip4/192.0.2.1/tcp/2  \n",
    )
    .unwrap();
    assert_eq!(dir.load_peers(), [addr(1), addr(2)]);
    fs::write(&path, vec![b'/'; 2 * MAX_SMALL_FILE_BYTES as usize]).unwrap();
    assert!(dir.load_peers().is_empty());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(dir.load_peers().is_empty());
}

#[test]
fn an_ephemeral_data_dir_goes_away() {
    let dir = DataDir::open(&Home::Ephemeral).unwrap();
    let root = dir.root().to_owned();
    assert_eq!(mode(&root), 0o700);
    assert!(dir.is_ephemeral());
    dir.next_session().unwrap();
    drop(dir);
    assert!(!root.exists());
}

#[test]
fn a_place_that_is_no_folder_is_an_error_with_its_path() {
    let place = temp();
    let path = place.path().join("file");
    fs::write(&path, "").unwrap();
    let error = DataDir::at(&path).unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn a_replaced_file_keeps_nothing_of_the_old_one() {
    let place = temp();
    let path = place.path().join("file");
    fs::write(&path, "a long old text").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    write::replace(&path, b"new", 0o600).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "leftovers");
}
