//! What is kept of flows, at the places that the flow table gives them.

use super::FlowIndex;

/// Places allocated at once: nothing is ever moved to make room for more.
const CHUNK: usize = 1_024;

/// A `T` for some of the places. Places are given in their order, and again once they are free.
#[derive(Debug)]
pub struct Chunks<T> {
    chunks: Vec<Vec<Option<T>>>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunks<T> {
    #[inline]
    #[must_use]
    pub fn get(&self, index: FlowIndex) -> Option<&T> {
        let (chunk, at) = place(index);
        self.chunks.get(chunk)?.get(at)?.as_ref()
    }

    #[inline]
    pub fn get_mut(&mut self, index: FlowIndex) -> Option<&mut T> {
        self.place_mut(index)?.as_mut()
    }

    /// In the place of what was there.
    pub fn put(&mut self, index: FlowIndex, what: T) {
        let (chunk, at) = place(index);
        while self.chunks.len() <= chunk {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = &mut self.chunks[chunk];
        while chunk.len() <= at {
            chunk.push(None);
        }
        chunk[at] = Some(what);
    }

    /// Takes out what is there, if anything.
    pub fn take(&mut self, index: FlowIndex) -> Option<T> {
        self.place_mut(index)?.take()
    }

    /// Drops what is there, where it lies. Answers whether there was something.
    pub fn remove(&mut self, index: FlowIndex) -> bool {
        match self.place_mut(index) {
            Some(place @ Some(_)) => {
                *place = None;
                true
            }
            _ => false,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (FlowIndex, &T)> {
        let all = (0..).zip(self.chunks.iter().flatten());
        all.filter_map(|(index, what)| Some((index, what.as_ref()?)))
    }

    fn place_mut(&mut self, index: FlowIndex) -> Option<&mut Option<T>> {
        let (chunk, at) = place(index);
        self.chunks.get_mut(chunk)?.get_mut(at)
    }
}

/// The chunk, and the place in it.
fn place(index: FlowIndex) -> (usize, usize) {
    let index = index as usize;
    (index / CHUNK, index % CHUNK)
}
