//! How an operation uses a connection: for a bounded time, in a transaction
//! when it changes something, and again when another transaction was in its way.

use std::time::Duration;

use super::{super::CatalogError, error::is_conflict};

/// Times that a transaction is run when the database breaks it off for
/// another one's sake. The order of locks makes even one such break rare.
const RUNS_MAX: u32 = 5;

/// Counts the runs of a transaction.
#[derive(Debug, Default)]
pub(super) struct Runs(u32);

impl Runs {
    /// Whether to run it once more after this error.
    pub(super) fn again(&mut self, error: &CatalogError) -> bool {
        self.0 += 1;
        let again = self.0 < RUNS_MAX && is_conflict(error);
        if again {
            tracing::info!(%error, "another transaction was in the way: once more");
        }
        again
    }
}

/// Ends what takes longer than a connection may: the server may have vanished
/// without a word.
pub(super) async fn within<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, CatalogError>>,
) -> Result<T, CatalogError> {
    let Some(patience) = patience else {
        return work.await;
    };
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done,
        Err(_) => Err(CatalogError::Unavailable(Box::new(NoAnswer))),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the database did not answer in time")]
struct NoAnswer;

/// A connection that failed is not used again: it may be broken, or in the
/// middle of something.
macro_rules! close_if_failed {
    ($connection:ident, $done:ident) => {
        if let Err(CatalogError::Unavailable(_) | CatalogError::Full(_)) = &$done {
            $connection.close_on_drop();
        }
    };
}

/// One question on a connection that reads.
macro_rules! read {
    ($catalog:ident, $db:ident => $work:expr) => {{
        let mut connection = $catalog.readers.acquire().await?;
        let done = {
            let $db = &mut *connection;
            let patience = DB::Connection::DIALECT.patience;
            $crate::catalog::sql::transaction::within(patience, $work).await
        };
        $crate::catalog::sql::transaction::close_if_failed!(connection, done);
        done
    }};
}

/// One transaction on a connection that writes: all of it happens, or nothing.
/// `settled by` tells whether it happened when the COMMIT's outcome is unknown.
macro_rules! change {
    ($catalog:ident, $db:ident => $work:expr) => {
        change!($catalog, $db => $work, settled by |_done| { false })
    };
    ($catalog:ident, $db:ident => $work:expr, settled by |$done:ident| $settle:block) => {{
        use $crate::catalog::sql::transaction::{Runs, close_if_failed, within};
        let dialect = DB::Connection::DIALECT;
        let mut runs = Runs::default();
        loop {
            let mut connection = $catalog.writers.acquire().await?;
            let mut unsure = None;
            let run = within(dialect.patience, async {
                let mut tx = connection.begin_with(dialect.begin).await?;
                let done = {
                    let $db = &mut *tx;
                    $work.await?
                };
                if let Some(last) = dialect.before_commit {
                    $crate::catalog::sql::session::sql(last).execute(&mut *tx).await?;
                }
                unsure = Some(done);
                tx.commit().await?;
                Ok(())
            })
            .await;
            close_if_failed!(connection, run);
            drop(connection);
            match run {
                Ok(()) => break unsure.ok_or(CatalogError::Inconsistent("nothing was done")),
                Err(error) if runs.again(&error) => {}
                Err(error) => {
                    if let Some($done) = unsure && $settle {
                        tracing::warn!(%error, "a commit was reported as failed, and is there");
                        break Ok($done);
                    }
                    break Err(error);
                }
            }
        }
    }};
}

pub(super) use {change, close_if_failed, read};
