//! Protocols and their shares.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, RGBColor, Rectangle},
    style::Color as _,
};

use super::{
    super::sketch::{Mix, Unit},
    FAINT, GRID, INK, MARGIN, SPACE, Undrawn, line,
    text::counted,
};

/// Told apart also by those who see few colours: they differ in lightness.
const COLORS: [RGBColor; 9] = [
    RGBColor(30, 64, 175),
    RGBColor(234, 88, 12),
    RGBColor(13, 148, 136),
    RGBColor(202, 138, 4),
    RGBColor(147, 51, 234),
    RGBColor(74, 222, 128),
    RGBColor(219, 39, 119),
    RGBColor(56, 189, 248),
    RGBColor(156, 163, 175),
];

/// Height of a protocol: its texts, and its bar below them.
const ROW: i32 = 41;
const BAR: (i32, i32) = (19, 29);
const TOP: i32 = 34;
/// Of the amount and share beside a name, pixels.
const AMOUNT: i32 = 156;

pub(super) fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    mix: &Mix,
) -> Result<(), Undrawn> {
    let width = i32::try_from(area.dim_in_pixel().0).unwrap_or(0) - MARGIN;
    let room = width.unsigned_abs();
    let heading = match (mix.shares.is_empty(), mix.unit) {
        (true, _) => return line(area, "No protocols", 18, FAINT, (0, 0), room),
        (false, Unit::Bytes) => "Protocols by bytes",
        (false, Unit::Packets) => "Protocols by packets",
    };
    line(area, heading, 18, INK, (0, 0), room)?;
    let mut top = TOP;
    for ((name, value), color) in mix.shares.iter().zip(COLORS) {
        let names = (width - AMOUNT).unsigned_abs();
        line(area, name, 16, INK, (0, top), names)?;
        let text = format!(
            "{}{SPACE}{}",
            percent(*value, mix.whole),
            counted(*value, mix.unit)
        );
        let at = (width - AMOUNT + 8, top);
        line(area, &text, 15, FAINT, at, AMOUNT.unsigned_abs() - 8)?;
        let (above, below) = (top + BAR.0, top + BAR.1);
        let bar = |right: i32, color: RGBColor| {
            let corners = [(0, above), (right, below)];
            let drawn = area.draw(&Rectangle::new(corners, color.filled()));
            drawn.map_err(Undrawn::of)
        };
        bar(width, GRID)?;
        bar(length(*value, mix.whole, width), color)?;
        top += ROW;
    }
    Ok(())
}

/// Something is never nothing.
fn length(value: u64, whole: u128, width: i32) -> i32 {
    let full = u128::from(width.unsigned_abs());
    let part = (u128::from(value) * full).checked_div(whole).unwrap_or(0);
    i32::try_from(part).unwrap_or(width).clamp(1, width.max(1))
}

/// `62.1 %`
fn percent(value: u64, whole: u128) -> String {
    let thousandths = (u128::from(value) * 1_000 + whole / 2).checked_div(whole);
    match thousandths.unwrap_or(0) {
        0 => "< 0.1 %".to_owned(),
        part => format!("{}.{} %", part / 10, part % 10),
    }
}
