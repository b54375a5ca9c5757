//! Records, written and removed.

use crate::{
    catalog::{
        CatalogError,
        sql::{
            row,
            session::{Session, Value, sql},
        },
    },
    domain::{
        id::Uid,
        index::{IndexRecord, Run, mapped, reversed},
    },
};

/// Rows in one INSERT: 13 values each.
const ROWS_PER_INSERT: usize = 200;

/// What is bound, and has to live as long.
struct Bound<'a> {
    record: &'a IndexRecord,
    client: Option<[u8; 16]>,
    server: Option<[u8; 16]>,
    host: Option<String>,
    services: String,
}

impl<'a> Bound<'a> {
    fn of(record: &'a IndexRecord) -> Self {
        let host = (!record.host.is_empty()).then(|| reversed(&record.host));
        let services = match &*record.services {
            [] => String::new(),
            services => format!(",{},", services.join(",")),
        };
        Self {
            record,
            client: record.client.map(mapped),
            server: record.server.map(mapped),
            host,
            services,
        }
    }

    fn row(&self, run: Run) -> [Value<'_>; 13] {
        let record = self.record;
        let community = (!record.community.is_empty()).then_some(&*record.community);
        [
            run.0.into(),
            record.sequence.cast_signed().into(),
            record.time_us.into(),
            record.kind.into(),
            record.severity.into(),
            self.client.as_ref().into(),
            self.server.as_ref().into(),
            record.client_port.into(),
            record.server_port.into(),
            Value::Bytes(self.host.as_deref().map(|host| host.as_bytes().into())),
            (&*self.services).into(),
            Value::Text(community.map(Into::into)),
            (&*record.body).into(),
        ]
    }
}

pub(super) async fn add(
    db: &mut impl Session,
    run: Run,
    records: &[IndexRecord],
) -> Result<(), CatalogError> {
    let bound: Vec<Bound<'_>> = records.iter().map(Bound::of).collect();
    for rows in bound.chunks(ROWS_PER_INSERT) {
        sql(
            "INSERT INTO index_records (run, sequence, time_us, kind, severity, client, server, \
             client_port, server_port, host, services, community, body)",
        )
        .push_rows(rows.iter().map(|bound| bound.row(run)))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

pub(super) async fn clean(
    db: &mut impl Session,
    captures: &[Uid],
    limit: u32,
) -> Result<bool, CatalogError> {
    let mut left = limit;
    while left > 0 {
        let Some(run) = not_found(db, captures).await? else {
            return Ok(false);
        };
        let gone = sql(
            "DELETE FROM index_records WHERE run = $1 AND (time_us, sequence) IN \
             (SELECT time_us, sequence FROM index_records WHERE run = $1 \
             ORDER BY time_us, sequence LIMIT $2)",
        );
        let gone = gone.bind(run).bind(left).execute(&mut *db).await?;
        if gone < u64::from(left) {
            sql("DELETE FROM index_runs WHERE run = $1")
                .bind(run)
                .execute(&mut *db)
                .await?;
        }
        // One that is empty is some work as well.
        left = left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX).max(1));
    }
    Ok(true)
}

/// A run of one of these captures that nobody finds.
async fn not_found(db: &mut impl Session, captures: &[Uid]) -> Result<Option<i64>, CatalogError> {
    let found = sql("SELECT r.run FROM index_runs r WHERE r.capture IN ")
        .push_list(captures.iter().map(Uid::as_bytes))
        .push(" AND NOT EXISTS (SELECT 1 FROM index_captures c WHERE c.run = r.run) LIMIT 1")
        .optional(db)
        .await?;
    found.map(|found| row::required(&found, "run")).transpose()
}
