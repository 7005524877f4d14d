//! `spirt-lab rivals`, without the rival.

use crate::lab;

#[test]
fn whatever_befalls_one_of_four_the_others_end_the_round_alike_and_right() {
    let (result, success) = lab("rivals", "--only-spirt --dim 4000000");
    assert!(success, "{result}");
    let rows = result["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "{result}");
    for row in rows {
        assert_eq!(row["system"], "spirt", "{row}");
        assert_eq!(row["alike"], true, "{row}");
        assert_eq!(row["right"], true, "{row}");
    }
    // A NaN breaks the encoding; a vector that is far too long, only the rule can tell.
    for liar in &rows[2..] {
        assert_eq!(liar["rounds_until_named"], 1, "{liar}");
    }
}
