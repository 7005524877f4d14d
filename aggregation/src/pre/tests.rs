//! The mixings of others, from the reference vectors, as matrices times rows.

use std::fs;
use std::path::PathBuf;

use safetensors::SafeTensors;

use super::*;
use crate::engine::{Pairs, distances, simd::Isa};
use crate::source::Source;

fn values(tensors: &SafeTensors<'_>, name: &str) -> Option<Vec<f64>> {
    let tensor = tensors.tensor(name).ok()?;
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        safetensors::Dtype::F32 => {
            let all = bytes.as_chunks().0.iter();
            all.map(|b| f64::from(f32::from_le_bytes(*b))).collect()
        }
        safetensors::Dtype::I64 => {
            let all = bytes.as_chunks().0.iter();
            all.map(|b| i64::from_le_bytes(*b) as f64).collect()
        }
        _ => {
            let all = bytes.as_chunks().0.iter();
            all.map(|b| f64::from_le_bytes(*b)).collect()
        }
    })
}

#[test]
fn mixings_agree_with_byzfl() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut compared = [0; 5];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "safetensors") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let facts = metadata.metadata().clone().unwrap();
        let f: usize = facts["f"].parse().unwrap();
        let x = values(&tensors, "x").unwrap();
        let d: usize = facts["d"].parse().unwrap();
        let rows: Vec<Vec<f32>> = x
            .chunks(d)
            .map(|r| r.iter().map(|v| *v as f32).collect())
            .collect();
        let n = rows.len();
        if x.iter().any(|x| !x.is_finite()) || 2 * f >= n {
            continue;
        }
        let order: Vec<usize> = (0..n).collect();
        let source = Source::Rows(rows.iter().map(Vec::as_slice).collect());
        let g = Geometry::new(&order, &distances(Isa::best(), &source, Pairs::All));
        let is_tie = facts["tags"].contains("tie");
        let permuted = |name: &str, size: usize| {
            let order = values(&tensors, name)?;
            let order: Vec<usize> = order.iter().map(|&i| i as usize).collect();
            Some(groups(&order, size))
        };
        let mixings = [
            ("nnm", (!is_tie).then(|| Pre::Nnm.mixing(&g, f).0)),
            ("arc", Some(Pre::Arc.mixing(&g, f).0)),
            ("clip1", Some(Pre::Clip { radius: 1.0 }.mixing(&g, f).0)),
            ("bucket2_seed0", permuted("perm.bucket2_seed0", 2)),
            ("bucket3_seed0", permuted("perm.bucket3_seed0", 3)),
        ];
        let size = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        for ((name, mixing), compared) in mixings.into_iter().zip(&mut compared) {
            let expected = values(&tensors, &format!("byzfl.pre.{name}"));
            let (Some(mixing), Some(expected)) = (mixing, expected) else {
                continue;
            };
            for (row, expected) in mixing.iter().zip(expected.chunks(d)) {
                for (c, expected) in expected.iter().enumerate() {
                    let found: f64 = (0..n).map(|j| row[j] * x[j * d + c]).sum();
                    assert!(
                        (found - expected).abs() <= 1e-6 * size,
                        "{name} {}",
                        path.display()
                    );
                }
            }
            *compared += 1;
        }
    }
    assert_eq!(compared, [14, 22, 19, 22, 19]);
}

#[test]
fn groups_hold_every_row_once_and_depend_on_the_seed() {
    let sums = vec![1.0; crate::engine::triangle(11, 0)];
    let g = Geometry::new(&(0..11).collect::<Vec<_>>(), &sums);
    let mixing = |seed| {
        let size = NonZeroUsize::new(3).unwrap();
        Pre::Bucketing { size, seed }.mixing(&g, 1).0
    };
    let groups = mixing(7);
    assert_eq!(groups.len(), 4);
    for j in 0..11 {
        assert_eq!(groups.iter().filter(|row| row[j] > 0.0).count(), 1);
    }
    assert_eq!(groups, mixing(7));
    assert_ne!(groups, mixing(8));
}
