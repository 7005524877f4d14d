//! The rule over payloads that lie in chunks.
//!
//! In single precision it runs over the bytes where they lie, so that it needs no memory but for its result. Other encodings are
//! decoded: some columns at a time for a rule that takes each coordinate apart; other rules look at whole rows.

use bytes::Bytes;
use spirt_aggregation::{Incremental, Inputs, Pipeline, Report, Verdict};

use spirt_protocol::Encoding;

use super::Failure;
use crate::encoding::{DecodeError, Decoder};

/// Columns that are decoded at a time.
const COLUMNS: usize = 65_536;
/// Columns that the verdict on the rows of a coordinate rule rests on.
pub(super) const SAMPLE: usize = 65_536;
/// Columns of it that lie together: a processor reads memory by lines.
const RUN: usize = 64;

/// The aggregate of rows of `dimension` values, encoded and in pieces, and the verdict on each. `spare` is memory for the
/// aggregate, whatever is in it.
pub(super) fn aggregate(
    rule: &Pipeline,
    f: usize,
    encoding: Encoding,
    rows: &[&[Bytes]],
    dimension: usize,
    spare: Vec<f32>,
) -> Result<(Vec<f32>, Vec<Verdict>), Failure> {
    if encoding == Encoding::F32
        && let Some(columns) = columns_of_pieces(rows)
    {
        let begun = Incremental::new(rule.clone(), f, rows.len(), dimension, columns, spare);
        return complete(begun?, rows);
    }
    if rule.takes_columns_apart() {
        let mut columns = ByColumns::new(rule, f, rows.len(), dimension, spare);
        decoded(&mut columns, encoding, rows, dimension)?;
        return columns.finish();
    }
    drop(spare);
    let vectors = rows.iter().map(|row| {
        let mut vector = vec![0.0; dimension];
        let mut decoder = Decoder::new(encoding, dimension as u64, row);
        decoder.read(&mut vector)?;
        decoder.finish()?;
        Ok::<_, DecodeError>(vector)
    });
    let vectors: Vec<Vec<f32>> = vectors.collect::<Result<_, _>>()?;
    let result = rule.aggregate(&Inputs::new(&vectors)?, f)?;
    Ok((result.vector, verdicts(&result.report)))
}

/// Does what is left of an aggregation that was begun with some pieces of these rows.
pub(super) fn complete(
    mut begun: Incremental<Values>,
    rows: &[&[Bytes]],
) -> Result<(Vec<f32>, Vec<Verdict>), Failure> {
    for index in 0..rows.first().map_or(0, |row| row.len()) {
        if !begun.has(index) {
            begun.add(index, values(rows.iter().map(|row| &row[index])))?;
        }
    }
    let (vector, report) = begun.finish()?;
    Ok((vector, verdicts(&report)))
}

/// The values of a piece of each row.
pub(super) fn values<'a>(rows: impl Iterator<Item = &'a Bytes>) -> Vec<Values> {
    rows.map(|bytes| Values::of(bytes.clone())).collect()
}

/// The verdict on each row.
pub(super) fn verdicts(report: &Report) -> Vec<Verdict> {
    report.rows().iter().map(|row| row.verdict).collect()
}

/// Values of each piece but the last, if all rows are cut alike, and where the rule can be run over pieces.
fn columns_of_pieces(rows: &[&[Bytes]]) -> Option<usize> {
    let cut = |row: &&[Bytes]| row.iter().map(Bytes::len).collect::<Vec<_>>();
    let columns = rows.first()?.first()?.len() / 4;
    let whole = rows.first()?.len() == 1 || columns.is_multiple_of(BLOCK);
    (whole && rows.windows(2).all(|pair| cut(&pair[0]) == cut(&pair[1]))).then_some(columns)
}

/// Rows in single precision may be cut at multiples of so many columns.
const BLOCK: usize = Incremental::<Values>::block_columns();

/// Takes one in `stride` values, by runs that lie together.
pub(super) fn take_sample(sample: &mut Vec<f32>, values: &[f32], stride: usize) {
    for run in values.chunks(RUN * stride) {
        sample.extend_from_slice(&run[..run.len().div_ceil(stride).min(RUN)]);
    }
}

/// Decodes some columns of all rows at a time.
fn decoded(
    columns: &mut ByColumns<'_>,
    encoding: Encoding,
    rows: &[&[Bytes]],
    dimension: usize,
) -> Result<(), Failure> {
    let decoders = rows
        .iter()
        .map(|row| Decoder::new(encoding, dimension as u64, row));
    let mut decoders: Vec<Decoder<'_>> = decoders.collect();
    let mut values = vec![vec![0.0; COLUMNS.min(dimension)]; rows.len()];
    for start in (0..dimension).step_by(COLUMNS) {
        let count = COLUMNS.min(dimension - start);
        for (decoder, values) in decoders.iter_mut().zip(&mut values) {
            decoder.read(&mut values[..count])?;
        }
        columns.add(values.iter().map(|values| &values[..count]).collect())?;
    }
    for decoder in decoders {
        decoder.finish()?;
    }
    Ok(())
}

/// A coordinate rule at work, some columns at a time.
struct ByColumns<'a> {
    rule: &'a Pipeline,
    f: usize,
    vector: Vec<f32>,
    done: usize,
    /// Some columns of each row, for the verdict.
    sample: Vec<Vec<f32>>,
    stride: usize,
}

