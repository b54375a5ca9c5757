//! An analysis on two threads: the caller's reads, decodes and hands out; another one works on
//! the blocks, in their order. So it says the same as one thread does, only sooner.
//!
//! The caller's thread waits in one place, for what the other one says, and never to give it a
//! block: there is room for all that may be under way. So the two can't wait for each other.

use std::{
    io::Read,
    ops::ControlFlow,
    panic,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{
    Event, Halt, Sink, going,
    reading::{Block, Reading},
    working::Working,
};
use crate::record::Progress;

/// Blocks under way: one that is worked on, and enough that neither thread waits for the other
/// when a block takes it longer. With their packets some 2 MiB.
const BLOCKS_MAX: usize = 4;

/// A block with a record that is longer than usual is under way alone: it may have 32 MiB.
const BLOCK_BYTES_MAX: usize = 1 << 20;

/// What is said and not handed out yet: a batch is at most some 256 KiB, and usually a tenth.
const SAID_MAX: usize = 16;

/// What the working thread says.
enum Said {
    Event(Event),
    Poll(Progress),
    /// It has done with the block.
    Done(Block),
}

/// Works on `first` and all blocks behind it. Answers the working half at the end.
pub(super) fn run<R: Read>(
    reading: &mut Reading<R>,
    working: Working,
    first: Block,
    sink: &mut dyn Sink,
) -> Result<Working, Halt> {
    thread::scope(|scope| {
        let (blocks, to_work) = sync_channel(BLOCKS_MAX);
        let (say, said) = sync_channel(SAID_MAX);
        let worker = scope.spawn(move || work(working, &to_work, say));
        let mut ahead = Ahead {
            said,
            under_way: 0,
            spare: Vec::new(),
        };
        let mut block = first;
        loop {
            let (is_last, is_long) = (block.is_last, block.held_bytes() > BLOCK_BYTES_MAX);
            ahead.under_way += 1;
            // Fails when the other thread panicked, which shows below.
            if blocks.send(block).is_err() || is_last {
                break;
            }
            let most = if is_long { 0 } else { BLOCKS_MAX - 1 };
            if !ahead.hand_out(most, sink)? {
                break;
            }
            block = match reading.next(ahead.spare.pop().unwrap_or_default()) {
                Ok(block) => block,
                Err(error) => {
                    // What came before it is said, as far as it was read.
                    drop(blocks);
                    ahead.hand_out_all(sink)?;
                    return Err(error.into());
                }
            };
            if let Some(info) = reading.info() {
                going(sink.event(Event::CaptureInfo(info)))?;
            }
        }
        drop(blocks);
        ahead.hand_out_all(sink)?;
        match worker.join() {
            Ok(Some(working)) => Ok(working),
            // Only when nobody listens.
            Ok(None) => Err(Halt::Broken),
            Err(panicked) => panic::resume_unwind(panicked),
        }
    })
}

/// The caller's side.
struct Ahead {
    said: Receiver<Said>,
    under_way: usize,
    /// Blocks that are done with.
    spare: Vec<Block>,
}

impl Ahead {
    /// Hands out what is said, and waits until no more than `most` blocks are under way. False
    /// when the other thread has ended.
    fn hand_out(&mut self, most: usize, sink: &mut dyn Sink) -> Result<bool, Halt> {
        loop {
            let said = match self.under_way > most {
                true => self.said.recv().ok(),
                false => match self.said.try_recv() {
                    Ok(said) => Some(said),
                    Err(_) => return Ok(true),
                },
            };
            let Some(said) = said else { return Ok(false) };
            self.take(said, sink)?;
        }
    }

    /// Hands out all until the other thread ends.
    fn hand_out_all(&mut self, sink: &mut dyn Sink) -> Result<(), Halt> {
        while let Ok(said) = self.said.recv() {
            self.take(said, sink)?;
        }
        Ok(())
    }

    fn take(&mut self, said: Said, sink: &mut dyn Sink) -> Result<(), Halt> {
        match said {
            Said::Event(event) => going(sink.event(event)),
            Said::Poll(progress) => going(sink.poll(&progress)),
            Said::Done(block) => {
                self.under_way -= 1;
                if block.held_bytes() <= BLOCK_BYTES_MAX {
                    self.spare.push(block);
                }
                Ok(())
            }
        }
    }
}

/// Is the working thread; none when nobody listens.
fn work(mut working: Working, blocks: &Receiver<Block>, say: SyncSender<Said>) -> Option<Working> {
    let mut outlet = Outlet(say);
    while let Ok(block) = blocks.recv() {
        if working.block(&block, &mut outlet).is_break() {
            return None;
        }
        if outlet.say(Said::Done(block)).is_break() {
            return None;
        }
    }
    Some(working)
}

/// To the caller's thread.
struct Outlet(SyncSender<Said>);

impl Outlet {
    fn say(&self, said: Said) -> ControlFlow<()> {
        match self.0.send(said) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Sink for Outlet {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        self.say(Said::Event(event))
    }

    fn poll(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.say(Said::Poll(*progress))
    }
}
