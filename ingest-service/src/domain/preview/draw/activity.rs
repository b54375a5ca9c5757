//! Bytes or packets over time.

use plotters::{
    chart::ChartBuilder,
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, Rectangle},
    style::Color as _,
};

use super::{
    super::sketch::{Course, Sketch, Unit},
    ACTIVITY, BARS, FAINT, GRID, INK, MARGIN, SPACE, Undrawn,
    axis::Axis,
    line,
    text::{amount, counted, span, style},
    ticks::{amounts, days, times},
};

/// Left of the axis of amounts, and below that of time, pixels.
const AMOUNTS: i32 = 72;
const TIMES: i32 = 34;
/// Right of the last column: half of a label.
const RIGHT: i32 = 44;
/// Of a column that has a neighbour's edge beside it.
const GAP_FROM_PIXELS: usize = 6;

pub(super) fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    course: Option<&Course>,
    sketch: &Sketch,
) -> Result<(), Undrawn> {
    let room = ACTIVITY.unsigned_abs() - 2 * MARGIN.unsigned_abs();
    let (width, height) = area.dim_in_pixel();
    let Some(course) = course else {
        let why = match sketch.packets {
            0 => "No packets",
            _ => "No packet has a time",
        };
        return line(area, why, 18, FAINT, (MARGIN, 20), room);
    };
    let unit = match course.unit {
        Unit::Bytes => "Bytes",
        Unit::Packets => "Packets",
    };
    let heading = format!("{unit} per {}", span(course.step_ns));
    line(area, &heading, 18, INK, (MARGIN, 0), room)?;
    chart(area, course, width)?;
    let mut below = days(course.start_ns, course.span_ns());
    let outside = sketch.activity.as_ref().map_or(0, |a| a.outside);
    if outside > 0 {
        let outside = counted(outside, Unit::Packets);
        below = format!("{below}{SPACE}·{SPACE}not drawn: {outside}, too far in time");
    }
    let at = (AMOUNTS + MARGIN, i32::try_from(height).unwrap_or(0) - 26);
    line(area, &below, 15, FAINT, at, room - AMOUNTS.unsigned_abs())
}

#[allow(
    clippy::cast_precision_loss,
    reason = "pixels and three digits are shown"
)]
fn chart<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    course: &Course,
    width: u32,
) -> Result<(), Undrawn> {
    let plot = width.saturating_sub((AMOUNTS + MARGIN + RIGHT).unsigned_abs());
    let (step, end) = (course.step_ns as f64, course.span_ns() as f64);
    let heights = amounts(course.peak());
    let top = heights.last().copied().unwrap_or(1.0);
    let heights = heights
        .into_iter()
        .map(|height| (height, amount(height, course.unit)));
    let marks = times(course.start_ns, course.span_ns(), plot)
        .into_iter()
        .map(|mark| (mark.offset_ns as f64, mark.label));
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(RIGHT)
        .margin_left(MARGIN)
        .margin_bottom(26)
        .x_label_area_size(TIMES)
        .y_label_area_size(AMOUNTS)
        .build_cartesian_2d(
            Axis::new(end, marks.collect()),
            Axis::new(top, heights.collect()),
        )
        .map_err(Undrawn::of)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(FAINT)
        .x_label_style(style(15, INK))
        .y_label_style(style(15, INK))
        .draw()
        .map_err(Undrawn::of)?;
    // Narrow columns touch each other, wide ones don't.
    let has_gaps = plot as usize / course.columns >= GAP_FROM_PIXELS;
    let width = if has_gaps { step * 0.85 } else { step };
    let bars = course.values.iter().enumerate();
    let bars = bars
        .filter(|(_, value)| **value > 0)
        .map(|(column, value)| {
            let begin = column as f64 * step;
            let corners = [(begin, 0.0), (begin + width, *value as f64)];
            Rectangle::new(corners, BARS.filled())
        });
    chart.draw_series(bars).map_err(Undrawn::of)?;
    Ok(())
}
