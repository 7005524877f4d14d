//! Data files: good ones load, hostile ones give one line that names the file, and cost no memory.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use spirt_training::{DataSpec, Shape, Split};
use tempfile::TempDir;

fn idx_bytes(sizes: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(sizes.len()).unwrap()];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(body);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Six training and two test images of 2 x 3.
fn mnist(packed: bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, samples) in [("train", 6_u8), ("t10k", 2)] {
        let pixels: Vec<u8> = (0..samples * 6).map(|at| at * 5).collect();
        let labels: Vec<u8> = (0..samples).map(|row| row % 3).collect();
        let images = idx_bytes(&[samples.into(), 2, 3], &pixels);
        let labels = idx_bytes(&[samples.into()], &labels);
        for (kind, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            let path = folder.path().join(format!("{name}-{kind}-ubyte"));
            match packed {
                true => fs::write(path.with_extension("gz"), gzip(&bytes)).unwrap(),
                false => fs::write(path, bytes).unwrap(),
            }
        }
    }
    folder
}

fn load_idx(folder: &Path) -> Result<Split, String> {
    complain(DataSpec::Idx(folder.into()), folder)
}

/// The error's line, after checking its form.
fn complain(spec: DataSpec, file: &Path) -> Result<Split, String> {
    spec.load().map_err(|error| {
        let line = error.to_string();
        assert!(
            line.contains(file.to_str().unwrap()),
            "names no file: {line}"
        );
        assert!(!line.contains('\n'), "more than a line: {line}");
        assert!(!error.hint().is_empty());
        line
    })
}

fn refused(result: Result<Split, String>, words: &str) {
    let line = result.expect_err(words);
    assert!(line.contains(words), "`{line}` lacks `{words}`");
}

#[test]
fn idx_loads_plain_and_packed_alike() {
    let plain = load_idx(mnist(false).path()).unwrap();
    let packed = load_idx(mnist(true).path()).unwrap();
    assert_eq!(plain, packed);
    assert_eq!(
        (plain.train.len(), plain.test.len(), plain.train.classes()),
        (6, 2, 3)
    );
    let shape = Shape::Image {
        channels: 1,
        height: 2,
        width: 3,
    };
    assert_eq!(plain.test.shape(), shape);
    assert_eq!(plain.test.sample(0)[1], 5.0 / 255.0);
    assert_eq!(plain.test.labels(), [0, 1]);
}

#[test]
fn hostile_idx_headers_are_refused() {
    let huge = u32::MAX;
    for (bytes, words) in [
        (vec![], "expected a header of 16 bytes, found 0 bytes"),
        (
            vec![0, 0, 8],
            "expected a header of 16 bytes, found 3 bytes",
        ),
        (
            idx_bytes(&[6, 2], &[0; 16]),
            "expected the magic bytes [00, 00, 08, 03]",
        ),
        (
            b"PK\x03\x04aaaaaaaaaaaaaa".to_vec(),
            "expected the magic bytes",
        ),
        (
            idx_bytes(&[huge, huge, huge], &[0; 9]),
            "expected at most 268435456 bytes",
        ),
        (
            idx_bytes(&[60_000, 28, 28], &[0; 9]),
            "47040000 bytes after the header",
        ),
        (
            idx_bytes(&[6, 2, 3], &[0; 35]),
            "expected 36 bytes after the header, as it says, found 35",
        ),
        (
            idx_bytes(&[6, 2, 3], &[0; 37]),
            "expected 36 bytes after the header, as it says, found 37",
        ),
        (
            idx_bytes(&[7, 2, 3], &[0; 42]),
            "expected 7 labels, one for each image, found 6",
        ),
        (
            idx_bytes(&[6, 3, 2], &[0; 36]),
            "expected images of 1x3x2, found 1x2x3",
        ),
    ] {
        let folder = mnist(false);
        fs::write(folder.path().join("train-images-idx3-ubyte"), bytes).unwrap();
        refused(load_idx(folder.path()), words);
    }
}

