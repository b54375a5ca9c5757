//! The one place that writes to standard output and standard error.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::{args::Format, failure::Failure, render::view::View};

mod json;

/// Bytes gathered before they are written: one write per message batch, not
/// one per line.
const BUFFER_BYTES: usize = 64 << 10;

/// Redraw of a bar that has no news, so that its clock goes on.
const BAR_TICK: Duration = Duration::from_millis(200);

/// Standard output, buffered. Dropping it does not flush: [`Output::flush`] does.
#[derive(Debug)]
pub(crate) struct Output {
    pending: Vec<u8>,
    pub(crate) view: View,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        let terminal = console::Term::stdout();
        let columns = terminal
            .size_checked()
            .map(|(_rows, columns)| usize::from(columns));
        let is_terminal = io::stdout().is_terminal();
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            pending: Vec::new(),
            view: View {
                columns: columns.filter(|_| is_terminal),
                color: is_terminal && !set("NO_COLOR") && !dumb,
            },
        }
    }

    /// Writes text as it is: it must be escaped already.
    ///
    /// # Errors
    /// [`Failure::OutputClosed`] when nobody reads any more.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.pending.extend_from_slice(text.as_bytes());
        self.flush_when_full()
    }

    /// Writes what is no text.
    ///
    /// # Errors
    /// As [`Output::text`].
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.pending.extend_from_slice(bytes);
        self.flush_when_full()
    }

    /// Whether it is one that text goes to.
    pub(crate) fn is_terminal(&self) -> bool {
        self.view.columns.is_some()
    }

    /// Writes one line of JSON, in which a terminal finds nothing to obey.
    ///
    /// # Errors
    /// As [`Output::text`].
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        json::line(value, &mut self.pending)
            .map_err(|error| Failure::Service(format!("an answer that is no JSON: {error}")))?;
        self.flush_when_full()
    }

    fn flush_when_full(&mut self) -> Result<(), Failure> {
        if self.pending.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.flush()
    }

    /// Writes what is pending. A reader that stalls holds up this task and no
    /// other, so that an interrupt or the deadline still ends the command.
    ///
    /// # Errors
    /// As [`Output::text`].
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let written = tokio::task::block_in_place(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&self.pending)?;
            stdout.flush()
        });
        self.pending.clear();
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::File(format!("cannot write to standard output: {error}")),
        })
    }
}

/// Standard error: notes, and progress bars when it is a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    bars: MultiProgress,
    /// Nothing is said: for tests.
    silent: bool,
}

impl Notes {
    pub(crate) fn stderr(format: Format) -> Self {
        // Lines of JSON on the same screen would tear the bar apart.
        let shares_screen = format == Format::Json && io::stdout().is_terminal();
        let target = match io::stderr().is_terminal() && !shares_screen {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            silent: false,
        }
    }

    /// Nothing is shown.
    #[cfg(test)]
    pub(crate) fn hidden() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            silent: true,
        }
    }

    /// Says something beside the result. It must be escaped already.
    pub(crate) fn say(&self, text: &str) {
        if self.silent {
            return;
        }
        self.bars.suspend(|| {
            // Nobody is left to be told when standard error is closed.
            _ = writeln!(io::stderr().lock(), "weir: {text}");
        });
    }

    /// A bar of bytes; without a total a counter. It clears itself when dropped.
    pub(crate) fn bar(&self, what: &'static str, total_bytes: Option<u64>) -> Bar {
        let (bar, template) = match total_bytes {
            Some(total) => (
                ProgressBar::new(total),
                "{prefix:9} {wide_bar:.cyan/dim} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} {msg}",
            ),
            None => (
                ProgressBar::no_length(),
                "{prefix:9} {spinner} {decimal_bytes} {decimal_bytes_per_sec} {elapsed} {msg}",
            ),
        };
        let bar = self.bars.add(bar.with_prefix(what));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if !self.bars.is_hidden() {
            bar.enable_steady_tick(BAR_TICK);
        }
        Bar(bar)
    }
}

/// A progress bar that leaves no trace.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A hand that outlives a borrow, for a stream that is read elsewhere.
    pub(crate) fn hand(&self) -> ProgressBar {
        self.0.clone()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
