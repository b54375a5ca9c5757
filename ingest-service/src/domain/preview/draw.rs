//! The picture: activity over time on the left, the mix of protocols on the right.
//!
//! One drawing for every format: the same figures are put on a bitmap and into SVG.

mod activity;
mod axis;
mod mix;
mod text;
mod ticks;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use plotters::{
    coord::Shift,
    prelude::{
        BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea as _, RGBColor, SVGBackend,
        Text, WHITE,
    },
};

use super::sketch::{Course, Mix, Sketch, Unit};
use text::{counted, fit, moment, span, style};

/// Size of a picture, pixels.
pub const WIDTH: u32 = 960;
pub const HEIGHT: u32 = 480;

/// Bytes of one picture, in either format. A bitmap that can't be packed is of 1.4 MB, and
/// an answer has at most 4 MiB.
pub const IMAGE_BYTES_MAX: usize = 2 << 20;

const HEADER: u32 = 76;
/// Of the left half.
const ACTIVITY: i32 = 624;
const MARGIN: i32 = 16;

const INK: RGBColor = RGBColor(31, 41, 55);
const FAINT: RGBColor = RGBColor(107, 114, 128);
const GRID: RGBColor = RGBColor(229, 231, 235);
const BARS: RGBColor = RGBColor(37, 99, 235);

/// Between figures: an en space, of which SVG doesn't make one with its neighbours.
const SPACE: char = '\u{2002}';

/// Whose picture it is.
#[derive(Clone, Debug)]
pub(super) struct Caption {
    /// A file's name, or the capture's id again.
    pub(super) title: String,
    pub(super) capture_id: String,
}

/// Both formats of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Images {
    pub(super) png: Bytes,
    pub(super) svg: Bytes,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[error("a preview can't be drawn: {0}")]
pub(super) struct Undrawn(String);

impl Undrawn {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Draws. The same sketch gives the same bytes. It takes some ten milliseconds of a core.
///
/// # Errors
/// [`Undrawn`]
pub(super) fn draw(caption: &Caption, sketch: &Sketch) -> Result<Images, Undrawn> {
    text::load_font()?;
    let mut pixels = vec![0; (WIDTH * HEIGHT * 3) as usize];
    let bitmap = BitMapBackend::with_buffer(&mut pixels, (WIDTH, HEIGHT));
    picture(bitmap.into_drawing_area(), caption, sketch)?;
    let mut svg = String::new();
    let vector = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT));
    picture(vector.into_drawing_area(), caption, sketch)?;
    let images = Images {
        png: png(&pixels)?.into(),
        svg: svg.into(),
    };
    match images.png.len().max(images.svg.len()) {
        0..=IMAGE_BYTES_MAX => Ok(images),
        bytes => Err(Undrawn(format!("it has {bytes} bytes"))),
    }
}

fn png(pixels: &[u8]) -> Result<Vec<u8>, Undrawn> {
    let mut packed = Vec::new();
    let mut encoder = png::Encoder::new(&mut packed, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(Undrawn::of)?;
    writer.write_image_data(pixels).map_err(Undrawn::of)?;
    writer.finish().map_err(Undrawn::of)?;
    Ok(packed)
}

fn picture<DB: DrawingBackend>(
    root: DrawingArea<DB, Shift>,
    caption: &Caption,
    sketch: &Sketch,
) -> Result<(), Undrawn> {
    root.fill(&WHITE).map_err(Undrawn::of)?;
    let course = sketch.activity.as_ref().and_then(Course::of);
    let (header, body) = root.split_vertically(HEADER);
    head(&header, caption, sketch, course.as_ref())?;
    let (left, right) = body.split_horizontally(ACTIVITY);
    activity::draw(&left, course.as_ref(), sketch)?;
    mix::draw(&right, &Mix::of(&sketch.protocols))?;
    root.present().map_err(Undrawn::of)
}

/// The title, and in one line below it what is known in figures.
fn head<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    caption: &Caption,
    sketch: &Sketch,
    course: Option<&Course>,
) -> Result<(), Undrawn> {
    let room = WIDTH - 2 * MARGIN.unsigned_abs();
    let title = match caption.title.is_empty() {
        true => &caption.capture_id,
        false => &caption.title,
    };
    line(area, title, 26, INK, (MARGIN, 14), room)?;
    let mut figures = vec![
        counted(sketch.packets, Unit::Packets),
        counted(sketch.bytes, Unit::Bytes),
    ];
    if let Some(course) = course {
        // To the end of what was counted last, not of the axis.
        let used = course.step_ns * course.values.len() as u128;
        figures.push(format!(
            "{} UTC, {}",
            moment(course.start_ns, "%F %T"),
            span(used)
        ));
    }
    if title != &caption.capture_id {
        figures.insert(0, format!("capture {}", caption.capture_id));
    }
    if !sketch.cut.is_empty() {
        figures.push(sketch.cut.clone());
    }
    line(
        area,
        &figures.join(&format!("{SPACE}·{SPACE}")),
        16,
        FAINT,
        (MARGIN, 48),
        room,
    )
}

/// A line of text that is cut where its room ends.
fn line<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    text: &str,
    size: u32,
    color: RGBColor,
    at: (i32, i32),
    room: u32,
) -> Result<(), Undrawn> {
    let style = style(size, color);
    let text = fit(area, text, &style, room)?;
    area.draw(&Text::new(text, at, style)).map_err(Undrawn::of)
}
