//! An analysis on two threads: the caller's reads, decodes and hands out; another one works on
//! the blocks, in their order. So it says the same as one thread does, only sooner.
//!
//! The caller's thread waits in one place, for what the other one says, and never to give it a
//! block: there is room for all that may be under way. So the two can't wait for each other.

use std::{
    io::Read,
    mem,
    ops::ControlFlow,
    panic,
    sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel},
    thread,
};

use super::{Event, Halt, Sink, block::Block, going, reading::Reading, working::Working};
use crate::record::Progress;

/// Blocks under way: those that are worked on, and as many again, so that neither thread waits
/// for the other when a block takes it longer. With their packets some 3 MiB.
const BLOCKS_MAX: usize = 8;

/// Blocks told of at once when there are as many to go on with: waking a thread that waits takes
/// as long as some hundred packets.
const BLOCKS_AT_ONCE: usize = 4;

/// A block with a record that is longer than usual is under way alone: it may have 32 MiB.
const BLOCK_BYTES_MAX: usize = 1 << 20;

/// Events and polls told of at once, however few blocks they are of: a batch is at most some
/// 256 KiB, and usually a tenth.
const SAID_AT_ONCE: usize = 8;

/// What is told and not handed out yet, so many of them each.
const TOLD_MAX: usize = 2;

/// What the working thread says, in order.
type Told = Vec<Said>;

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
        let (tell, told) = sync_channel(TOLD_MAX);
        let worker = scope.spawn(move || work(working, &to_work, tell));
        let mut ahead = Ahead {
            told,
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
    told: Receiver<Told>,
    under_way: usize,
    /// Blocks that are done with.
    spare: Vec<Block>,
}

impl Ahead {
    /// Hands out what is told, and waits until no more than `most` blocks are under way. False
    /// when the other thread has ended.
    fn hand_out(&mut self, most: usize, sink: &mut dyn Sink) -> Result<bool, Halt> {
        loop {
            let told = match self.under_way > most {
                true => self.told.recv().ok(),
                false => match self.told.try_recv() {
                    Ok(told) => Some(told),
                    Err(_) => return Ok(true),
                },
            };
            let Some(told) = told else { return Ok(false) };
            for said in told {
                self.take(said, sink)?;
            }
        }
    }

    /// Hands out all until the other thread ends.
    fn hand_out_all(&mut self, sink: &mut dyn Sink) -> Result<(), Halt> {
        while let Ok(told) = self.told.recv() {
            for said in told {
                self.take(said, sink)?;
            }
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
fn work(mut working: Working, blocks: &Receiver<Block>, tell: SyncSender<Told>) -> Option<Working> {
    let mut outlet = Outlet::new(tell);
    loop {
        let mut block = match blocks.try_recv() {
            Ok(block) => block,
            // The other thread may wait for what was not told of.
            Err(TryRecvError::Empty) if outlet.tell().is_continue() => match blocks.recv() {
                Ok(block) => block,
                Err(RecvError) => return Some(working),
            },
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => {
                return outlet.tell().is_continue().then_some(working);
            }
        };
        let worked = working.block(&mut block, &mut outlet);
        if worked.is_break() || outlet.done(block).is_break() {
            return None;
        }
    }
}

/// To the caller's thread.
struct Outlet {
    tell: SyncSender<Told>,
    said: Told,
    /// Of those, blocks.
    n_blocks: usize,
}

impl Outlet {
    fn new(tell: SyncSender<Told>) -> Self {
        Self {
            tell,
            said: Told::new(),
            n_blocks: 0,
        }
    }

    fn done(&mut self, block: Block) -> ControlFlow<()> {
        self.n_blocks += 1;
        self.say(Said::Done(block))
    }

    fn say(&mut self, said: Said) -> ControlFlow<()> {
        self.said.push(said);
        let n_others = self.said.len() - self.n_blocks;
        match self.n_blocks >= BLOCKS_AT_ONCE || n_others >= SAID_AT_ONCE {
            true => self.tell(),
            false => ControlFlow::Continue(()),
        }
    }

    /// Tells what was said, if anything.
    fn tell(&mut self) -> ControlFlow<()> {
        if self.said.is_empty() {
            return ControlFlow::Continue(());
        }
        self.n_blocks = 0;
        match self.tell.send(mem::take(&mut self.said)) {
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
