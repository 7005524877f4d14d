//! `docker compose up --scale peer=8`, and then containers die and start, stand still and lose their
//! network at random. The long form is `cargo xtask soak --host compose`.

use std::time::Duration;

use spirt_tests::host::Host;
use spirt_tests::soak::{Plan, run};

#[test]
fn a_minute_of_chaos_leaves_one_model_and_loses_no_round_of_the_run() {
    let plan = Plan {
        time: Duration::from_secs(60),
        seed: 7,
        nodes: 9,
        liars: 0,
        host: Host::Compose,
    };
    let mut story = Vec::new();
    let summary = run(&plan, &mut |line| story.push(line.to_owned()));
    assert!(summary.is_good(), "{summary:?}: {story:#?}");
    assert!(summary.kills > 0, "nothing was killed: {story:#?}");
}
