//! What the board remembers, and for how long.

use futures::FutureExt as _;

use super::*;

const A: PeerId = PeerId([1; 32]);
const B: PeerId = PeerId([2; 32]);

#[test]
fn what_is_said_of_a_payload_is_kept_for_two_rounds() {
    let (board, x, y) = (Board::default(), Digest([7; 32]), Digest([8; 32]));
    board.set(Round(4), x, Holding::Awaited);
    board.set(Round(4), y, Holding::Held);
    assert_eq!(board.holdings(&[x]), [0]);
    assert_eq!(board.holdings(&[x, y, Digest([9; 32])]), [0, 1, 0]);
    board.set(Round(4), y, Holding::Awaited);
    assert_eq!(board.holdings(&[y]), [1], "held stays held");
    assert_eq!(board.unsaid(Round(4), A), [x, y]);
    board.lose(A);
    board.lose(B);
    assert!(board.hear(A, [(x, Holding::Held), (y, Holding::Awaited)]));
    assert!(!board.hear(A, [(y, Holding::Awaited), (Digest([9; 32]), Holding::Bad)]));
    assert_eq!(board.unsaid(Round(4), A), [y]);
    let claims = board.claims(&x);
    assert_eq!((claims.held, claims.times.len()), ([A].into(), 1));
    assert_eq!(claims.lost, [B].into());
    board.start(Round(5));
    assert_eq!(board.holdings(&[y]), [1]);
    assert_eq!(board.unsaid(Round(5), A), []);
    board.start(Round(6));
    assert_eq!(board.holdings(&[y]), [0]);
}

#[test]
fn a_question_waits_for_something_or_for_everything() {
    let (board, x, y) = (Board::default(), Digest([7; 32]), Digest([8; 32]));
    let roots = [x, y];
    let mut something = Box::pin(board.tells(&roots, Telling::Something));
    let mut everything = Box::pin(board.tells(&roots, Telling::Everything));
    board.set(Round(4), x, Holding::Awaited);
    assert_eq!(something.as_mut().now_or_never(), None);
    board.set(Round(4), y, Holding::Held);
    assert_eq!(something.as_mut().now_or_never(), Some(()));
    assert_eq!(everything.as_mut().now_or_never(), None);
    board.set(Round(4), x, Holding::Bad);
    assert_eq!(everything.as_mut().now_or_never(), Some(()));
}

#[test]
fn sums_are_served_twice_to_each_and_for_two_sets() {
    let board = Board::default();
    let sums = |byte: u8| {
        let chunk = |index| (index, Hashed::of(Bytes::from(vec![byte; 8])));
        [3, 5].map(chunk).into_iter().collect::<BTreeMap<_, _>>()
    };
    let names = [1_u8, 2, 3].map(|byte| Digest([byte; 32]));
    for (name, byte) in names.into_iter().zip(1..) {
        board.publish(name, &sums(byte));
    }
    assert_eq!(board.sums(&names[0]), None);
    let hashes = [Digest::of(&[3; 8]).0; 2].concat();
    assert_eq!(board.sums(&names[2]).unwrap(), hashes);
    assert_eq!(board.serve(&names[2], 4, A), Serving::Unknown);
    for _ in 0..2 {
        for index in [3, 5] {
            let chunk = Bytes::from(vec![3; 8]);
            assert_eq!(board.serve(&names[2], index, A), Serving::Chunk(chunk));
        }
    }
    assert_eq!(board.serve(&names[2], 3, A), Serving::Enough);
    assert!(matches!(board.serve(&names[2], 3, B), Serving::Chunk(_)));
    board.forget_sums();
    assert!(board.sums(&names[1]).is_none() && board.sums(&names[2]).is_none());
}
