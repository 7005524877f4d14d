//! Blobs: only right chunks are in, everything that is in is served, and not more often than it should.

use super::*;
use crate::buffers::Buffers;

const PEER: PeerId = PeerId([1; 32]);
const OTHER: PeerId = PeerId([2; 32]);

fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// A blob of three chunks, of which none has come yet, and the whole.
fn awaited() -> (Blob, Packed) {
    let whole = Packed::new(bytes(600_000));
    let blob = Blob::awaited(whole.root(), 600_000, whole.list().clone()).unwrap();
    (blob, whole)
}

#[test]
fn a_wrong_chunk_does_not_get_in() {
    let (blob, whole) = awaited();
    let chunks: Vec<Bytes> = whole.chunks().collect();
    assert_eq!(blob.put(0, &Hashed::of(chunks[1].clone())), Err(WrongChunk));
    assert_eq!(blob.put(3, &Hashed::of(chunks[0].clone())), Err(WrongChunk));
    assert_eq!(
        blob.put(2, &Hashed::of(chunks[2].slice(1..))),
        Err(WrongChunk)
    );
    let mut flipped = chunks[0].to_vec();
    flipped[77] ^= 1;
    assert_eq!(blob.put(0, &Hashed::of(flipped.into())), Err(WrongChunk));
    assert!((0..3).all(|index| !blob.has(index)));
    for (index, chunk) in (0..).zip(&chunks) {
        assert!(!blob.is_complete());
        assert_eq!(blob.put(index, &Hashed::of(chunk.clone())), Ok(()));
        assert_eq!(
            blob.put(index, &Hashed::of(chunk.clone())),
            Ok(()),
            "twice is no harm"
        );
    }
    assert!(blob.is_complete());
    let list = whole.list().slice(32..);
    assert!(Blob::awaited(whole.root(), 600_000, list).is_none());
}

#[test]
fn a_chunk_is_served_as_soon_as_it_is_there() {
    let (blob, whole) = awaited();
    let blobs = Blobs::default();
    let blob = blobs.begin(blob);
    let root = whole.root();
    assert_eq!(blobs.serve(&root, 1, PEER), Serving::Unknown);
    let chunk = whole.chunks().nth(1).unwrap();
    blob.put(1, &Hashed::of(chunk.clone())).unwrap();
    assert_eq!(blobs.serve(&root, 1, PEER), Serving::Chunk(chunk));
    assert_eq!(blobs.serve(&root, 0, PEER), Serving::Unknown);
    assert_eq!(blobs.pieces(&root), None, "it is not whole");
    let again = blobs.begin(awaited().0);
    assert!(again.has(1), "what came before a lost connection is kept");
}

#[test]
fn nobody_gets_a_blob_more_than_twice() {
    let blobs = Blobs::default();
    let whole = Packed::new(bytes(600_000));
    blobs.insert(&whole);
    let mut given = 0;
    let mut last = Serving::Unknown;
    for turn in 0..100 {
        last = blobs.serve(&whole.root(), turn % 3, PEER);
        match &last {
            Serving::Chunk(chunk) => given += chunk.len(),
            other => assert_eq!(*other, Serving::Enough),
        }
    }
    assert_eq!(last, Serving::Enough);
    assert!(given <= 1_200_000, "{given} bytes");
    let to_another = blobs.serve(&whole.root(), 0, OTHER);
    assert!(matches!(to_another, Serving::Chunk(_)));
}

#[test]
fn so_many_peers_get_a_blob_and_no_further_name_fills_memory() {
    let blobs = Blobs::default();
    let whole = Packed::new(bytes(300_000));
    blobs.insert(&whole);
    let asker = |number: usize| {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&number.to_le_bytes());
        PeerId(name)
    };
    let serve = |number| blobs.serve(&whole.root(), 0, asker(number));
    for number in 0..MAX_ASKERS {
        assert!(matches!(serve(number), Serving::Chunk(_)));
    }
    assert_eq!(serve(MAX_ASKERS), Serving::Enough);
    assert!(matches!(serve(0), Serving::Chunk(_)), "one that is counted");
}

#[test]
fn what_is_kept_outlives_the_rounds() {
    let blobs = Blobs::default();
    let (kept, dropped) = (Packed::new(bytes(300_000)), Packed::new(bytes(300_001)));
    blobs.keep(&kept);
    blobs.insert(&dropped);
    blobs.retain(&BTreeSet::new());
    assert!(matches!(
        blobs.serve(&kept.root(), 0, PEER),
        Serving::Chunk(_)
    ));
    assert_eq!(blobs.serve(&dropped.root(), 0, PEER), Serving::Unknown);
}

#[test]
fn what_is_closed_is_shown_to_nobody_until_it_is_opened() {
    let blobs = Blobs::default();
    let whole = Packed::new(bytes(300_000));
    blobs.insert_closed(&whole);
    assert_eq!(blobs.serve(&whole.root(), 0, PEER), Serving::Closed);
    assert!(blobs.pieces(&whole.root()).is_some(), "we may read it");
    blobs.open(&whole.root());
    assert!(matches!(
        blobs.serve(&whole.root(), 0, PEER),
        Serving::Chunk(_)
    ));
}

#[test]
fn packing_piece_by_piece_gives_what_packing_at_once_gives() {
    let values: Vec<f32> = (0..200_003).map(|i| i as f32).collect();
    let mut flat: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    flat.extend(42_u64.to_le_bytes());
    let length = flat.len() as u64;
    let mut packer = Packer::new(length, Buffers::default());
    for part in values.chunks(777) {
        packer.write_f32s(part);
    }
    packer.write(&42_u64.to_le_bytes());
    let packed = packer.finish().unwrap();
    assert_eq!(packed, Packed::new(flat));
    let pieces: Vec<Bytes> = packed.chunks().collect();
    let mut reader = Reader::new(&pieces);
    assert_eq!(reader.f32s(values.len()).unwrap(), values);
    let mut count = [0; 8];
    assert!(reader.fill(&mut count));
    assert_eq!(u64::from_le_bytes(count), 42);
    assert!(!reader.fill(&mut count), "that was all");
    let mut short = Packer::new(length, Buffers::default());
    short.write(&[1, 2, 3]);
    assert!(short.finish().is_none());
}

#[test]
fn pieces_of_any_length_read_as_the_same_values() {
    let values: Vec<f32> = (0..100).map(|i| i as f32 * 0.5).collect();
    let flat: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    for length in [1, 3, 4, 7, 399, 400] {
        let pieces: Vec<Bytes> = flat.chunks(length).map(Bytes::copy_from_slice).collect();
        assert_eq!(Reader::new(&pieces).f32s(100).unwrap(), values, "{length}");
        assert_eq!(Reader::new(&pieces).f32s(101), None);
    }
}

#[test]
fn what_a_fetch_got_is_held_again_though_the_blob_was_dropped_and_begun_anew() {
    let blobs = Blobs::default();
    let (blob, whole) = awaited();
    let first = blobs.begin(blob);
    for (index, chunk) in (0..).zip(whole.chunks()) {
        first.put(index, &Hashed::of(chunk)).unwrap();
    }
    // The round is given up before anybody hears of it, and begun again.
    blobs.retain(&BTreeSet::new());
    let again = blobs.begin(awaited().0);
    assert!(!again.is_complete() && blobs.pieces(&whole.root()).is_none());
    blobs.restore(first);
    let pieces = blobs.pieces(&whole.root()).unwrap();
    assert_eq!(pieces.concat(), bytes(600_000));
}
