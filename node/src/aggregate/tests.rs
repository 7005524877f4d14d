//! Files that `aggregate` reads, refuses and writes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::{AggregateArgs, run};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Style};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A folder with `in.safetensors`, which holds these tensors of F32.
fn folder(tensors: &[(&str, &[usize], &[f32])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("can be made");
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("fits");
        ((*name).to_owned(), view)
    });
    let file = safetensors::serialize(views, None).expect("serializes");
    std::fs::write(folder.path().join("in.safetensors"), file).expect("can be written");
    folder
}

fn args(folder: &Path, rule: &str, max_byzantine: usize) -> AggregateArgs {
    AggregateArgs {
        rule: rule.to_owned(),
        max_byzantine,
        input: folder.join("in.safetensors"),
        tensor: None,
        output: folder.join("out.safetensors"),
        json: true,
    }
}

fn call(args: &AggregateArgs) -> Result<Value, Failure> {
    let sink = Sink::default();
    let style = Style {
        json: true,
        ..Style::default()
    };
    run(args, &Output::to(style, sink.clone(), io::sink()))?;
    let printed = sink.0.lock().expect("not poisoned").clone();
    Ok(serde_json::from_slice(&printed).expect("one JSON object"))
}

fn written(path: &PathBuf) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).expect("was written");
    let tensors = SafeTensors::deserialize(&bytes).expect("is a safetensors file");
    let view = tensors.tensor("aggregate").expect("is there");
    assert_eq!(view.dtype(), Dtype::F32);
    let values = view
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b));
    (view.shape().to_vec(), values.collect())
}

const ROWS: [f32; 10] = [1.0, 2.0, 1.0, 2.0, 1.5, 2.5, 0.5, 1.5, -900.0, 1e30];

#[test]
fn rows_go_in_and_an_aggregate_of_their_shape_comes_out() {
    let folder = folder(&[("x", &[5, 2, 1], &ROWS)]);
    let args = args(folder.path(), "krum", 1);
    let report = call(&args).expect("fits");
    assert_eq!(written(&args.output), (vec![2, 1], vec![1.0, 2.0]));
    assert_eq!(report["rule"], "krum");
    assert_eq!(
        (&report["rows"], &report["dimension"]),
        (&5.into(), &2.into())
    );
    assert_eq!(report["kept"], serde_json::json!([0]));
    assert_eq!(report["dropped"], serde_json::json!([1, 2, 3, 4]));
    assert_eq!(report["weights"][0], 1.0);
    assert_eq!(report["scores"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_pipeline_is_taken_as_text() {
    let folder = folder(&[("g", &[5, 2], &ROWS)]);
    let args = args(folder.path(), "nnm+trimmed-mean", 1);
    assert_eq!(
        call(&args).expect("the only tensor")["rule"],
        "nnm+trimmed-mean"
    );
    let (_, vector) = written(&args.output);
    assert!(
        (0.5..=1.5).contains(&vector[0]) && (1.5..=2.5).contains(&vector[1]),
        "{vector:?}"
    );
}

fn refused(args: &AggregateArgs) -> Failure {
    let failure = call(args).expect_err("must be refused");
    assert!(!args.output.exists(), "nothing is written");
    assert!(failure.hint.is_some(), "{failure:?}");
    failure
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_nothing_is_written() {
    let folder = folder(&[("x", &[5, 2], &ROWS)]);
    assert_eq!(refused(&args(folder.path(), "kurm", 1)).exit, Exit::Usage);
    let too_many = refused(&args(folder.path(), "krum", 2));
    assert_eq!(too_many.exit, Exit::Usage);
    assert!(
        too_many.message.contains('7'),
        "says how many are needed: {too_many:?}"
    );
    assert_eq!(refused(&args(folder.path(), "median", 3)).exit, Exit::Usage);
    let elsewhere = AggregateArgs {
        tensor: Some("y".into()),
        ..args(folder.path(), "median", 1)
    };
    assert!(refused(&elsewhere).message.contains("no tensor `y`"));
    let nowhere = AggregateArgs {
        input: folder.path().join("none"),
        ..args(folder.path(), "median", 1)
    };
    assert_eq!(refused(&nowhere).exit, Exit::Setup);
}

#[test]
fn a_row_that_is_not_finite_is_named() {
    let mut rows = ROWS;
    rows[7] = f32::NAN;
    let folder = folder(&[("x", &[5, 2], &rows)]);
    let failure = refused(&args(folder.path(), "median", 1));
    assert_eq!(failure.exit, Exit::Setup);
    assert!(failure.message.contains('3'), "{failure:?}");
}

#[test]
fn a_tensor_without_rows_is_refused() {
    for shape in [&[10_usize][..], &[0, 2]] {
        let values: &[f32] = if shape == [10] { &ROWS } else { &[] };
        let folder = folder(&[("x", shape, values)]);
        assert_eq!(refused(&args(folder.path(), "median", 1)).exit, Exit::Setup);
    }
}

#[test]
fn a_truncated_file_is_refused() {
    let folder = folder(&[("x", &[5, 2], &ROWS)]);
    let path = folder.path().join("in.safetensors");
    let bytes = std::fs::read(&path).expect("was written");
    std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("can be written");
    assert_eq!(refused(&args(folder.path(), "median", 1)).exit, Exit::Setup);
}