#[test]
fn hostile_gzip_streams_are_refused() {
    let whole = gzip(&idx_bytes(&[6, 2, 3], &[9; 36]));
    let bomb = gzip(&idx_bytes(&[6, 2, 3], &vec![0; 50_000_000]));
    let huge = gzip(&idx_bytes(&[200_000, 28, 28], &[0; 64]));
    for (bytes, words) in [
        (
            whole[..whole.len() - 12].to_vec(),
            "expected a complete gzip stream",
        ),
        (b"not gzip at all".to_vec(), "expected a gzip stream"),
        (
            bomb,
            "expected 36 bytes after the header, as it says, found more",
        ),
        (huge, "156800000 bytes after the header"),
        (vec![], "expected a complete gzip stream"),
    ] {
        let folder = mnist(true);
        fs::write(folder.path().join("train-images-idx3-ubyte.gz"), bytes).unwrap();
        refused(load_idx(folder.path()), words);
    }
}

#[test]
fn a_missing_idx_file_is_named() {
    let folder = mnist(true);
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte.gz")).unwrap();
    refused(
        load_idx(folder.path()),
        "t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz",
    );
}

fn load_csv(text: &[u8]) -> Result<Split, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.csv");
    fs::write(&path, text).unwrap();
    complain(DataSpec::Csv(path.clone()), &path)
}

#[test]
fn csv_loads_with_and_without_names() {
    let plain = load_csv(b"1,2,0\n3,4,1\n5,6,2\n7,8,0\n9,10,1\n").unwrap();
    let named =
        load_csv(b"width, height, class\r\n1,2,0\r\n3,4,1\r\n5, 6 ,2\r\n7,8,0\r\n9,10,1").unwrap();
    assert_eq!(plain, named);
    assert_eq!(
        (plain.train.len(), plain.test.len(), plain.train.classes()),
        (4, 1, 3)
    );
}

#[test]
fn hostile_csv_is_refused() {
    for (text, words) in [
        (&b"1,2,0\n1,0\n"[..], "expected 3 fields on line 2, found 2"),
        (b"1,2,0\n1,2,3,0\n", "expected 3 fields on line 2, found 4"),
        (b"1\n2\n", "expected 2 fields on line 1, found 1"),
        (
            b"1,NaN,0\n",
            "expected a finite number on line 1, field 2, found `NaN`",
        ),
        (
            b"1,inf,0\n",
            "expected a finite number on line 1, field 2, found `inf`",
        ),
        (b"1,1e39,0\n", "expected a finite number"),
        (
            b"a,b,c\nd,e,f\n",
            "expected a finite number on line 2, field 1, found `d`",
        ),
        (
            b"1,2,setosa\n",
            "expected a whole number as label on line 1, found `setosa`",
        ),
        (b"1,2,-1\n", "expected a whole number as label"),
        (b"1,2,4294967295\n", "expected 2 to 65536 classes"),
        (b"", "expected at least one sample"),
        (b"a,b,c\n", "expected at least one sample"),
        (b"1,\xff\xfe,0\n", "expected lines of UTF-8 text"),
    ] {
        refused(load_csv(text), words);
    }
}

#[test]
fn paths_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    refused(
        complain(DataSpec::Csv(path.into()), path),
        "expected a regular file, found a folder",
    );
    let missing = path.join("missing");
    refused(
        complain(DataSpec::Csv(missing.clone()), &missing),
        "cannot read",
    );
    refused(
        complain(DataSpec::Safetensors(missing.clone()), &missing),
        "cannot read",
    );
}

fn load_safetensors(bytes: &[u8]) -> Result<Split, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.safetensors");
    fs::write(&path, bytes).unwrap();
    complain(DataSpec::Safetensors(path.clone()), &path)
}

fn tensors(list: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
    let views: Vec<(&str, TensorView<'_>)> = list
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            (
                *name,
                TensorView::new(*dtype, shape.to_vec(), bytes).unwrap(),
            )
        })
        .collect();
    serialize(views, None).unwrap()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[test]
