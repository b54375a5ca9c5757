use futures::FutureExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::domain::connection::Connections;

/// A body that is fed by hand, and what its messages leave.
struct Rig {
    staging: Arc<Staging>,
    receipt: Receipt,
    sender: Option<mpsc::Sender<Result<Frame<Bytes>, Status>>>,
    body: MeteredBody,
}

impl Rig {
    fn new(staging: &Arc<Staging>) -> Self {
        Self::with(staging, Handing::Through)
    }

    fn with(staging: &Arc<Staging>, handing: Handing) -> Self {
        let (sender, frames) = mpsc::channel(64);
        let receipt = Receipt {
            connection: Arc::new(Connections::default()).of(None),
            arrived: Arc::default(),
        };
        let inner = Body::new(StreamBody::new(ReceiverStream::new(frames)));
        let body = MeteredBody::new(inner, Arc::clone(staging), receipt.clone(), handing);
        Self {
            staging: Arc::clone(staging),
            receipt,
            sender: Some(sender),
            body,
        }
    }

    fn send(&self, data: &[u8]) {
        let frame = Frame::data(Bytes::copy_from_slice(data));
        let sender = self.sender.as_ref().unwrap();
        sender.try_send(Ok(frame)).unwrap();
    }

    /// What can be read now; `None` at the end.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut read = Vec::new();
        while let Some(frame) = self.body.frame().now_or_never() {
            match frame {
                Some(frame) => read.extend(frame.unwrap().into_data().unwrap()),
                None => return None,
            }
            if self.receipt.is_untaken() {
                break;
            }
        }
        Some(read)
    }

    /// Whether nothing of the budget is held.
    fn is_all_free(&self) -> bool {
        self.staging.try_reserve(BUDGET - 512).is_some()
    }
}

const BUDGET: usize = 4 << 20;

fn message(bytes: usize) -> Vec<u8> {
    let length = u32::try_from(bytes).unwrap().to_be_bytes();
    let data = (0..bytes).map(|n| u8::try_from(n % 251).unwrap());
    [0].into_iter().chain(length).chain(data).collect()
}

#[tokio::test]
async fn messages_come_through_one_by_one_however_they_are_split() {
    let messages = [message(3), message(0), message(1000), message(1)];
    let all = messages.concat();
    let splits = [1, 2, 4, 5, 6, 100, 2000];
    let ways = splits.map(|split| [Handing::Through, Handing::Beside].map(|how| (split, how)));
    for (split, handing) in ways.into_iter().flatten() {
        let staging = Staging::new(BUDGET);
        let mut rig = Rig::with(&staging, handing);
        let mut frames = all.chunks(split);
        for wanted in &messages {
            let mut read = Vec::new();
            while !rig.receipt.is_untaken() {
                if let Some(part) = rig.body.frame().now_or_never() {
                    read.extend(part.unwrap().unwrap().into_data().unwrap());
                } else {
                    rig.send(frames.next().unwrap());
                    // A task has a budget of polls, given anew when it yields.
                    tokio::task::yield_now().await;
                }
            }
            assert!(!rig.is_all_free(), "{split}: the message has its room");
            let arrived = rig.receipt.take().unwrap();
            match &arrived.bytes {
                None => assert_eq!(&read, wanted, "{split}"),
                Some(bytes) => {
                    assert_eq!(read, EMPTY_MESSAGE, "{split}");
                    assert_eq!(bytes, &wanted[PREFIX_BYTES..], "{split}");
                }
            }
            let is_beside = handing == Handing::Beside;
            assert_eq!(arrived.bytes.is_some(), is_beside, "{split}");
            drop(arrived);
            assert!(rig.is_all_free(), "{split}: nothing but the message has");
        }
        rig.sender = None;
        assert_eq!(rig.read(), None, "{split}");
    }
}

#[tokio::test]
async fn a_message_without_room_is_not_read_and_holds_its_connection_back() {
    let staging = Staging::new(BUDGET);
    let mut rig = Rig::new(&staging);
    rig.send(&message(10));
    let all = staging.try_reserve(BUDGET - 512).unwrap();
    assert_eq!(rig.read(), Some(vec![]));
    assert_eq!(
        rig.sender.as_ref().unwrap().capacity(),
        63,
        "it was left there"
    );
    let connection = Arc::clone(&rig.receipt.connection);
    let clock = connection.clock();
    assert_eq!(connection.clock(), clock, "it stands still");
    drop(all);
    assert_eq!(rig.read(), Some(message(10)));
}

#[tokio::test]
async fn who_has_nothing_to_send_holds_and_asks_for_nothing() {
    let staging = Staging::new(BUDGET);
    let mut rig = Rig::new(&staging);
    assert_eq!(rig.read(), Some(vec![]));
    assert!(rig.is_all_free());
    let all = staging.try_reserve(BUDGET - 512).unwrap();
    assert_eq!(rig.read(), Some(vec![]));
    assert!(!staging.is_short());
    drop(all);
    rig.send(&message(10)[..3]);
    assert_eq!(rig.read(), Some(vec![]));
    assert!(rig.is_all_free(), "a part of a prefix is no message");
    rig.send(&message(10)[3..]);
    assert_eq!(rig.read(), Some(message(10)));
}

#[tokio::test]
async fn the_end_of_a_call_with_one_message_needs_no_room() {
    let staging = Staging::new(GRPC_MESSAGE_BYTES_MAX + 512);
    let mut rig = Rig::new(&staging);
    rig.send(&message(GRPC_MESSAGE_BYTES_MAX));
    assert_eq!(
        rig.read().map(|read| read.len()),
        Some(GRPC_MESSAGE_BYTES_MAX + 5)
    );
    // tonic reads on before it calls the handler of a unary call.
    assert!(rig.body.frame().now_or_never().is_none());
    rig.send(&message(7));
    assert!(rig.body.frame().now_or_never().is_none());
    rig.sender = None;
    assert!(rig.body.frame().now_or_never().unwrap().is_none());
}

/// tonic takes an end behind a whole prefix for a clean one.
#[tokio::test]
async fn an_end_inside_of_a_message_is_seen() {
    for (handing, came) in [
        (Handing::Through, 3),
        (Handing::Beside, 3),
        (Handing::Beside, 5),
        (Handing::Beside, 7),
    ] {
        let staging = Staging::new(BUDGET);
        let mut rig = Rig::with(&staging, handing);
        rig.send(&message(10)[..came]);
        rig.sender = None;
        let frame = rig.body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), BEGUN_MESSAGE[..], "{came}");
        assert!(rig.is_all_free(), "{came}");
        assert!(rig.body.frame().await.is_none(), "{came}");
    }
}

#[tokio::test]
async fn a_compressed_message_goes_through_tonic() {
    let staging = Staging::new(BUDGET);
    let mut rig = Rig::with(&staging, Handing::Beside);
    let mut compressed = message(10);
    compressed[0] = 1;
    rig.send(&compressed);
    assert_eq!(rig.read(), Some(compressed));
    assert!(rig.receipt.take().unwrap().bytes.is_none());
}
