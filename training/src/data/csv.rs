//! Comma-separated text: one sample per line, the label last. Owns the reading of fields; bounded by the file's length
//! and by [`MAX_VALUES`].

use std::io::BufReader;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{DataSet, MAX_VALUES, Shape, file};
use crate::error::DataError;

const HINT: &str = "write numbers separated by commas, the label (0, 1, 2, ...) last, the same number of fields on each line";

pub(super) fn load(path: &Path) -> Result<DataSet, DataError> {
    let (opened, _) = file::open(path)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(BufReader::new(opened));
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    let mut record = StringRecord::new();
    let mut fields = None;
    let mut first = true;
    while reader
        .read_record(&mut record)
        .map_err(|error| unreadable(path, error))?
    {
        let names = first && record.iter().all(|field| field.parse::<f64>().is_err());
        first = false;
        let line = record.position().map_or(0, csv::Position::line);
        let expected = *fields.get_or_insert(record.len());
        if record.len() != expected || expected < 2 {
            let (expected, found) = (expected.max(2), record.len());
            let expected = format!("{expected} fields on line {line}");
            return Err(file::fault(path, expected, found.to_string(), HINT));
        }
        if names {
            continue;
        }
        parse(path, &record, line, &mut features, &mut labels)?;
        if features.len() > MAX_VALUES {
            let expected = format!("at most {MAX_VALUES} features");
            return Err(file::fault(path, expected, "more", "use fewer samples"));
        }
    }
    let width = fields.unwrap_or(1) - 1;
    let width = u32::try_from(width).expect("a line is shorter than 4 GiB");
    let classes = file::classes(&labels);
    file::contents(
        path,
        DataSet::new(Shape::Flat(width), classes, features, labels),
    )
}

fn parse(
    path: &Path,
    record: &StringRecord,
    line: u64,
    features: &mut Vec<f32>,
    labels: &mut Vec<u32>,
) -> Result<(), DataError> {
    let last = record.len() - 1;
    for (at, field) in record.iter().take(last).enumerate() {
        match field.parse::<f32>() {
            Ok(value) if value.is_finite() => features.push(value),
            _ => {
                let expected = format!("a finite number on line {line}, field {}", at + 1);
                return Err(file::fault(path, expected, format!("`{field}`"), HINT));
            }
        }
    }
    match record[last].parse::<u32>() {
        Ok(label) => labels.push(label),
        Err(_) => {
            let expected = format!("a whole number as label on line {line}");
            return Err(file::fault(
                path,
                expected,
                format!("`{}`", &record[last]),
                HINT,
            ));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: csv::Error) -> DataError {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => file::read(path, source),
        _ => file::fault(path, "lines of UTF-8 text", text, HINT),
    }
}
