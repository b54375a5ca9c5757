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
    capture: Uid,
    limit: u32,
) -> Result<bool, CatalogError> {
    let found = sql(
        "SELECT run FROM index_runs WHERE capture = $1 AND run NOT IN \
         (SELECT run FROM index_captures WHERE capture = $1 AND run IS NOT NULL) LIMIT 1",
    );
    let Some(found) = found.bind(capture.as_bytes()).optional(db).await? else {
        return Ok(false);
    };
    let run: i64 = row::required(&found, "run")?;
    let gone = sql(
        "DELETE FROM index_records WHERE run = $1 AND (time_us, sequence) IN \
         (SELECT time_us, sequence FROM index_records WHERE run = $1 \
         ORDER BY time_us, sequence LIMIT $2)",
    )
    .bind(run)
    .bind(limit)
    .execute(db)
    .await?;
    if gone < u64::from(limit) {
        sql("DELETE FROM index_runs WHERE run = $1")
            .bind(run)
            .execute(db)
            .await?;
    }
    Ok(true)
}
