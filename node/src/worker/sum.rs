//! The rule over some chunks of all rows: a node's part, where the members share the work.

use bytes::Bytes;
use spirt_aggregation::{Inputs, Pipeline};

use super::Failure;
use super::message::Summed;
use super::rule::{SAMPLE, take_sample, values, verdicts};
use crate::blobs::Filling;
use crate::buffers::Buffers;

/// Columns that are aggregated at a time where rows lie in memory: few enough to stay in the cache after they were checked.
const BLOCK: usize = 4096;

/// The aggregate of each of these chunks, which are rows in single precision, of one length in a chunk; and the verdict on the
/// rows, as far as these chunks show.
pub(super) fn sum(
    rule: &Pipeline,
    f: usize,
    chunks: &[Vec<Bytes>],
    buffers: &Buffers,
) -> Result<Summed, Failure> {
    let n = chunks.first().map_or(0, Vec::len);
    let length = |chunk: &Vec<Bytes>| chunk.first().map_or(0, |row| row.len() / 4);
    let stride = chunks
        .iter()
        .map(length)
        .sum::<usize>()
        .div_ceil(SAMPLE)
        .max(1);
    let mut sample = vec![Vec::new(); n];
    let mut scratch = vec![0.0; BLOCK];
    let mut summed = Vec::new();
    for chunk in chunks {
        let values = values(chunk.iter());
        let rows: Vec<&[f32]> = values.iter().map(AsRef::as_ref).collect();
        for (sample, row) in sample.iter_mut().zip(&rows) {
            take_sample(sample, row, stride);
        }
        let mut filling = Filling::new(buffers.take(length(chunk) * 4));
        for start in (0..length(chunk)).step_by(BLOCK) {
            let end = length(chunk).min(start + BLOCK);
            let block: Option<Vec<&[f32]>> = rows.iter().map(|row| row.get(start..end)).collect();
            let inputs = Inputs::from_rows(block.ok_or("a row is too short")?)?;
            let sum = &mut scratch[..inputs.dimension()];
            rule.aggregate_into(&inputs, f, sum)?;
            let (places, _) = filling.room(sum.len() * 4).as_chunks_mut::<4>();
            for (place, value) in places.iter_mut().zip(&*sum) {
                *place = value.to_le_bytes();
            }
            filling.advance(sum.len() * 4);
        }
        summed.push(filling.finish().ok_or("a chunk was not filled")?);
    }
    let report = rule.aggregate(&Inputs::new(&sample)?, f)?.report;
    Ok(Summed {
        chunks: summed,
        verdicts: verdicts(&report),
    })
}

#[cfg(test)]
mod tests {
    use spirt_protocol::Encoding;

    use super::super::rule::aggregate;
    use super::super::rule::tests::{DIMENSION, cut, rows};
    use super::*;

    #[test]
    fn the_sums_of_chunks_are_the_aggregate_in_chunks() {
        let vectors = rows(5);
        let rows: Vec<Vec<Bytes>> = vectors.iter().map(|row| cut(row, 40_000, false)).collect();
        let pieces: Vec<&[Bytes]> = rows.iter().map(Vec::as_slice).collect();
        let rule: Pipeline = "trimmed-mean".parse().unwrap();
        let (whole, _) =
            aggregate(&rule, 1, Encoding::F32, &pieces, DIMENSION, Vec::new()).unwrap();
        let whole = cut(&whole, 40_000, false);
        let last = whole.len() - 1;
        let chunks = [last, 0, 3].map(|chunk| rows.iter().map(|row| row[chunk].clone()).collect());
        let summed = sum(&rule, 1, &chunks, &Buffers::default()).unwrap();
        for (sum, chunk) in summed.chunks.iter().zip([last, 0, 3]) {
            assert_eq!(sum.bytes(), &whole[chunk]);
        }
        assert_eq!(summed.verdicts.len(), rows.len());
    }
}
