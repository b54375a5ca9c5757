//! `weir preview …`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use weir_shared::proto::ingest::v1::PreviewFormat;

use super::value;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Preview {
    /// The capture: of its newest background analysis that has succeeded
    #[arg(value_name = "ID", value_parser = value::capture_id, required_unless_present = "analysis")]
    pub(crate) id: Option<String>,
    /// Of this analysis
    #[arg(long, value_name = "ANALYSIS", value_parser = value::analysis_id, conflicts_with = "id")]
    pub(crate) analysis: Option<String>,
    /// Where to; an existing file is replaced. - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// What the picture is written in [default: as FILE's name ends, .png or .svg]
    #[arg(long, value_enum)]
    format: Option<Picture>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    Png,
    Svg,
}

impl From<Picture> for PreviewFormat {
    fn from(picture: Picture) -> Self {
        match picture {
            Picture::Png => Self::Png,
            Picture::Svg => Self::Svg,
        }
    }
}

impl Preview {
    /// # Errors
    /// Usage, when neither the flag nor the file's name says it.
    pub(crate) fn picture(&self) -> Result<Picture, Failure> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let ending = self
            .output
            .extension()
            .map(std::ffi::OsStr::to_ascii_lowercase);
        match ending.as_deref().and_then(std::ffi::OsStr::to_str) {
            Some("png") => Ok(Picture::Png),
            Some("svg") => Ok(Picture::Svg),
            _ => Err(Failure::Usage(
                "name the picture .png or .svg, or give --format".to_owned(),
            )),
        }
    }

    pub(crate) fn is_to_stdout(&self) -> bool {
        self.output == Path::new("-")
    }
}
