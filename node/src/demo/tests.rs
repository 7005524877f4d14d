//! The bookkeeping of the demo: scripted lines of nodes, and what the table and the summary make
//! of them.

use std::time::Duration;

use clap::Parser as _;

use super::args::DemoArgs;
use super::board::{Board, State};
use super::event::NodeEvent;
use super::plan::{Plan, Role};
use super::summary::Summary;
use super::table::{round_line, table};
use crate::exit::{Exit, Failure};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    demo: DemoArgs,
}

fn plan(args: &str) -> Result<Plan, Failure> {
    let words = std::iter::once("demo").chain(args.split_whitespace());
    Plan::new(&Line::try_parse_from(words).unwrap().demo)
}

/// A board on which all nodes but the late one have said `ready`.
fn board(plan: &Plan) -> Board {
    let mut board = Board::new(plan);
    (0..plan.nodes).for_each(|node| ready(&mut board, node));
    board
}

fn ready(board: &mut Board, node: usize) {
    board.started(node);
    hear(
        board,
        node,
        &format!(r#"{{"event":"ready","peer":"peer-{node}","join":"/x","listen":[]}}"#),
    );
}

fn hear(board: &mut Board, node: usize, line: &str) -> bool {
    board.note(node, NodeEvent::parse(line).unwrap())
}

/// A round as a node tells it; `verdicts` has a letter per node: kept, dropped, absent or unknown.
fn round(round: u64, model: &str, verdicts: &str) -> String {
    let words = verdicts.chars().enumerate().filter_map(|(node, letter)| {
        let word = match letter {
            'k' => "kept",
            'd' => "dropped",
            'a' => "absent",
            _ => return None,
        };
        Some(format!(r#""peer-{node}":"{word}""#))
    });
    let words: Vec<String> = words.collect();
    let (roster, words) = (words.len(), words.join(","));
    format!(
        r#"{{"event":"round","schema_version":1,"round":{round},"applied":true,"loss":0.25,
        "accuracy":0.95,"roster":{roster},"verdicts":{{{words}}},"model":"{model}",
        "bytes_sent":100,"bytes_received":90,"seconds":0.2}}"#
    )
}

fn left(lost: u64) -> String {
    format!(
        r#"{{"event":"left","reason":"done","round":3,"rounds_applied":3,"rounds_lost":{lost},
        "bytes_sent":200,"bytes_received":180}}"#
    )
}

#[test]
fn five_nodes_play_their_parts_by_default() {
    let plan = plan("").unwrap();
    let roles: Vec<Role> = (0..plan.all()).map(|node| plan.role(node)).collect();
    let honest = [Role::Honest; 3];
    assert_eq!(
        roles,
        [&[Role::Founder], &honest[..], &[Role::Liar, Role::Late]].concat()
    );
    assert_eq!(plan.kills().collect::<Vec<_>>(), [(15, 0)]);
    assert_eq!(plan.join_round(), Some(18));
}

#[test]
fn only_the_founder_decides_and_only_the_liar_attacks() {
    let plan = plan("").unwrap();
    let founder = plan.arguments(0, None).join(" ");
    assert!(
        founder.contains("--max-byzantine 1 --min-peers 3 --rounds 30"),
        "{founder}"
    );
    let honest = plan.arguments(1, Some("/addr")).join(" ");
    assert!(honest.ends_with("--bootstrap /addr"), "{honest}");
    assert!(!honest.contains("--rule"), "{honest}");
    let liar = plan.arguments(4, Some("/addr")).join(" ");
    assert!(
        liar.ends_with("--bootstrap /addr --attack sign-flip:scale=5"),
        "{liar}"
    );
}

#[test]
fn the_plain_mean_promises_nothing_and_nobody_is_killed_under_it() {
    let mean = plan("").unwrap().with_mean();
    assert!(mean.kills().next().is_none());
    assert_eq!(mean.all(), 5);
    let founder = mean.arguments(0, None).join(" ");
    assert!(
        founder.contains("--rule mean --max-byzantine 0 --min-peers 4"),
        "{founder}"
    );
}

#[test]
fn several_nodes_are_not_killed_in_the_same_round() {
    let plan = plan("--nodes 9 --kill 2").unwrap();
    assert_eq!(plan.kills().collect::<Vec<_>>(), [(15, 0), (17, 1)]);
    assert_eq!(plan.join_round(), Some(19));
}

#[test]
fn a_demo_that_cannot_work_is_refused_with_one_that_can() {
    let refused = |args: &str| plan(args).unwrap_err();
    let krum = refused("--rule krum");
    assert_eq!(krum.exit, Exit::Usage);
    assert_eq!(krum.message, "krum with 1 lying and 1 killed needs 6 nodes");
    plan("--rule krum --nodes 6").unwrap();
    refused("--rule median-ish");
    refused("--attack shouting");
    refused("--rounds 8");
    refused("--nodes 65");
    plan("--rounds 8 --kill 0").unwrap();
}

#[test]
fn the_first_honest_node_to_tell_of_a_round_gives_the_verdicts() {
    let mut board = board(&plan("").unwrap());
    assert!(
        !hear(&mut board, 4, &round(1, "aa", "ddddk")),
        "a liar is not believed"
    );
    assert!(hear(&mut board, 2, &round(1, "aa", "kkkkd")));
    assert!(!hear(&mut board, 1, &round(1, "aa", "kkkkd")), "no news");
    assert_eq!(board.rows[4].dropped, 1);
    assert_eq!(board.rows[0].dropped, 0);
    assert_eq!(
        round_line(&board),
        "round 1    loss 0.2500  accuracy 95.0%  kept 4/5  node-4 dropped"
    );
}

