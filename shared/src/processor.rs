//! The processor that a release is built for: the analysis may use what x86-64-v2 has (SSE4.2,
//! POPCNT), which processors of PCs and servers have had since 2009. This crate is built for
//! any of them, so that it can say so on one that is older; on others there is nothing to say.

/// What an older processor lacks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this processor has no {0}; Weir's releases need x86-64-v2, a build of your own for it does not: see README.md"
)]
pub struct TooOld(String);

/// Has to be called before anything of the analysis is.
///
/// # Errors
/// [`TooOld`], where the analysis would end the process by an illegal instruction.
pub fn check() -> Result<(), TooOld> {
    found(&features())
}

fn found(features: &[(&str, bool)]) -> Result<(), TooOld> {
    let missing = features.iter().filter(|(_, has)| !has);
    let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(TooOld(missing.join(", "))),
    }
}

/// Those of x86-64-v2 (System V ABI, AMD64 supplement, 3.1.1) that programs can ask for.
#[cfg(target_arch = "x86_64")]
fn features() -> [(&'static str, bool); 5] {
    [
        ("SSE3", is_x86_feature_detected!("sse3")),
        ("SSSE3", is_x86_feature_detected!("ssse3")),
        ("SSE4.1", is_x86_feature_detected!("sse4.1")),
        ("SSE4.2", is_x86_feature_detected!("sse4.2")),
        ("POPCNT", is_x86_feature_detected!("popcnt")),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> [(&'static str, bool); 0] {
    []
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(features: &[(&str, bool)], missing: Option<&str>) {
        let expected = missing.map_or(Ok(()), |names| Err(TooOld(names.to_owned())));
        assert_eq!(found(features), expected);
    }

    #[test]
    fn all_that_is_missing_is_named() {
        check(&[("SSE3", true), ("POPCNT", true)], None);
        check(
            &[("SSE3", true), ("SSE4.1", false), ("POPCNT", false)],
            Some("SSE4.1, POPCNT"),
        );
        check(&[], None);
    }
}
