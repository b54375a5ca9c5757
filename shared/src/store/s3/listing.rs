//! Listings: pages of a thousand objects, each asked for again when it fails.

use futures::{Stream, StreamExt as _, stream, stream::BoxStream};
use object_store::{ObjectStore, Result, path::Path};
use tokio::time::{sleep, timeout};

use super::{
    super::{ObjectMeta, StoreError, convert::listed},
    attempts::{pauses, time_for},
    failure::{Failure, GaveUp, TimedOut},
};

/// A page is below this, bytes: a thousand entries of some 400.
const PAGE_BYTES_MAX: u64 = 1 << 20;

type Objects = BoxStream<'static, Result<object_store::ObjectMeta>>;

struct Listing<'a> {
    server: &'a dyn ObjectStore,
    prefix: Option<Path>,
    /// The object listed last: servers list in the order of keys.
    after: Option<Path>,
    /// None behind the end.
    objects: Option<Objects>,
}

/// All objects below the prefix.
pub(super) fn list<'a>(
    server: &'a dyn ObjectStore,
    prefix: Option<Path>,
) -> impl Stream<Item = std::result::Result<ObjectMeta, StoreError>> + Send + 'a {
    let listing = Listing {
        objects: Some(server.list(prefix.as_ref())),
        server,
        prefix,
        after: None,
    };
    let metas = stream::unfold(listing, |mut listing| async {
        let next = listing.next().await?;
        Some((next, listing))
    });
    metas.filter_map(|meta| async {
        match meta {
            Ok(meta) => listed(meta).map(Ok),
            Err(failure) => Some(Err(failure.into())),
        }
    })
}

impl Listing<'_> {
    /// None at the end, and after an error.
    async fn next(&mut self) -> Option<std::result::Result<object_store::ObjectMeta, Failure>> {
        let (mut pauses, time) = (pauses(), time_for(PAGE_BYTES_MAX));
        for attempts in 1.. {
            let objects = self.objects.as_mut()?;
            let failure = match timeout(time, objects.next()).await {
                Ok(Some(Ok(meta))) => {
                    self.after = Some(meta.location.clone());
                    return Some(Ok(meta));
                }
                Ok(None) => break,
                Ok(Some(Err(error))) => Failure::from(error),
                Err(_elapsed) => Failure::Passing(Box::new(TimedOut(time))),
            };
            self.objects = None;
            let Failure::Passing(source) = failure else {
                return Some(Err(failure));
            };
            let Some(pause) = pauses.next() else {
                return Some(Err(Failure::Passing(Box::new(GaveUp { attempts, source }))));
            };
            sleep(pause).await;
            self.objects = Some(self.again());
        }
        self.objects = None;
        None
    }

    /// The rest, behind what was listed.
    fn again(&self) -> Objects {
        match &self.after {
            Some(after) => self.server.list_with_offset(self.prefix.as_ref(), after),
            None => self.server.list(self.prefix.as_ref()),
        }
    }
}