fn safetensors_load_in_each_form() {
    let x = floats(&[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
    let y: Vec<u8> = [0_i64, 1, 2]
        .iter()
        .flat_map(|label| label.to_le_bytes())
        .collect();
    let bytes = tensors(&[("x", Dtype::F32, &[3, 2], &x), ("y", Dtype::I64, &[3], &y)]);
    let split = load_safetensors(&bytes).unwrap();
    assert_eq!(
        (split.train.len(), split.test.len(), split.train.classes()),
        (2, 1, 3)
    );
    let pixels = [0, 51, 102, 153, 204, 255];
    let bytes = tensors(&[
        ("x", Dtype::U8, &[3, 1, 2], &pixels),
        ("y", Dtype::U8, &[3], &[0, 1, 1]),
        ("x_test", Dtype::U8, &[1, 1, 2], &[0, 51]),
        ("y_test", Dtype::U8, &[1], &[4]),
    ]);
    let split = load_safetensors(&bytes).unwrap();
    assert_eq!(
        split.train.shape(),
        Shape::Image {
            channels: 1,
            height: 1,
            width: 2
        }
    );
    assert_eq!((split.train.len(), split.train.classes()), (3, 5));
    assert_eq!(
        (split.test.sample(0), split.test.labels()),
        (&[0.0, 0.2][..], &[4][..])
    );
}

#[test]
fn hostile_safetensors_are_refused() {
    fn f32x(bytes: &[u8]) -> (&str, Dtype, &[usize], &[u8]) {
        ("x", Dtype::F32, &[4, 1], bytes)
    }
    let x = floats(&[0.0, 1.0, 2.0, f32::NAN]);
    let zeros = [0; 8];
    let labels: (&str, Dtype, &[usize], &[u8]) = ("y", Dtype::U8, &[4], &zeros[..4]);
    let clean = floats(&[0.0; 4]);
    for (bytes, words) in [
        (
            tensors(&[f32x(&x), labels]),
            "expected finite features, found NaN in sample 3",
        ),
        (tensors(&[labels]), "expected a tensor `x`"),
        (tensors(&[f32x(&clean)]), "expected a tensor `y`"),
        (
            tensors(&[f32x(&clean), ("y", Dtype::U8, &[2], &zeros[..2])]),
            "`y` of shape [4]",
        ),
        (
            tensors(&[f32x(&clean), ("y", Dtype::F32, &[4], &clean)]),
            "found F32",
        ),
        (
            tensors(&[("x", Dtype::U8, &[4], &zeros[..4]), labels]),
            "2 to 4 dimensions in `x`",
        ),
        (
            tensors(&[("x", Dtype::U8, &[0, 4], &[]), labels]),
            "2 to 4 dimensions in `x`",
        ),
        (
            tensors(&[("x", Dtype::F16, &[4, 1], &zeros), labels]),
            "`x` as F32 or U8, found F16",
        ),
        (
            tensors(&[f32x(&clean), labels, ("x_test", Dtype::U8, &[1, 1], &[0])]),
            "tensor `y_test`",
        ),
        (vec![0xff; 64], "expected a safetensors file"),
        (vec![], "expected a safetensors file"),
        (
            u64::MAX.to_le_bytes().to_vec(),
            "expected a safetensors file",
        ),
    ] {
        refused(load_safetensors(&bytes), words);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_a_loader_panic(bytes in vec(any::<u8>(), 0..400), cut in 0_usize..200) {
        let _ = load_csv(&bytes);
        let _ = load_safetensors(&bytes);
        let good = tensors(&[("x", Dtype::U8, &[2, 1], &[1, 2]), ("y", Dtype::U8, &[2], &[0, 1])]);
        let _ = load_safetensors(&good[..cut.min(good.len())]);
        for name in ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"] {
            let folder = mnist(name.ends_with("gz"));
            fs::write(folder.path().join(name), &bytes).unwrap();
            let _ = load_idx(folder.path());
        }
    }
}
