//! Errors as logs show them.

use std::{error::Error, fmt};

/// An error with all its sources, in one line.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn sources_follow_their_errors() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = StoreError::Full(Box::new(StoreError::Unavailable(Box::new(full))));
        assert_eq!(
            Chain(&error).to_string(),
            "no space left in the store: store unavailable: no storage space"
        );
        assert_eq!(Chain(&StoreError::Missing).to_string(), "no such object");
    }
}
