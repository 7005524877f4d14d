//! Whole blobs from honest and other peers: [`Transfers`] over real connections.

use std::sync::Arc;

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::Stream;
use spirt_protocol::{Offence, Request, Response};
use tokio::sync::watch;

use super::{raw::Raw, *};
use crate::blobs::{Blob, Hashed, Packed};
use crate::peer;
use crate::swarm::pull::frame::HEADER;
use crate::transfer::{Account, Content, Holder, Manner, TransferError, Transfers};

/// Bytes of a chunk of the blobs here.
const CHUNK: usize = 256 * 1024;

fn packed(chunks: usize, seed: u8) -> Packed {
    let mut bytes = vec![0; chunks * CHUNK];
    let mut stream = blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof();
    stream.fill(&mut bytes);
    Packed::new(bytes)
}

fn awaited(whole: &Packed) -> Arc<Blob> {
    let blob = Blob::awaited(whole.root(), whole.length(), whole.list().clone());
    Arc::new(blob.unwrap())
}

/// A node that holds these.
async fn holder(held: &[&Packed], bootstrap: &[Multiaddr]) -> Node {
    let config = config(bootstrap);
    for packed in held {
        config.blobs.iter().for_each(|blobs| blobs.insert(packed));
    }
    Node::with(config).await
}

fn name(peer: PeerId) -> spirt_protocol::PeerId {
    peer::from_libp2p(&peer).unwrap()
}

fn manner(breadth: usize) -> Manner {
    Manner {
        breadth,
        widens: false,
        content: Content::Any,
    }
}

/// Gets a blob, in time, and what that took.
async fn fetch(
    transfers: &Transfers,
    blob: &Arc<Blob>,
    sources: &[PeerId],
    breadth: usize,
) -> (Result<Packed, TransferError>, Account) {
    let sources: Vec<_> = sources.iter().map(|peer| name(*peer)).collect();
    let mut account = Account::default();
    let fetched = transfers.fetch(Arc::clone(blob), &sources, manner(breadth), &mut account);
    let fetched = timeout(DEADLINE, fetched).await.expect("in time");
    (fetched, account)
}

/// Gets a blob as a node does that needs it: on a busy machine any source may seem to stall, and is asked again then.
async fn fetch_whole(
    transfers: &Transfers,
    blob: &Arc<Blob>,
    sources: &[PeerId],
    manner: Manner,
) -> (Packed, Account) {
    let sources: Vec<_> = sources.iter().map(|peer| name(*peer)).collect();
    let mut account = Account::default();
    let whole = async {
        loop {
            let blob = Arc::clone(blob);
            let fetched = transfers.fetch(blob, &sources, manner, &mut account);
            match fetched.await {
                Err(TransferError::Missing) => sleep(Duration::from_millis(10)).await,
                fetched => return fetched.unwrap(),
            }
        }
    };
    let whole = timeout(DEADLINE, whole).await.expect("in time");
    (whole, account)
}

