//! An axis that has its marks and their labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// From zero to an end.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    end: f64,
    marks: Vec<(f64, String)>,
}

impl Axis {
    pub(super) fn new(end: f64, marks: Vec<(f64, String)>) -> Self {
        Self { end, marks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[allow(clippy::cast_possible_truncation, reason = "a pixel of the picture")]
    fn map(&self, value: &f64, (begin, end): (i32, i32)) -> i32 {
        let part = (value / self.end).clamp(0.0, 1.0);
        begin + (part * f64::from(end - begin)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.end
    }
}

impl ValueFormatter<f64> for Axis {
    /// What is no mark has no label.
    fn format(_: &f64) -> String {
        String::new()
    }

    fn format_ext(&self, value: &f64) -> String {
        let found = self.marks.iter().find(|(at, _)| at == value);
        found.map_or(String::new(), |(_, label)| label.clone())
    }
}
