//! Records that are asked for, newest capture time first.

use bytes::Bytes;

use crate::{
    catalog::{
        CatalogError,
        sql::{
            row,
            session::{Row, Session, Statement, sql},
        },
    },
    domain::{
        analysis::AnalysisId,
        index::{AddressRange, FoundRecord, Host, RecordPlace, RecordQuery, reversed},
    },
};

/// An address may be on either side: each has an index, so each is asked for
/// its first, and the two are merged.
pub(super) async fn query(
    db: &mut impl Session,
    query: &RecordQuery,
) -> Result<Vec<FoundRecord>, CatalogError> {
    let Some(range) = &query.addresses else {
        return one(db, query, |statement| statement).await;
    };
    let as_client = |statement| within(statement, "r.client", range);
    let as_server_alone = |statement| {
        // Those with both were found before.
        let statement = within(statement, "r.server", range);
        not_within(statement, "r.client", range)
    };
    let mut found = one(db, query, as_client).await?;
    found.extend(one(db, query, as_server_alone).await?);
    found.sort_unstable_by_key(|found| {
        let RecordPlace {
            time_us,
            run,
            sequence,
        } = found.place;
        std::cmp::Reverse((time_us, run, sequence))
    });
    found.truncate(query.limit as usize);
    Ok(found)
}

fn within<'a>(statement: Statement<'a>, column: &str, range: &'a AddressRange) -> Statement<'a> {
    let begin = statement.push(" AND ").push(column);
    if range.first == range.last {
        return begin.push(" = ").push_bind(&range.first);
    }
    let between = begin.push(" BETWEEN ").push_bind(&range.first);
    between.push(" AND ").push_bind(&range.last)
}

fn not_within<'a>(
    statement: Statement<'a>,
    column: &str,
    range: &'a AddressRange,
) -> Statement<'a> {
    let begin = statement.push(" AND (").push(column).push(" IS NULL OR ");
    let between = begin
        .push(column)
        .push(" NOT BETWEEN ")
        .push_bind(&range.first);
    between.push(" AND ").push_bind(&range.last).push(")")
}

async fn one<'a, S: Session>(
    db: &mut S,
    query: &'a RecordQuery,
    addresses: impl FnOnce(Statement<'a>) -> Statement<'a>,
) -> Result<Vec<FoundRecord>, CatalogError> {
    // In this order: each row of the records knows its capture.
    let begin = sql(
        "SELECT r.time_us, r.run, r.sequence, r.body, c.capture_id, c.analysis \
                     FROM index_records r CROSS JOIN index_captures c WHERE c.run = r.run",
    );
    let asked = addresses(conditions(begin, query));
    let rows = asked
        .push(" ORDER BY r.time_us DESC, r.run DESC, r.sequence DESC LIMIT ")
        .push_bind(query.limit)
        .all(db)
        .await?;
    rows.iter().map(read).collect()
}

fn conditions<'a>(mut asked: Statement<'a>, query: &'a RecordQuery) -> Statement<'a> {
    if let Some(capture) = &query.capture {
        asked = asked
            .push(" AND r.run = (SELECT o.run FROM index_captures o WHERE o.capture = ")
            .push_bind(capture.as_bytes())
            .push(")");
    }
    if !query.kinds.is_empty() {
        asked = asked
            .push(" AND r.kind IN ")
            .push_list(query.kinds.iter().copied());
    }
    if let Some(port) = query.port {
        asked = asked.push(" AND (r.client_port = ").push_bind(port);
        asked = asked.push(" OR r.server_port = ").push_bind(port).push(")");
    }
    if let Some(host) = &query.host {
        asked = match host {
            Host::Is(name) => asked
                .push(" AND r.host = ")
                .push_bind(reversed(name).into_bytes()),
            Host::Below(name) => {
                let name = reversed(name);
                let (first, last) = (format!("{name}."), format!("{name}/"));
                let is = asked.push(" AND (r.host = ").push_bind(name.into_bytes());
                let from = is.push(" OR (r.host >= ").push_bind(first.into_bytes());
                // A slash comes right behind a dot.
                from.push(" AND r.host < ")
                    .push_bind(last.into_bytes())
                    .push("))")
            }
        };
    }
    if let Some(service) = &query.service {
        // Without characters that LIKE knows.
        asked = asked
            .push(" AND r.services LIKE ")
            .push_bind(format!("%,{service},%"));
    }
    if let Some(community) = &query.community {
        asked = asked.push(" AND r.community = ").push_bind(&**community);
    }
    if let Some(severity) = query.severity_min {
        asked = asked.push(" AND r.severity >= ").push_bind(severity);
    }
    if let Some(from) = query.from {
        asked = asked.push(" AND r.time_us >= ").push_bind(from.0);
    }
    if let Some(before) = query.before {
        asked = asked.push(" AND r.time_us < ").push_bind(before.0);
    }
    if let Some(after) = query.after {
        asked = asked
            .push(" AND (r.time_us, r.run, r.sequence) < (")
            .push_bind(after.time_us)
            .push(", ")
            .push_bind(after.run)
            .push(", ")
            .push_bind(after.sequence.cast_signed())
            .push(")");
    }
    asked
}

fn read(found: &impl Row) -> Result<FoundRecord, CatalogError> {
    let id = found.text("capture_id")?.parse();
    let body = found.bytes("body")?;
    Ok(FoundRecord {
        place: RecordPlace {
            time_us: row::required(found, "time_us")?,
            run: row::required(found, "run")?,
            sequence: row::required(found, "sequence")?,
        },
        capture_id: id.map_err(|_| CatalogError::Inconsistent("capture id"))?,
        analysis: AnalysisId::from_bytes(row::bytes(found, "analysis")?),
        body: Bytes::copy_from_slice(body.unwrap_or_default()),
    })
}