/// Answers requests for chunks as `answer` says, until it says nothing more.
async fn serve(stream: &mut Stream, mut answer: impl FnMut(u32) -> Option<Vec<u8>>) {
    let mut header = [0; HEADER];
    while stream.read_exact(&mut header).await.is_ok() {
        let [l0, l1, l2, l3, id @ .., _] = header;
        let mut body = vec![0; u32::from_be_bytes([l0, l1, l2, l3]) as usize];
        stream.read_exact(&mut body).await.unwrap();
        let Ok(Request::Chunk { index, .. }) = Request::decode(&body) else {
            panic!("only chunks are asked for");
        };
        let Some(answer) = answer(index) else { return };
        let mut frame = u32::try_from(answer.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(id);
        frame.push(1);
        frame.extend(answer);
        // The asker may have had enough of us.
        let _ = stream.write_all(&frame).await;
        let _ = stream.flush().await;
    }
}

fn chunk(packed: &Packed, index: u32) -> Vec<u8> {
    Response::Bytes(packed.blob().chunk(index).unwrap().to_vec()).encode()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_comes_whole_and_costs_little_more_than_its_bytes() {
    let whole = packed(40, 1);
    let origin = holder(&[&whole], &[]).await;
    let asker = Node::start(std::slice::from_ref(&origin.addr)).await;
    asker.wait_for_peers(1).await;
    let transfers = Transfers::new(asker.handle.clone());
    let before = asker.handle.traffic();
    let (fetched, Account { offences, .. }) =
        fetch(&transfers, &awaited(&whole), &[origin.peer()], 1).await;
    let fetched = fetched.unwrap();
    assert_eq!(fetched, whole);
    let bytes = |packed: &Packed| packed.chunks().collect::<Vec<Bytes>>().concat();
    assert_eq!(bytes(&fetched), bytes(&whole));
    assert!(offences.is_empty());
    let received = asker.handle.traffic().received - before.received;
    let ratio = received as f64 / whole.length() as f64;
    assert!((1.0..1.02).contains(&ratio), "{ratio}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_chunks_of_a_blob_come_from_those_that_have_them_and_no_others() {
    let whole = packed(6, 2);
    let (one, other) = (holder(&[&whole], &[]).await, holder(&[&whole], &[]).await);
    let asker = Node::start(&[one.addr.clone(), other.addr.clone()]).await;
    asker.wait_for_peers(2).await;
    let transfers = Transfers::new(asker.handle.clone());
    let having = |node: &Node, chunks: &[u32]| Holder {
        peer: name(node.peer()),
        chunks: Some(Arc::new(chunks.iter().copied().collect())),
    };
    let holders = [having(&one, &[1, 4]), having(&other, &[2, 5])];
    let (blob, mut account) = (awaited(&whole), Account::default());
    let fetch = async |chunks: &[u32], account: &mut Account| {
        let blob = Arc::clone(&blob);
        let got = transfers.fetch_chunks(blob, chunks, &holders, manner(2), account);
        timeout(DEADLINE, got).await.expect("in time")
    };
    while fetch(&[1, 2, 4], &mut account).await.is_err() {}
    let here: Vec<u32> = (0..6).filter(|index| blob.has(*index)).collect();
    assert_eq!(here, [1, 2, 4]);
    let brought = |node: &Node| account.brought.get(&name(node.peer())).copied();
    let chunk = CHUNK as u64;
    assert_eq!(
        (brought(&one), brought(&other)),
        (Some(2 * chunk), Some(chunk))
    );
    let nobody_has = fetch(&[3], &mut Account::default()).await;
    assert_eq!(nobody_has, Err(TransferError::Missing));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_a_wrong_chunk_is_named_and_another_source_serves() {
    // One for each lie: nobody gets a blob again and again.
    let blobs: Vec<Packed> = (0..5).map(|lie| packed(6, 20 + lie)).collect();
    let honest = holder(&blobs.iter().collect::<Vec<_>>(), &[]).await;
    let asker = Node::start(std::slice::from_ref(&honest.addr)).await;
    asker.wait_for_peers(1).await;
    type Lie = fn(&Packed, u32) -> Vec<u8>;
    let lies: [(&str, Lie); 5] = [
        ("a flipped bit", |whole, index| {
            let mut answer = chunk(whole, index);
            answer[1000] ^= 1;
            answer
        }),
        ("another chunk", |whole, index| {
            chunk(whole, (index + 1) % 6)
        }),
        ("too short", |_, _| Response::Bytes(vec![0; 100]).encode()),
        ("too long", |_, _| {
            Response::Bytes(vec![0; CHUNK + 1]).encode()
        }),
        ("no answer to this", |_, _| vec![9]),
    ];
    for ((what, lie), whole) in lies.into_iter().zip(blobs) {
        let mut liar = Raw::connect(&asker).await;
        let transfers = Transfers::new(asker.handle.clone());
        let blob = awaited(&whole);
        let sources = [liar.peer, honest.peer()];
        let lying = async {
            let mut stream = liar.accept().await;
            serve(&mut stream, |index| Some(lie(&whole, index))).await;
        };
        let (fetched, Account { offences, .. }) = tokio::select! {
            fetched = fetch_whole(&transfers, &blob, &sources, manner(1)) => fetched,
            () = lying => panic!("{what}: the liar was not asked"),
        };
        assert_eq!(fetched, whole, "{what}");
        assert!(!offences.is_empty(), "{what}");
        let named = (name(sources[0]), Offence::CorruptChunk);
        assert!(offences.iter().all(|found| *found == named), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_stalls_is_not_waited_for() {
    let (first, second) = (packed(8, 3), packed(8, 4));
    let honest = holder(&[&first, &second], &[]).await;
    let asker = Node::start(std::slice::from_ref(&honest.addr)).await;
    asker.wait_for_peers(1).await;
    let transfers = Transfers::new(asker.handle.clone());
    // From the first blob the asker learns how long a chunk takes here.
    fetch_whole(&transfers, &awaited(&first), &[honest.peer()], manner(1)).await;

    let mut silent = Raw::connect(&asker).await;
    let sources = [silent.peer, honest.peer()];
    let silence = async {
        let mut stream = silent.accept().await;
        let mut served = 0;
        serve(&mut stream, |index| {
            served += 1;
            (served <= 2).then(|| chunk(&second, index))
        })
        .await;
        // The stream stays open, and nothing comes.
        std::future::pending::<()>().await;
    };
    let began = Instant::now();
    let blob = awaited(&second);
    let (fetched, Account { offences, .. }) = tokio::select! {
        fetched = fetch_whole(&transfers, &blob, &sources, manner(1)) => fetched,
        () = silence => unreachable!(),
    };
    assert_eq!(fetched, second);
    assert!(offences.is_empty(), "to be slow is no offence");
    let request_timeout = crate::swarm::Limits::default().request_timeout;
    assert!(began.elapsed() < request_timeout / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lost_connection_only_the_rest_is_fetched() {
    let whole = packed(20, 5);
    let honest = holder(&[&whole], &[]).await;
    let asker = Node::start(std::slice::from_ref(&honest.addr)).await;
    asker.wait_for_peers(1).await;
    let transfers = Transfers::new(asker.handle.clone());
    let blob = awaited(&whole);

    let mut mortal = Raw::connect(&asker).await;
    let sources = [mortal.peer];
    let death = async {
        let mut stream = mortal.accept().await;
        let mut left = 12;
        serve(&mut stream, |index| {
            left -= 1;
            (left >= 0).then(|| chunk(&whole, index))
        })
        .await;
        drop(stream);
        asker.handle.disconnect(sources[0]).await;
    };
    let ((fetched, _), ()) = tokio::join!(fetch(&transfers, &blob, &sources, 1), death);
    assert_eq!(fetched, Err(TransferError::Missing));
    // The last ones may have died on the way.
    let kept = (0..20).filter(|index| blob.has(*index)).count();
    assert!((6..=12).contains(&kept), "{kept}");

    let before = asker.handle.traffic().received;
    let (fetched, _) = fetch(&transfers, &blob, &[honest.peer()], 1).await;
    assert_eq!(fetched.unwrap(), whole);
    let received = asker.handle.traffic().received - before;
    let rest = ((20 - kept) * CHUNK) as u64;
    assert!((rest..rest * 105 / 100).contains(&received), "{received}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_holders_share_the_work_and_one_may_have_parts_only() {
    let whole = packed(32, 6);
    let one = holder(&[&whole], &[]).await;
    let bootstrap = std::slice::from_ref(&one.addr);
    let two = holder(&[&whole], bootstrap).await;
    let some = config(bootstrap);
    let part = some
        .blobs
        .clone()
        .unwrap_or_default()
        .begin(Arc::into_inner(awaited(&whole)).unwrap());
    for index in 0..10 {
        let chunk = whole.blob().chunk(index).unwrap();
        part.put(index, &Hashed::of(chunk)).unwrap();
    }
    let some = Node::with(some).await;
    let addrs = [one.addr.clone(), two.addr.clone(), some.addr.clone()];
    let asker = Node::start(&addrs).await;
    asker.wait_for_peers(3).await;
    let transfers = Transfers::new(asker.handle.clone());
    let before = [&one, &two, &some].map(|node| node.handle.traffic().sent);
    let sources = [some.peer(), one.peer(), two.peer()];
    let (fetched, Account { offences, .. }) =
        fetch_whole(&transfers, &awaited(&whole), &sources, manner(3)).await;
    assert_eq!(fetched, whole);
    assert!(offences.is_empty());
    for (node, before) in [&one, &two, &some].iter().zip(before) {
        let sent = node.handle.traffic().sent - before;
        assert!(sent > CHUNK as u64, "everybody gave something: {sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_connects_meanwhile_is_asked_too() {
    let whole = packed(24, 7);
    let asker = Node::start(&[]).await;
    let transfers = Transfers::new(asker.handle.clone());
    let mut silent = Raw::connect(&asker).await;
    let sources = [silent.peer];
    let late = async {
        let _stream = silent.accept().await;
        let late = holder(&[&whole], std::slice::from_ref(&asker.addr)).await;
        // Both stay, and one of them says nothing.
        std::future::pending::<()>().await;
        drop(late);
    };
    let manner = Manner {
        widens: true,
        ..manner(4)
    };
    let blob = awaited(&whole);
    let (fetched, account) = tokio::select! {
        fetched = fetch_whole(&transfers, &blob, &sources, manner) => fetched,
        () = late => unreachable!(),
    };
    assert_eq!(fetched, whole);
    assert_eq!(account.brought.values().sum::<u64>(), 24 * CHUNK as u64);
    assert!(!account.brought.contains_key(&name(sources[0])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_closed_is_waited_for_and_comes_once_it_is_opened() {
    let whole = packed(4, 7);
    let config = config(&[]);
    let blobs = config.blobs.clone().unwrap_or_default();
    blobs.insert_closed(&whole);
    let origin = Node::with(config).await;
    let asker = Node::start(std::slice::from_ref(&origin.addr)).await;
    asker.wait_for_peers(1).await;
    let transfers = Transfers::new(asker.handle.clone());
    let blob = awaited(&whole);
    let sources = [origin.peer()];
    let fetched = fetch_whole(&transfers, &blob, &sources, manner(1));
    let opened = async {
        // The origin still answers other requests of the asker meanwhile.
        let answer = asker.handle.request(origin.peer(), request(100, 1)).await;
        assert_eq!(answer.unwrap().len(), 100);
        assert!((0..4).all(|index| !blob.has(index)), "nothing was shown");
        blobs.open(&whole.root());
    };
    let ((fetched, _), ()) = tokio::join!(fetched, opened);
    assert_eq!(fetched, whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_not_judged_before_it_may_show_what_it_has() {
    let (other, whole) = (packed(24, 10), packed(4, 11));
    let config = config(&[]);
    let blobs = config.blobs.clone().unwrap_or_default();
    blobs.insert(&other);
    blobs.insert_closed(&whole);
    let origin = Node::with(config).await;
    let second = holder(&[&whole], &[]).await;
    let asker = Node::start(&[origin.addr.clone(), second.addr.clone()]).await;
    asker.wait_for_peers(2).await;
    let sources = [origin.peer(), second.peer()];
    let transfers = Transfers::new(asker.handle.clone());
    // Now it is known how long a chunk takes.
    fetch_whole(&transfers, &awaited(&other), &sources[..1], manner(1)).await;

    let window = watch::Sender::new(false);
    let behind = transfers.behind(window.subscribe());
    let blob = awaited(&whole);
    let mut fetched = Box::pin(fetch_whole(&behind, &blob, &sources, manner(1)));
    let early = timeout(Duration::from_millis(500), &mut fetched).await;
    assert!(early.is_err(), "the other one was asked");
    assert_eq!(blob.bytes_here(), 0);

    window.send_replace(true);
    let (got, account) = fetched.await;
    assert_eq!(got, whole);
    let brought: Vec<_> = account.brought.keys().copied().collect();
    assert_eq!(brought, [name(second.peer())], "from then on it was late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_for_a_blob_again_and_again_is_refused() {
    let (wanted, other) = (packed(4, 8), packed(4, 9));
    let origin = holder(&[&wanted, &other], &[]).await;
    let asker = Node::start(std::slice::from_ref(&origin.addr)).await;
    asker.wait_for_peers(1).await;
    let transfers = Transfers::new(asker.handle.clone());
    let source = [origin.peer()];
    for _ in 0..2 {
        fetch_whole(&transfers, &awaited(&wanted), &source, manner(1)).await;
    }
    let (fetched, Account { offences, .. }) =
        fetch(&transfers, &awaited(&wanted), &source, 1).await;
    assert_eq!(fetched, Err(TransferError::Missing));
    assert!(offences.is_empty());
    let (fetched, _) = fetch_whole(&transfers, &awaited(&other), &source, manner(1)).await;
    assert_eq!(fetched, other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_are_not_finite_are_their_authors_fault_and_nobody_elses() {
    let mut bytes: Vec<u8> = vec![0; 2 * CHUNK];
    bytes[CHUNK..CHUNK + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let whole = Packed::new(bytes);
    let origin = holder(&[&whole], &[]).await;
    let asker = Node::start(std::slice::from_ref(&origin.addr)).await;
    asker.wait_for_peers(1).await;
    let transfers = Transfers::new(asker.handle.clone());
    let mut account = Account::default();
    let manner = Manner {
        breadth: 1,
        widens: false,
        content: Content::FiniteF32,
    };
    let sources = [name(origin.peer())];
    let fetched = transfers.fetch(awaited(&whole), &sources, manner, &mut account);
    assert_eq!(fetched.await, Err(TransferError::Bad));
    assert!(account.offences.is_empty());
}
