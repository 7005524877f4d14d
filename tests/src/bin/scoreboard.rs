//! `scoreboard [--rounds N] [--attacks A,B] [--rules R,S] [--options "..."]`: attack by rule on real
//! nodes, as Markdown tables on stdout. Run it by `cargo xtask scoreboard`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::process::ExitCode;

use spirt_tests::scoreboard::{Game, Score};

const ATTACKS: &str = "sign-flip,scaled,gaussian,alie,ipm,mimic,label-flip,min-max,nan,wrong-shape,equivocate,replay,garbage";
const RULES: &str = "mean,median,trimmed-mean,krum,geometric-median,arc+nnm+trimmed-mean";

struct Plan {
    rounds: u64,
    attacks: Vec<String>,
    rules: Vec<String>,
    options: String,
}

fn main() -> ExitCode {
    let Some(plan) = parse(std::env::args().skip(1)) else {
        eprintln!("usage: scoreboard [--rounds N] [--attacks A,B] [--rules R,S] [--options TEXT]");
        return ExitCode::from(2);
    };
    let attacks: Vec<Option<&String>> = [None]
        .into_iter()
        .chain(plan.attacks.iter().map(Some))
        .collect();
    let head = plan.rules.join(" | ");
    let line = "---|".repeat(plan.rules.len());
    println!("| attack | {head} |\n|---|{line}");
    let mut clean: Vec<Option<f64>> = Vec::new();
    for attack in attacks {
        let mut cells = Vec::new();
        for (column, rule) in plan.rules.iter().enumerate() {
            let game = Game {
                rule: rule.clone(),
                attack: attack.cloned(),
                rounds: plan.rounds,
                options: plan.options.clone(),
            };
            let score = game.play();
            eprintln!("{rule} {attack:?}: {score:?}");
            if attack.is_none() {
                clean.push(score.accuracy);
            }
            cells.push(cell(&score, clean[column], attack.is_none()));
        }
        let name = attack.map_or("none", String::as_str);
        println!("| {name} | {} |", cells.join(" | "));
    }
    ExitCode::SUCCESS
}

/// Accuracy, points lost against the clean run, rounds lost, rounds until named.
fn cell(score: &Score, clean: Option<f64>, is_clean: bool) -> String {
    let Some(accuracy) = score.accuracy else {
        return "no end".into();
    };
    let percent = 100.0 * accuracy;
    let mut text = format!("{percent:.1}");
    if !is_clean && let Some(clean) = clean {
        text = format!("{percent:.1} ({:+.1})", 100.0 * (accuracy - clean));
    }
    if !is_clean {
        let named = score.named.map_or("-".into(), |rounds| rounds.to_string());
        text.push_str(&format!(", {}, {named}", score.lost));
    }
    if score.divergent > 0 {
        text.push_str(&format!(", {} divergent", score.divergent));
    }
    text
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Plan> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut plan = Plan {
        rounds: 30,
        attacks: list(ATTACKS),
        rules: list(RULES),
        options: String::new(),
    };
    while let Some(flag) = words.next() {
        let value = words.next()?;
        match flag.as_str() {
            "--rounds" => plan.rounds = value.parse().ok().filter(|rounds| *rounds > 1)?,
            "--attacks" => plan.attacks = list(&value),
            "--rules" => plan.rules = list(&value),
            "--options" => plan.options = value,
            _ => return None,
        }
    }
    Some(plan)
}
