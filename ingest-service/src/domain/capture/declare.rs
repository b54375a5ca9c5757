//! Opening a capture that is there already.

use super::{Capture, Refusal, Spec, State};
use crate::domain::id::ChunkIndex;

/// Sizes of the durable chunks against one that is declared late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeFacts {
    /// The largest durable chunk, bytes.
    pub largest: u32,
    /// How many chunks are not of the size.
    pub others: u32,
    /// The highest index of those.
    pub other: Option<ChunkIndex>,
}

impl Capture {
    /// The `chunk_bytes` that this would declare late: [`Capture::declare`]
    /// needs the [`SizeFacts`] of it.
    #[must_use]
    pub fn late_chunk_bytes(&self, spec: &Spec) -> Option<u32> {
        match self.declared.chunk_bytes {
            Some(_) => None,
            None => spec.declared.chunk_bytes,
        }
    }

    /// Compares what is set with what was declared, and fills in what was not
    /// while the capture is receiving.
    ///
    /// # Errors
    /// [`Refusal::ParamsDiffer`], also when a chunk before the last would be
    /// shorter than `chunk_bytes`; [`Refusal::BeyondCount`] for a late count.
    pub fn declare(&mut self, spec: &Spec, sizes: Option<SizeFacts>) -> Result<(), Refusal> {
        let differ = |field| Err(Refusal::ParamsDiffer { field });
        if !spec.file_name.is_empty() && spec.file_name != self.file_name {
            return differ("file_name");
        }
        if !spec.labels.is_empty() && spec.labels != self.labels {
            return differ("labels");
        }
        if spec.analyze_on_seal.is_some() && spec.analyze_on_seal != self.analyze_on_seal {
            return differ("analyze_on_seal");
        }
        if let (Some(was), Some(new)) = (self.declared.chunk_bytes, spec.declared.chunk_bytes)
            && was != new
        {
            return differ("chunk_bytes");
        }
        self.declare_chunk_bytes(spec, sizes.unwrap_or_default())?;
        match self.state {
            State::Receiving => self.fill_in(spec),
            State::Sealing | State::Sealed => self.compare_with_whole(spec),
        }
    }

    fn declare_chunk_bytes(&mut self, spec: &Spec, sizes: SizeFacts) -> Result<(), Refusal> {
        let Some(chunk_bytes) = self.late_chunk_bytes(spec) else {
            return Ok(());
        };
        let only_the_last_is_other =
            sizes.others == 0 || (sizes.others == 1 && sizes.other == self.progress.highest);
        if sizes.largest > chunk_bytes || !only_the_last_is_other {
            return Err(Refusal::ParamsDiffer {
                field: "chunk_bytes",
            });
        }
        if self.state == State::Receiving {
            self.declared.chunk_bytes = Some(chunk_bytes);
            self.progress.short = sizes.other;
        }
        Ok(())
    }

    fn fill_in(&mut self, spec: &Spec) -> Result<(), Refusal> {
        let new = &spec.declared;
        if let (None, Some(count), Some(highest)) = (
            self.declared.chunk_count,
            new.chunk_count,
            self.progress.highest,
        ) && highest.0 >= count
        {
            return Err(Refusal::BeyondCount { count, highest });
        }
        if let (Some(count), Some(short)) = (
            self.declared.chunk_count.or(new.chunk_count),
            self.progress.short,
        ) && short.0.checked_add(1) != Some(count)
        {
            let field = "chunk_count";
            return Err(Refusal::ParamsDiffer { field });
        }
        fill(
            "chunk_count",
            &mut self.declared.chunk_count,
            new.chunk_count,
        )?;
        fill("size_bytes", &mut self.declared.size_bytes, new.size_bytes)?;
        fill("sha256", &mut self.declared.sha256, new.sha256)
    }

    /// A digest that a sealed capture does not know yet is not compared here.
    fn compare_with_whole(&self, spec: &Spec) -> Result<(), Refusal> {
        let new = &spec.declared;
        let known_sha256 = self.sha256.or(self.sealing.sha256).or(self.declared.sha256);
        compare("chunk_count", Some(self.progress.chunks), new.chunk_count)?;
        compare("size_bytes", Some(self.progress.bytes), new.size_bytes)?;
        compare("sha256", known_sha256, new.sha256)
    }
}

fn fill<T: PartialEq + Copy>(
    field: &'static str,
    declared: &mut Option<T>,
    new: Option<T>,
) -> Result<(), Refusal> {
    compare(field, *declared, new)?;
    *declared = declared.or(new);
    Ok(())
}

/// What either side leaves unset is not compared.
fn compare<T: PartialEq>(
    field: &'static str,
    declared: Option<T>,
    new: Option<T>,
) -> Result<(), Refusal> {
    match (declared, new) {
        (Some(declared), Some(new)) if declared != new => Err(Refusal::ParamsDiffer { field }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{capture::Declared, id::Uid, time::Timestamp};

    fn spec(chunk_count: Option<u32>, chunk_bytes: Option<u32>) -> Spec {
        Spec {
            declared: Declared {
                chunk_count,
                chunk_bytes,
                ..Declared::default()
            },
            ..Spec::default()
        }
    }

    /// Chunks 0 of 4 bytes and 1 of one byte, then more is declared.
    #[track_caller]
    fn check(was: Spec, new: &Spec, refused: Option<&'static str>) {
        let short = was.declared.chunk_bytes.map(|_| ChunkIndex(1));
        let mut capture = Capture::begin(Uid::generate(), was, Timestamp(1), Timestamp(2));
        capture.progress.chunks = 2;
        capture.progress.highest = Some(ChunkIndex(1));
        capture.progress.short = short;
        let sizes = SizeFacts {
            largest: 4,
            others: 1,
            other: Some(ChunkIndex(1)),
        };
        let declared = capture.declare(new, Some(sizes));
        let refused = refused.map(|field| Refusal::ParamsDiffer { field });
        assert_eq!(declared.err(), refused, "{new:?}");
    }

    #[test]
    fn only_the_last_chunk_is_short_whatever_is_declared_late() {
        let field = Some("chunk_count");
        check(spec(None, Some(4)), &spec(Some(2), None), None);
        check(spec(None, Some(4)), &spec(Some(3), None), field);
        check(spec(None, None), &spec(Some(2), Some(4)), None);
        check(spec(None, None), &spec(Some(3), Some(4)), field);
        check(spec(Some(2), None), &spec(None, Some(4)), None);
        check(spec(Some(3), None), &spec(None, Some(4)), field);
    }
}
