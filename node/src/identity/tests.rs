//! Key files, good and bad. A bad one is refused, and left byte for byte as it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

struct Place {
    _dir: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.key");
    Place { _dir: dir, path }
}

fn put(path: &Path, contents: impl AsRef<[u8]>) {
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// The text of a good key file.
fn good() -> String {
    let place = place();
    Identity::load_or_create(&place.path).unwrap();
    fs::read_to_string(&place.path).unwrap()
}

fn key_line(text: &str) -> &str {
    text.lines().find(|line| !line.starts_with('#')).unwrap()
}

#[test]
fn the_first_start_makes_a_key_and_the_next_ones_load_it() {
    let place = place();
    let made = Identity::load_or_create(&place.path).unwrap();
    assert_eq!(made.source(), Source::Created);
    assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&place.path).unwrap();
    assert!(text.starts_with("# created: 20"), "{text}");
    assert!(text.contains(&format!("# peer id: {}\n", made.peer_id())));
    assert_eq!(
        fs::read_dir(place.path.parent().unwrap()).unwrap().count(),
        1,
        "leftovers"
    );

    let loaded = Identity::load_or_create(&place.path).unwrap();
    assert_eq!(
        (loaded.source(), loaded.peer_id()),
        (Source::Loaded, made.peer_id())
    );
    assert_eq!(fs::read_to_string(&place.path).unwrap(), text);
    let signature = made.keypair().sign(b"hello").unwrap();
    assert!(loaded.keypair().public().verify(b"hello", &signature));
}

#[test]
fn the_key_line_is_the_private_key_as_libp2p_writes_it() {
    let text = good();
    let bytes = STANDARD.decode(key_line(&text)).unwrap();
    let keypair = Keypair::from_protobuf_encoding(&bytes).unwrap();
    assert!(text.contains(&keypair.public().to_peer_id().to_string()));
    // Written by libp2p-identity itself, without comments.
    let place = place();
    put(
        &place.path,
        STANDARD.encode(keypair.to_protobuf_encoding().unwrap()),
    );
    assert_eq!(
        Identity::load(&place.path).unwrap().peer_id(),
        keypair.public().to_peer_id()
    );
}

#[test]
fn a_missing_file_is_not_made_by_loading() {
    let place = place();
    assert!(matches!(
        Identity::load(&place.path),
        Err(IdentityError::Missing { .. })
    ));
    assert!(!place.path.exists());
}

#[test]
fn the_secret_is_not_in_the_debug_text() {
    let identity = Identity::ephemeral();
    let text = format!("{identity:?}");
    assert_eq!(text, format!("Identity({}, Ephemeral)", identity.peer_id()));
}

#[test]
fn a_bad_file_is_refused_and_left_as_it_is() {
    let good = good();
    let key = key_line(&good);
    let secret = STANDARD.decode(key).unwrap();
    let of_kind = |kind: u8| {
        let mut bytes = secret.clone();
        bytes[1] = kind;
        STANDARD.encode(bytes)
    };
    let mut wrong_public = secret.clone();
    wrong_public[67] ^= 1;
    let other = Identity::ephemeral().peer_id();
    let cases: Vec<(Vec<u8>, Defect)> = vec![
        (vec![], Defect::NoKey),
        (b"# only a comment\n\n".to_vec(), Defect::NoKey),
        (
            good.replace(key, &key[..key.len() - 10]).into(),
            Defect::Truncated,
        ),
        (good.replace(key, &key[..60]).into(), Defect::Truncated),
        (good.replace(key, &key[..9]).into(), Defect::Truncated),
        (good.replace(key, "not a key!").into(), Defect::NotBase64),
        (secret.clone(), Defect::NotText),
        ((0..=255).collect(), Defect::NotText),
        (
            b"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END".to_vec(),
            Defect::Pem,
        ),
        (STANDARD.encode([7; 32]).into(), Defect::NotAKey),
        (
            STANDARD.encode([&secret[..], b"more"].concat()).into(),
            Defect::NotAKey,
        ),
        (STANDARD.encode(wrong_public).into(), Defect::NotAKey),
        (of_kind(0).into(), Defect::NotEd25519),
        (of_kind(2).into(), Defect::NotEd25519),
        (of_kind(3).into(), Defect::NotEd25519),
        (format!("{good}{key}\n").into(), Defect::ManyKeys),
        (
            format!("{PEER_COMMENT} {other}\n{key}\n").into(),
            Defect::OtherPeer,
        ),
        (vec![b'#'; MAX_FILE_BYTES + 1], Defect::TooLong),
    ];
    for (contents, expected) in cases {
        let place = place();
        put(&place.path, &contents);
        let error = Identity::load_or_create(&place.path).unwrap_err();
        let IdentityError::Foreign { problem, .. } = error else {
            panic!("{error:?}")
        };
        let shown = String::from_utf8_lossy(&contents).into_owned();
        assert_eq!(problem, expected, "{shown}");
        assert_eq!(fs::read(&place.path).unwrap(), contents);
    }
}

#[test]
fn a_file_that_others_can_open_is_refused_with_the_cure() {
    let good = good();
    for mode in [0o604, 0o640, 0o660, 0o666, 0o644] {
        let place = place();
        put(&place.path, &good);
        fs::set_permissions(&place.path, Permissions::from_mode(mode)).unwrap();
        let error = Identity::load_or_create(&place.path).unwrap_err();
        assert!(matches!(error, IdentityError::Exposed { mode: found, .. } if found == mode));
        assert!(
            error
                .hint()
                .contains(&format!("chmod 600 {}", place.path.display()))
        );
        assert_eq!(fs::read_to_string(&place.path).unwrap(), good);
    }
}

#[test]
fn a_folder_or_a_broken_link_is_no_key_file() {
    let place = place();
    fs::create_dir(&place.path).unwrap();
    let error = Identity::load_or_create(&place.path).unwrap_err();
    assert!(matches!(
        error,
        IdentityError::Foreign {
            problem: Defect::NotAFile,
            ..
        }
    ));
    fs::remove_dir(&place.path).unwrap();

    // Not followed: the key would land wherever the link points.
    let target = place.path.with_extension("elsewhere");
    symlink(&target, &place.path).unwrap();
    let error = Identity::load_or_create(&place.path).unwrap_err();
    assert!(
        matches!(
            error,
            IdentityError::Io {
                doing: "create",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!target.exists());
}

#[test]
fn a_file_that_appears_in_between_is_not_overwritten() {
    let place = place();
    put(&place.path, "somebody else's");
    let error = write::create(&place.path, b"ours").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "somebody else's");
    assert_eq!(
        fs::read_dir(place.path.parent().unwrap()).unwrap().count(),
        1,
        "leftovers"
    );
}
