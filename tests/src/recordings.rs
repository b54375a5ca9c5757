//! The project's own recordings and what other tools say of them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value;

/// A recorded capture.
#[derive(Clone, Debug)]
pub struct Recording {
    pub name: String,
    pub bytes: Vec<u8>,
    /// What tshark and capinfos say of it: see captures/README.md.
    pub expected: Value,
}

impl Recording {
    /// A list of texts that is expected.
    #[must_use]
    pub fn expected_texts(&self, key: &str) -> Vec<String> {
        let list = self.expected[key].as_array().expect(key);
        list.iter()
            .map(|text| text.as_str().expect(key).to_owned())
            .collect()
    }

    #[must_use]
    pub fn expected_number(&self, key: &str) -> u64 {
        self.expected[key].as_u64().expect(key)
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// All of them, by name.
#[must_use]
pub fn all() -> Vec<Recording> {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(!expected.is_empty());
    expected
        .into_iter()
        .map(|(name, expected)| Recording {
            bytes: fs::read(folder().join(&name)).unwrap(),
            name,
            expected,
        })
        .collect()
}

/// The bytes of one of them.
#[must_use]
pub fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}
