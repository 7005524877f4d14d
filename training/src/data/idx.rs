//! IDX, the format of MNIST, plain or gzipped: bytes in, pixels divided by 255 out.
//! Owns the four file names and the header. Sizes in a header are checked against the file before anything is allocated for
//! them, and no more is unpacked than the header promised.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::{DataSet, MAX_VALUES, Shape, Split, file};
use crate::error::DataError;

/// Deflate cannot shrink more than that.
const GZIP_RATIO: u64 = 1032;

const HINT: &str =
    "use the unsigned-byte IDX files of MNIST or Fashion-MNIST, complete and under their own names";

/// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the `t10k-` pair, each plain or `.gz`.
pub(super) fn load(folder: &Path) -> Result<Split, DataError> {
    let (train_path, train_shape, train_pixels, train_labels) = part(folder, "train")?;
    let (test_path, test_shape, test_pixels, test_labels) = part(folder, "t10k")?;
    if train_shape != test_shape {
        let (expected, found) = (format!("images of {train_shape}"), test_shape.to_string());
        return Err(file::fault(&test_path, expected, found, HINT));
    }
    let classes = file::classes(train_labels.iter().chain(&test_labels));
    let train = DataSet::new(train_shape, classes, scale(&train_pixels), train_labels);
    let train = file::contents(&train_path, train)?;
    let test = DataSet::new(test_shape, classes, scale(&test_pixels), test_labels);
    let test = file::contents(&test_path, test)?;
    Ok(Split::with_test(&train, test))
}

fn scale(pixels: &[u8]) -> Vec<f32> {
    pixels
        .iter()
        .map(|pixel| f32::from(*pixel) / 255.0)
        .collect()
}

type Part = (PathBuf, Shape, Vec<u8>, Vec<u32>);

fn part(folder: &Path, name: &str) -> Result<Part, DataError> {
    let images_path = find(folder, &format!("{name}-images-idx3-ubyte"))?;
    let labels_path = find(folder, &format!("{name}-labels-idx1-ubyte"))?;
    let ([samples, height, width], pixels) = read::<3>(&images_path)?;
    let ([count], labels) = read::<1>(&labels_path)?;
    if samples != count {
        let expected = format!("{samples} labels, one for each image");
        return Err(file::fault(&labels_path, expected, count.to_string(), HINT));
    }
    let shape = Shape::Image {
        channels: 1,
        height,
        width,
    };
    Ok((
        images_path,
        shape,
        pixels,
        labels.into_iter().map(u32::from).collect(),
    ))
}

/// The plain file, or the one with `.gz`, or an error that names the folder.
fn find(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let plain = folder.join(name);
    if plain.exists() {
        return Ok(plain);
    }
    let packed = folder.join(format!("{name}.gz"));
    if packed.exists() {
        return Ok(packed);
    }
    Err(file::fault(
        folder,
        format!("a file {name} or {name}.gz"),
        "neither",
        HINT,
    ))
}

/// The sizes and the bytes of a file with `DIMS` dimensions.
fn read<const DIMS: usize>(path: &Path) -> Result<([u32; DIMS], Vec<u8>), DataError> {
    let (opened, length) = file::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let most = length.saturating_mul(GZIP_RATIO);
        return body(
            path,
            &mut GzDecoder::new(BufReader::new(opened)),
            most,
            false,
        );
    }
    body(path, &mut BufReader::<File>::new(opened), length, true)
}

/// `most`: the file cannot hold more bytes than that; `exact`: it holds exactly that many.
fn body<const DIMS: usize>(
    path: &Path,
    reader: &mut dyn Read,
    most: u64,
    exact: bool,
) -> Result<([u32; DIMS], Vec<u8>), DataError> {
    let header_len = 4 + 4 * DIMS;
    let mut header = Vec::with_capacity(header_len);
    take(path, reader, header_len, &mut header)?;
    if header.len() < header_len {
        let (expected, found) = (format!("a header of {header_len} bytes"), header.len());
        return Err(file::fault(path, expected, format!("{found} bytes"), HINT));
    }
    let magic = [
        0,
        0,
        8,
        u8::try_from(DIMS).expect("one or three dimensions"),
    ];
    if header[..4] != magic {
        let found = format!("{:02x?}", &header[..4]);
        return Err(file::fault(
            path,
            format!("the magic bytes {magic:02x?}"),
            found,
            HINT,
        ));
    }
    let mut sizes = [0; DIMS];
    for (size, bytes) in sizes.iter_mut().zip(header[4..].chunks_exact(4)) {
        *size = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    let promised = sizes
        .iter()
        .try_fold(1_usize, |sum, size| sum.checked_mul(*size as usize));
    let Some(promised) = promised.filter(|bytes| *bytes <= MAX_VALUES) else {
        let (expected, found) = (format!("at most {MAX_VALUES} bytes"), format!("{sizes:?}"));
        return Err(file::fault(path, expected, found, HINT));
    };
    let available = most.saturating_sub(header_len as u64);
    if promised as u64 > available || (exact && (promised as u64) < available) {
        let expected = format!("{promised} bytes after the header, as it says");
        return Err(file::fault(path, expected, available.to_string(), HINT));
    }
    let mut bytes = Vec::new();
    take(path, reader, promised + 1, &mut bytes)?;
    if bytes.len() != promised {
        let more = if bytes.len() > promised {
            "more"
        } else {
            &bytes.len().to_string()
        };
        let expected = format!("{promised} bytes after the header, as it says");
        return Err(file::fault(path, expected, more, HINT));
    }
    Ok((sizes, bytes))
}

/// Appends up to `limit` bytes; the buffer grows only as bytes arrive.
fn take(
    path: &Path,
    reader: &mut dyn Read,
    limit: usize,
    into: &mut Vec<u8>,
) -> Result<(), DataError> {
    match reader.take(limit as u64).read_to_end(into) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof) => Err(file::fault(
            path,
            "a complete gzip stream",
            "its end too early",
            HINT,
        )),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::InvalidData
            ) =>
        {
            Err(file::fault(path, "a gzip stream", error.to_string(), HINT))
        }
        Err(error) => Err(file::read(path, error)),
    }
}