impl<'a> ByColumns<'a> {
    fn new(rule: &'a Pipeline, f: usize, n: usize, dimension: usize, mut spare: Vec<f32>) -> Self {
        spare.resize(dimension, 0.0);
        Self {
            rule,
            f,
            vector: spare,
            done: 0,
            sample: vec![Vec::new(); n],
            stride: dimension.div_ceil(SAMPLE).max(1),
        }
    }

    /// Takes the next columns of all rows.
    fn add(&mut self, rows: Vec<&[f32]>) -> Result<(), Failure> {
        for (sample, values) in self.sample.iter_mut().zip(&rows) {
            take_sample(sample, values, self.stride);
        }
        let inputs = Inputs::from_rows(rows)?;
        let end = self.done + inputs.dimension();
        let place = self.vector.get_mut(self.done..end);
        let place = place.ok_or("the rows are too long")?;
        self.rule.aggregate_into(&inputs, self.f, place)?;
        self.done = end;
        Ok(())
    }

    fn finish(self) -> Result<(Vec<f32>, Vec<Verdict>), Failure> {
        if self.done != self.vector.len() {
            return Err("the rows are too short".into());
        }
        let sample = Inputs::new(&self.sample)?;
        let report = self.rule.aggregate(&sample, self.f)?.report;
        Ok((self.vector, verdicts(&report)))
    }
}

/// Values read from bytes: where they lie if the machine can read them there, else a copy.
#[derive(Debug)]
pub(super) enum Values {
    /// Little-endian, at an address that the machine reads floats at.
    InPlace(Bytes),
    Copied(Vec<f32>),
}

impl Values {
    pub(super) fn of(bytes: Bytes) -> Self {
        if cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, f32>(&bytes).is_ok() {
            return Self::InPlace(bytes);
        }
        let (values, _) = bytes.as_chunks::<4>();
        Self::Copied(values.iter().map(|x| f32::from_le_bytes(*x)).collect())
    }
}

impl AsRef<[f32]> for Values {
    fn as_ref(&self) -> &[f32] {
        match self {
            Self::InPlace(bytes) => bytemuck::cast_slice(bytes),
            Self::Copied(values) => values,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const DIMENSION: usize = 70_000;

    pub(crate) fn rows(n: usize) -> Vec<Vec<f32>> {
        let value = |row: usize, i: usize| ((row * 7919 + i * 104_729) % 1009) as f32 - 504.0;
        let row = |row| (0..DIMENSION).map(|i| value(row, i)).collect();
        (0..n).map(row).collect()
    }

    /// Cut after so many bytes, beginning at an odd place of memory or not.
    pub(crate) fn cut(row: &[f32], length: usize, odd: bool) -> Vec<Bytes> {
        let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
        let place = |piece: &[u8]| {
            let mut moved = vec![0; usize::from(odd)];
            moved.extend(piece);
            Bytes::from(moved).slice(usize::from(odd)..)
        };
        bytes.chunks(length).map(place).collect()
    }

    #[test]
    fn chunks_give_the_bits_that_whole_rows_give() {
        let vectors = rows(7);
        for text in [
            "mean",
            "median",
            "trimmed-mean",
            "meamed",
            "phocas",
            "sign-majority",
            "krum",
            "nnm+trimmed-mean",
            "geometric-median",
        ] {
            let rule: Pipeline = text.parse().unwrap();
            let whole = rule.aggregate(&Inputs::new(&vectors).unwrap(), 2).unwrap();
            for (length, odd) in [
                (280_000, false),
                (65_536, false),
                (131_072, true),
                (40_000, false),
            ] {
                let cut: Vec<Vec<Bytes>> =
                    vectors.iter().map(|row| cut(row, length, odd)).collect();
                let cut: Vec<&[Bytes]> = cut.iter().map(Vec::as_slice).collect();
                let (vector, verdicts) =
                    aggregate(&rule, 2, Encoding::F32, &cut, DIMENSION, vec![7.0; 3]).unwrap();
                assert_eq!(vector, whole.vector, "{text} {length}");
                let expected: Vec<Verdict> =
                    whole.report.rows().iter().map(|row| row.verdict).collect();
                assert_eq!(verdicts, expected, "{text} {length}");
            }
        }
    }

    #[test]
    fn rows_that_are_cut_differently_or_too_short_do_no_harm() {
        let vectors = rows(3);
        let rule: Pipeline = "median".parse().unwrap();
        let whole = rule.aggregate(&Inputs::new(&vectors).unwrap(), 1).unwrap();
        let cut: Vec<Vec<Bytes>> = vectors
            .iter()
            .zip([65_536, 280_000, 12_000])
            .map(|(row, length)| cut(row, length, false))
            .collect();
        let pieces: Vec<&[Bytes]> = cut.iter().map(Vec::as_slice).collect();
        let (vector, _) =
            aggregate(&rule, 1, Encoding::F32, &pieces, DIMENSION, Vec::new()).unwrap();
        assert_eq!(vector, whole.vector);
        assert!(aggregate(&rule, 1, Encoding::F32, &pieces, DIMENSION + 1, Vec::new()).is_err());
        let alike: Vec<&[Bytes]> = pieces.iter().map(|_| pieces[1]).collect();
        assert!(aggregate(&rule, 1, Encoding::F32, &alike, DIMENSION + 1, Vec::new()).is_err());
        assert!(aggregate(&rule, 1, Encoding::F32, &alike, DIMENSION - 1, Vec::new()).is_err());
    }
}
