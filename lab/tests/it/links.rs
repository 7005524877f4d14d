//! `spirt-lab links`.

use crate::lab;

#[test]
fn vectors_take_what_the_links_allow_and_little_more() {
    let args = "--peers 3 --bytes 1000000 --delay 10ms --rate 40mbit --rounds 3";
    let (result, success) = lab("links", args);
    assert!(success, "{result}");
    assert_eq!(result["agreed"], true, "{result}");
    // 2 MB at 5 MB/s: no faster than the links, and no more than as long again for all the rest.
    let ratio = result["ratio"].as_f64().unwrap();
    assert!((1.0..3.0).contains(&ratio), "{result}");
}
