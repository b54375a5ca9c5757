//! Tables: columns as wide as their cells, shrunk where they must be.

use super::{
    text::{pad_left, pad_right, width},
    view::{Tone, View},
};

const INDENT: &str = "  ";
const GAP: &str = "  ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
    /// Columns it keeps when room is short; `None`: all it needs.
    shrinks_to: Option<usize>,
    /// Left out where room is short, before anything shrinks.
    optional: bool,
}

/// A column of names.
pub(crate) const fn left(title: &'static str) -> Column {
    Column {
        title,
        align: Align::Left,
        shrinks_to: None,
        optional: false,
    }
}

/// A column of numbers.
pub(crate) const fn right(title: &'static str) -> Column {
    Column {
        title,
        align: Align::Right,
        shrinks_to: None,
        optional: false,
    }
}

impl Column {
    /// May be cut down to so many columns on a narrow terminal.
    pub(crate) const fn shrinks_to(self, columns: usize) -> Self {
        Self {
            shrinks_to: Some(columns),
            ..self
        }
    }

    /// The first to go on a narrow terminal; of several the last one.
    pub(crate) const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

/// Rows of cells. Cells are expected to be escaped.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// Titles, then rows, each ended by a newline. A column that is empty in
    /// every row is left out.
    pub(crate) fn draw(&self, view: View, out: &mut String) {
        let widths = self.widths(view);
        let titles = self.columns.map(|column| column.title.to_owned());
        let line = self.line(&titles, &widths);
        out.push_str(INDENT);
        out.push_str(&view.paint(Tone::Faint, &line));
        out.push('\n');
        for row in &self.rows {
            out.push_str(INDENT);
            out.push_str(&self.line(row, &widths));
            out.push('\n');
        }
    }

    fn line(&self, cells: &[String; N], widths: &[usize; N]) -> String {
        let mut line = String::new();
        for ((cell, &columns), column) in cells.iter().zip(widths).zip(&self.columns) {
            if columns == 0 {
                continue;
            }
            if !line.is_empty() {
                line.push_str(GAP);
            }
            line.push_str(&match column.align {
                Align::Left => pad_right(cell, columns),
                Align::Right => pad_left(cell, columns),
            });
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn widths(&self, view: View) -> [usize; N] {
        let mut widths = [0; N];
        for (i, need) in widths.iter_mut().enumerate() {
            let widest = self.rows.iter().map(|row| width(&row[i])).max();
            if let Some(cells) = widest.filter(|&cells| cells > 0) {
                *need = cells.max(width(self.columns[i].title));
            }
        }
        if let Some(room) = view.columns {
            self.shrink(&mut widths, room);
        }
        widths
    }

    /// Leaves optional columns out, then takes from the widest column that can
    /// still give, until all fits.
    fn shrink(&self, widths: &mut [usize; N], room: usize) {
        for i in (0..N).rev().filter(|&i| self.columns[i].optional) {
            if line_width(widths) > room {
                widths[i] = 0;
            }
        }
        for _ in room..line_width(widths) {
            let widest = (0..N)
                .filter(|&i| {
                    self.columns[i]
                        .shrinks_to
                        .is_some_and(|least| widths[i] > least)
                })
                .max_by_key(|&i| widths[i]);
            let Some(i) = widest else { return };
            widths[i] -= 1;
        }
    }
}

/// Columns of a line of such cells.
fn line_width(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|&&width| width > 0).count();
    let cells: usize = widths.iter().sum();
    INDENT.len() + cells + GAP.len() * shown.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(columns: Option<usize>, want: Expect) {
        let mut table = Table::new([
            right("packets"),
            left("name").shrinks_to(6),
            left("unused"),
            left("answer").shrinks_to(4),
        ]);
        let row = |n: &str, name: &str, answer: &str| {
            [
                n.to_owned(),
                name.to_owned(),
                String::new(),
                answer.to_owned(),
            ]
        };
        table.row(row("7", "a.example", "192.0.2.1"));
        table.row(row("1,234", "a-long-name.of.example", "2001:db8::1"));
        let mut out = String::new();
        table.draw(
            View {
                columns,
                color: false,
            },
            &mut out,
        );
        // expect-test takes away an indent that all lines share.
        want.assert_eq(&format!("table\n{out}"));
    }

    #[test]
    fn nothing_is_cut_without_a_terminal() {
        check(
            None,
            expect![[r#"
                table
                  packets  name                    answer
                        7  a.example               192.0.2.1
                    1,234  a-long-name.of.example  2001:db8::1
            "#]],
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_columns_that_may_shrink() {
        check(
            Some(32),
            expect![[r#"
                table
                  packets  name        answer
                        7  a.example   192.0.2.1
                    1,234  a-long-na…  2001:db8…
            "#]],
        );
    }

    #[test]
    fn an_optional_column_goes_before_another_shrinks() {
        let mut table = Table::new([left("name").shrinks_to(3), left("agent").optional()]);
        table.row(["a-long-name".to_owned(), "curl".to_owned()]);
        for (columns, want) in [(20, "name         agent"), (19, "name"), (9, "name")] {
            let view = View {
                columns: Some(columns),
                color: false,
            };
            let mut out = String::new();
            table.draw(view, &mut out);
            assert_eq!(out.lines().next().unwrap().trim_start(), want);
        }
    }

    #[test]
    fn a_terminal_too_narrow_for_anything_gets_the_least_widths() {
        check(
            Some(5),
            expect![[r#"
                table
                  packets  name    ans…
                        7  a.exa…  192…
                    1,234  a-lon…  200…
            "#]],
        );
    }
}
