//! What the reader's screen can do.

/// Columns that charts are drawn in when standard output is no terminal.
const CHART_COLUMNS_PLAIN: usize = 80;

/// Widest chart, columns: wider ones are hard to follow.
const CHART_COLUMNS_MAX: usize = 120;

/// How to draw. On a terminal rows are cut to its width; elsewhere nothing is
/// cut, so that a search through the output finds every name whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Columns of the terminal; `None` when there is none.
    pub(crate) columns: Option<usize>,
    pub(crate) color: bool,
}

/// A reason to color a text, not a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Heading,
    Faint,
    Good,
    Warning,
    Alert,
    Accent,
}

impl View {
    /// The text in its tone, by ANSI SGR sequences.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let sgr = match tone {
            Tone::Heading => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Alert => "1;31",
            Tone::Accent => "36",
        };
        format!("\x1b[{sgr}m{text}\x1b[0m")
    }

    pub(crate) fn chart_columns(self) -> usize {
        self.columns
            .unwrap_or(CHART_COLUMNS_PLAIN)
            .min(CHART_COLUMNS_MAX)
    }
}
