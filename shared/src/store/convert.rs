//! Between our types and those of `object_store`.

use object_store::path::Path;

use super::{ObjectKey, ObjectMeta};

impl From<&ObjectKey> for Path {
    fn from(key: &ObjectKey) -> Self {
        Self::from(key.as_ref())
    }
}

/// `None` for what is not under a key of ours: somebody else's object, left alone.
pub(super) fn listed(meta: object_store::ObjectMeta) -> Option<ObjectMeta> {
    let key = ObjectKey::try_from(String::from(meta.location)).ok()?;
    Some(ObjectMeta {
        key,
        bytes: meta.size,
        modified: meta.last_modified.into(),
    })
}
