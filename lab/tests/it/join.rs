//! `spirt-lab join`.

use crate::lab;

/// Sources of the state.
const SOURCES: u64 = 3;
/// A window of chunks of a state of 64 MB: what one source can owe.
const WINDOW: u64 = 8 * 512 * 1024;

#[test]
fn a_newcomer_gets_the_state_from_several_members_checked() {
    let (result, success) = lab("join", "--state-bytes 16000000 --peers 3 --pace 500");
    assert!(success, "{result}");
    assert_eq!(result["verified"], true, "{result}");
    let sources = result["source_bytes"].as_array().unwrap();
    assert!(sources.len() >= 2, "{result}");
    let brought: u64 = sources.iter().filter_map(|bytes| bytes.as_u64()).sum();
    assert_eq!(Some(brought), result["state_bytes"].as_u64(), "{result}");
    assert_eq!(result["offences"].as_array().unwrap().len(), 0, "{result}");
}

#[test]
fn the_death_of_a_source_costs_a_window_and_no_restart() {
    let args = "--state-bytes 64000000 --peers 3 --pace 500 --kill-source --kill-at 0.1";
    let (result, success) = lab("join", args);
    assert!(success, "{result}");
    assert_eq!(result["verified"], true, "{result}");
    assert!(result["killed_at"].as_f64() < Some(1.0), "{result}");
    // The others' windows, too: on a busy machine they may stand still for a moment, and are overtaken.
    let most = SOURCES * WINDOW;
    assert!(result["fetched_again"].as_u64() <= Some(most), "{result}");
    let sources = result["source_bytes"].as_array().unwrap();
    let brought: u64 = sources.iter().filter_map(|bytes| bytes.as_u64()).sum();
    assert_eq!(Some(brought), result["state_bytes"].as_u64(), "{result}");
}
