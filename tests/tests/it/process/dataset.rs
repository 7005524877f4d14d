//! A data set that peers give to each other: who joins needs no files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use spirt_tests::cluster::{Cluster, PATIENT};

/// Founds a run on a file of so many rows, and columns of noise, which is gone as soon as the founder has read it.
fn founded_on_a_file(rows: usize, noise: usize) -> Cluster {
    let file = tempfile::Builder::new().suffix(".csv").tempfile();
    let file = file.expect("a temporary file");
    let mut text = String::new();
    for row in 0..rows {
        let (label, spread) = (row % 3, row / 3);
        let features = [
            label * 40 + spread % 17,
            90 - label * 20 + spread % 11,
            row % 7,
        ];
        let [a, b, c] = features;
        write!(text, "{a}.5,{b},-{c}.25,").expect("text grows");
        for column in 0..noise {
            write!(text, "{},", (row * 31 + column * 17) % 8).expect("text grows");
        }
        writeln!(text, "{label}").expect("text grows");
    }
    fs::write(file.path(), text).expect("a file");
    let data = file.path().display();
    let options = format!("{PATIENT} --data csv:{data} --share-data --learning-rate 0.001");
    let swarm = Cluster::found(&options);
    swarm[0].wait_rounds(2);
    swarm
}

#[test]
fn a_newcomer_gets_the_data_set_from_peers_and_gives_it_to_the_next() {
    let mut swarm = founded_on_a_file(600, 0);
    let second = swarm.join(0, "");
    let first = swarm.wait_together(&[0, second]);
    swarm.agree(&[0, second], first.round, 3);
    swarm[0].kill();
    let third = swarm.join(second, "");
    let first = swarm.wait_together(&[second, third]);
    swarm.agree(&[second, third], first.round, 3);
}

#[test]
fn the_death_of_a_source_in_the_middle_does_not_keep_a_newcomer_from_the_data_set() {
    // Eight megabytes: some dozens of chunks.
    let mut swarm = founded_on_a_file(20_000, 97);
    let second = swarm.join(0, "");
    swarm.wait_together(&[0, second]);
    let third = swarm.join(second, "");
    let said = |line: &str, what: &str| line.contains(what).then_some(());
    swarm[third].wait_log("it asks for the data set", |line| {
        said(line, "fetching the data set from peers")
    });
    swarm[0].kill();
    swarm[third].wait_log("it has the data set", |line| {
        said(line, "the data set is here")
    });
    let first = swarm.wait_together(&[second, third]);
    swarm.agree(&[second, third], first.round, 3);
}

#[test]
fn a_node_that_starts_again_has_its_copy_and_fetches_a_corrupt_one_anew() {
    let mut swarm = founded_on_a_file(600, 0);
    let second = swarm.join(0, "");
    swarm.wait_together(&[0, second]);
    let copy = swarm.data_dir(second).join("data.set");
    let genuine = fs::read(&copy).expect("the node's copy");
    for corrupt in [false, true] {
        swarm[second].kill();
        let mut bytes = genuine.clone();
        if corrupt {
            *bytes.last_mut().expect("it is not empty") ^= 1;
        }
        fs::write(&copy, bytes).expect("the node's copy");
        let before = file_number(&copy);
        swarm.restart(second, Some(0));
        swarm.wait_together(&[0, second]);
        assert_eq!(fs::read(&copy).expect("the node's copy"), genuine);
        assert_eq!(
            file_number(&copy) != before,
            corrupt,
            "whether it was fetched"
        );
    }
    swarm[0].kill();
    swarm.restart(0, Some(second));
    let first = swarm.wait_together(&[0, second]);
    swarm.agree(&[0, second], first.round, 3);
}

fn file_number(path: &Path) -> u64 {
    fs::metadata(path).expect("the node's copy").ino()
}
