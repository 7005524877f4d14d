//! Vectors computed by others: ByzFL 0.0.11 (its NumPy path, in `f64`) and an independent `f64`
//! program. See `testdata/README.md`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use safetensors::SafeTensors;
use serde_json::Value;
use spirt_aggregation::{Inputs, Rule};

/// Error allowed, relative to the largest honest magnitude: outputs are `f32`.
const TOLERANCE: f64 = 2e-6;

struct Case {
    name: String,
    bytes: Vec<u8>,
    f: usize,
    honest: usize,
    has_tag: Vec<String>,
}

impl Case {
    fn tagged(&self, tag: &str) -> bool {
        self.has_tag.iter().any(|other| other == tag)
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    fn rows(&self) -> Vec<Vec<f32>> {
        let tensors = self.tensors();
        let x = tensors.tensor("x").unwrap();
        let values: Vec<f32> = x
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        values.chunks(x.shape()[1]).map(<[f32]>::to_vec).collect()
    }

    fn expected(&self, name: &str) -> Option<Vec<f64>> {
        let tensors = self.tensors();
        let tensor = tensors.tensor(name).ok()?;
        Some(
            tensor
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|b| f64::from_le_bytes(*b))
                .collect(),
        )
    }

    fn selection(&self, name: &str) -> Option<Vec<usize>> {
        let tensors = self.tensors();
        let tensor = tensors.tensor(name).ok()?;
        let rows = tensor
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|b| i64::from_le_bytes(*b));
        let mut rows: Vec<usize> = rows.map(|row| row.try_into().unwrap()).collect();
        rows.sort_unstable();
        Some(rows)
    }
}

fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let cases = manifest["cases"].as_object().unwrap();
    cases
        .iter()
        .map(|(name, case)| Case {
            name: name.clone(),
            bytes: fs::read(folder.join(format!("{name}.safetensors"))).unwrap(),
            f: number(&case["f"]),
            honest: number(&case["honest"]),
            has_tag: case["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| t.as_str().unwrap().to_owned())
                .collect(),
        })
        .collect()
}

/// Compares `rule` with the tensor `name` wherever both are defined; how many cases that were.
fn compare(rule: impl Fn(&Case, usize) -> Option<Rule>, name: &str) -> usize {
    let mut compared = 0;
    for case in cases() {
        let rows = case.rows();
        let (Ok(inputs), Some(rule)) = (Inputs::new(&rows), rule(&case, rows.len())) else {
            continue;
        };
        let (Ok(result), Some(expected)) = (rule.aggregate(&inputs, case.f), case.expected(name))
        else {
            continue;
        };
        let largest = rows[..case.honest]
            .iter()
            .flatten()
            .fold(0.0, |m: f32, x| m.max(x.abs()));
        assert_eq!(result.vector.len(), expected.len());
        for (found, expected) in result.vector.iter().zip(&expected) {
            let error = (f64::from(*found) - expected).abs();
            // A baseline may be far outside of the honest range: then the output's own rounding.
            let allowed = TOLERANCE
                * f64::from(largest).max(if rule.is_robust() {
                    0.0
                } else {
                    expected.abs()
                });
            assert!(
                error <= allowed,
                "{} {rule}: {found} is not {expected}",
                case.name
            );
        }
        compared += 1;
    }
    compared
}

#[test]
fn the_mean_agrees_with_byzfl() {
    assert_eq!(compare(|_, _| Some(Rule::Mean), "byzfl.average"), 23);
}

#[test]
fn the_median_agrees_with_byzfl() {
    assert_eq!(compare(|_, _| Some(Rule::Median), "byzfl.median"), 22);
}

#[test]
fn the_trimmed_mean_agrees_with_byzfl_and_with_the_oracle() {
    assert_eq!(compare(|_, _| Some(Rule::TrimmedMean), "byzfl.trmean"), 22);
    assert_eq!(compare(|_, _| Some(Rule::TrimmedMean), "oracle.trmean"), 22);
}

#[test]
fn krum_agrees_with_the_paper() {
    let rule = |case: &Case, _| (!case.tagged("tie")).then_some(Rule::Krum);
    assert_eq!(compare(rule, "oracle.krum_blanchard"), 10);
}

/// The reference averages n - f - 2 rows.
fn with_reference_m(case: &Case, n: usize) -> Option<Rule> {
    let m = n.checked_sub(case.f + 2).and_then(NonZeroUsize::new)?;
    (!case.tagged("tie")).then_some(Rule::MultiKrum { m: Some(m) })
}

#[test]
fn multi_krum_agrees_with_the_paper() {
    assert_eq!(compare(with_reference_m, "oracle.multikrum_blanchard"), 10);
}

#[test]
fn krum_and_multi_krum_select_the_reference_rows() {
    let mut compared = 0;
    for case in cases() {
        let rows = case.rows();
        let (Ok(inputs), Some(multi)) = (Inputs::new(&rows), with_reference_m(&case, rows.len()))
        else {
            continue;
        };
        for (rule, name) in [
            (Rule::Krum, "sel.krum_blanchard"),
            (multi, "sel.multikrum_blanchard"),
        ] {
            let (Ok(result), Some(expected)) =
                (rule.aggregate(&inputs, case.f), case.selection(name))
            else {
                continue;
            };
            let kept: Vec<usize> = result.report.kept().collect();
            assert_eq!(kept, expected, "{} {rule}", case.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 20);
}

#[test]
fn rows_that_are_not_finite_are_refused() {
    let mut refused = 0;
    for case in cases().iter().filter(|case| case.tagged("nonfinite")) {
        assert!(Inputs::new(&case.rows()).is_err(), "{}", case.name);
        refused += 1;
    }
    assert_eq!(refused, 2);
}