#[test]
fn nobody_is_killed_before_all_honest_nodes_take_part() {
    let mut board = board(&plan("").unwrap());
    hear(&mut board, 0, &round(1, "aa", "kk--d"));
    assert!(!board.all_took_part());
    hear(&mut board, 0, &round(2, "aa", "kkkk-"));
    assert!(board.all_took_part(), "a silent liar is no reason to wait");
}

#[test]
fn a_killed_node_is_heard_no_more_and_nobody_joins_through_it() {
    let mut board = board(&plan("").unwrap());
    hear(&mut board, 0, &round(1, "aa", "kkkkd"));
    assert_eq!(board.door(), Some(0));
    board.killed(0);
    assert!(!hear(&mut board, 0, &round(2, "bb", "kkkkd")));
    assert_eq!(board.rows[0].state, State::Killed);
    assert_eq!(board.door(), None, "nobody else has finished a round");
    hear(&mut board, 3, &round(2, "aa", "akkkd"));
    assert_eq!(board.door(), Some(3));
}

/// Three rounds; node 0 dies after the first, node 5 comes for the last, which ends in `models`.
fn played(plan: &Plan, models: [&str; 4]) -> Summary {
    let mut board = board(plan);
    hear(&mut board, 0, &round(plan.rounds - 3, "aa", "kkkkd"));
    board.killed(0);
    hear(&mut board, 1, &round(plan.rounds - 2, "bb", "akkkd"));
    ready(&mut board, 5);
    for (node, model) in [1, 2, 3, 5].into_iter().zip(models) {
        hear(&mut board, node, &round(plan.rounds - 1, model, "-kkkdk"));
        hear(&mut board, node, &left(0));
    }
    Summary::new(plan, &board, Duration::from_secs(9))
}

#[test]
fn one_model_on_all_survivors_is_a_success() {
    let mut summary = played(&plan("").unwrap(), ["cc"; 4]);
    summary.accuracy_mean_rule = Some(0.1);
    summary.verdict().unwrap();
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["agreed"], true);
    assert_eq!(json["joined_at_round"], 29);
    assert_eq!(json["dropped"]["node-4"], 3);
    assert_eq!(json["model_digests"]["node-5"], "cc");
    assert_eq!(json["killed"][0], "node-0");
    assert_eq!(json["liars"][0], "node-4");
    assert_eq!(
        json["bytes_sent"],
        100 + 4 * 200,
        "the killed one counts as far as it told"
    );
    let text = summary.text();
    assert!(
        text.contains("the same cc on node-1, node-2, node-3, node-5"),
        "{text}"
    );
    assert!(text.contains("node-4, a liar, in 3 of 3 rounds"), "{text}");
    assert!(text.contains("The plain mean is not robust"), "{text}");
}

#[test]
fn another_model_on_one_survivor_is_a_failure() {
    let summary = played(&plan("").unwrap(), ["cc", "cc", "cc", "dd"]);
    let failure = summary.verdict().unwrap_err();
    assert_eq!(failure.exit, Exit::Unexpected);
    assert!(
        failure.message.contains("same model"),
        "{}",
        failure.message
    );
}

#[test]
fn a_ruined_model_under_the_mean_is_a_result_and_no_error() {
    let plan = plan("--rule mean --kill 0").unwrap();
    let mut board = board(&plan);
    for node in 0..4 {
        hear(
            &mut board,
            node,
            &round(29, "ee", "kkkkk").replace("0.95", "0.1"),
        );
        hear(&mut board, node, &left(0));
    }
    let mut summary = Summary::new(&plan, &board, Duration::from_secs(9));
    summary.accuracy_mean_rule = summary.accuracy;
    summary.verdict().unwrap();
    assert!(
        summary.text().contains("The mean is not robust"),
        "{}",
        summary.text()
    );
}

#[test]
fn a_lost_round_is_a_failure() {
    let plan = plan("--kill 0").unwrap();
    let mut board = board(&plan);
    for node in 0..4 {
        hear(&mut board, node, &round(29, "ee", "kkkkd"));
        hear(&mut board, node, &left(1));
    }
    let failure = Summary::new(&plan, &board, Duration::ZERO)
        .verdict()
        .unwrap_err();
    assert_eq!(failure.message, "1 round lost");
}

#[test]
fn the_table_has_a_line_per_node_and_needs_no_colour() {
    let plan = plan("").unwrap();
    let mut board = board(&plan);
    hear(&mut board, 0, &round(15, "aa", "kkkkd"));
    board.killed(0);
    let text = table(&board, "title", 30, false);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2 + 6);
    assert_eq!(lines[0], "title, round 16 of 30");
    assert!(
        lines[2].starts_with("node-0   founder    killed"),
        "{}",
        lines[2]
    );
    assert!(lines[6].ends_with("dropped       once"), "{}", lines[6]);
    assert!(lines[7].contains("latecomer  not started"), "{}", lines[7]);
    assert!(!text.contains('\x1b'));
    let coloured = table(&board, "title", 30, true);
    assert_eq!(
        coloured.matches("\x1b[0m").count(),
        3,
        "killed, lying, not started"
    );
}

#[test]
fn an_event_of_a_later_version_is_passed_over() {
    assert_eq!(
        NodeEvent::parse(r#"{"event":"sneezed","how":"loudly"}"#).unwrap(),
        NodeEvent::Other
    );
}
