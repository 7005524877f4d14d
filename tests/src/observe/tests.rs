//! The harness must be able to see a difference, or its tests prove nothing.

use super::*;

fn ended(round: u64, model: &str) -> Event {
    let line = format!(
        r#"{{"event":"round","round":{round},"applied":true,"loss":0.5,"accuracy":null,"roster":2,
            "verdicts":{{"a":"kept","b":"late","d":"dropped"}},"model":"{model}","seconds":0.1}}"#
    );
    serde_json::from_str(&line).expect("a line as a node writes it")
}

fn told(name: &str, models: &[(u64, &str)]) -> (String, Vec<Event>) {
    let events = models.iter().map(|(round, model)| ended(*round, model));
    (name.to_owned(), events.collect())
}

#[test]
fn nodes_that_end_the_same_rounds_with_the_same_models_agree() {
    let nodes = [
        told("a", &[(1, "x"), (2, "y"), (3, "z")]),
        told("b", &[(2, "y"), (3, "z")]),
    ];
    assert_eq!(agreement(&nodes, 0), Ok(BTreeSet::from([2, 3])));
}

#[test]
fn a_different_model_is_found_and_named() {
    let nodes = [
        told("a", &[(1, "x"), (2, "y")]),
        told("b", &[(1, "x"), (2, "other")]),
    ];
    let error = agreement(&nodes, 0).expect_err("they differ");
    assert!(
        error.starts_with("different models after round 2"),
        "{error}"
    );
    assert_eq!(agreement(&nodes, 3), Ok(BTreeSet::new()));
}

#[test]
fn a_node_that_repaired_itself_is_taken_at_its_last_word() {
    let nodes = [told("a", &[(1, "x")]), told("b", &[(1, "wrong"), (1, "x")])];
    assert_eq!(agreement(&nodes, 0), Ok(BTreeSet::from([1])));
}

#[test]
fn a_node_may_be_wrong_if_it_says_so_itself() {
    let joined = r#"{"event":"joined","run":"r","round":2,"roster":2}"#;
    let joined: Event = serde_json::from_str(joined).expect("a line as a node writes it");
    let right = told("a", &[(1, "x"), (2, "y")]);
    let mut wrong = told("b", &[(1, "wrong")]);
    assert!(
        agreement(&[right.clone(), wrong.clone()], 0).is_err(),
        "it does not know yet"
    );
    wrong.1.push(joined);
    wrong.1.push(ended(2, "y"));
    assert_eq!(
        agreement(&[right.clone(), wrong.clone()], 0),
        Ok(BTreeSet::from([2]))
    );
    wrong.1.push(ended(3, "z"));
    let further = told("c", &[(3, "other")]);
    assert!(
        agreement(&[wrong, further], 0).is_err(),
        "it went apart again"
    );
}

#[test]
fn verdicts_are_found_by_peer() {
    let Event::Round(round) = ended(7, "x") else {
        panic!("it is a round")
    };
    assert!(round.kept("a") && !round.kept("b") && !round.kept("c"));
    assert_eq!((round.verdict("b"), round.n_kept()), (Some("late"), 1));
    assert_eq!(
        ["a", "b", "c", "d"].map(|peer| round.counted(peer)),
        [true, false, false, true]
    );
}

fn joined(round: u64) -> Event {
    Event::Joined(Joined {
        run: "run".into(),
        round,
    })
}

#[test]
fn a_difference_is_void_only_if_it_was_taken_back_soon() {
    let right = told("a", &[(1, "x"), (2, "y"), (3, "z"), (12, "w")]);
    let wrong = |back: Option<u64>| {
        let mut said = told("b", &[(2, "other"), (3, "others")]);
        said.1.extend(back.map(joined));
        [right.clone(), said]
    };
    assert_eq!(divergent_rounds(&wrong(None)), [2, 3]);
    assert_eq!(divergent_rounds(&wrong(Some(4))), [0; 0]);
    assert_eq!(divergent_rounds(&wrong(Some(11))), [2]);
    assert_eq!(divergent_rounds(&wrong(Some(13))), [2, 3]);
}
