//! Records that are asked for, newest capture time first.

mod way;

use bytes::Bytes;

use self::way::{Part, Way, aside, below, only};
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
        id::Uid,
        index::{AddressRange, FoundRecord, Host, RecordPlace, RecordQuery, reversed},
    },
};

/// Asks each part of the query's way for its first, and merges them.
pub(in crate::catalog) async fn query(
    db: &mut impl Session,
    query: &RecordQuery,
) -> Result<Vec<FoundRecord>, CatalogError> {
    let way = Way::of(db, query).await?;
    let mut found = Vec::new();
    let parts = way.parts(query);
    for part in &parts {
        found.extend(ask(db, query, &way, part).await?);
    }
    if parts.len() > 1 {
        found.sort_unstable_by_key(|found: &FoundRecord| {
            let RecordPlace {
                time_us,
                run,
                sequence,
            } = found.place;
            std::cmp::Reverse((time_us, run, sequence))
        });
        found.truncate(query.limit as usize);
    }
    Ok(found)
}

async fn ask<'a, S: Session>(
    db: &mut S,
    query: &'a RecordQuery,
    way: &Way,
    part: &'a Part,
) -> Result<Vec<FoundRecord>, CatalogError> {
    // In this order: each row of the records knows its capture.
    let begin = sql(
        "SELECT r.time_us, r.run, r.sequence, r.body, c.capture_id, c.analysis \
                     FROM index_records r CROSS JOIN index_captures c WHERE c.run = r.run",
    );
    let asked = on_the_way(only(begin, part), query, way, part);
    let rows = aside(asked, |asked| others(asked, query, way, part))
        .push(way.order(part))
        .push(" LIMIT ")
        .push_bind(query.limit)
        .all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// What an index is read by.
fn on_the_way<'a>(
    mut asked: Statement<'a>,
    query: &'a RecordQuery,
    way: &Way,
    part: &Part,
) -> Statement<'a> {
    match (part, &query.addresses) {
        (Part::Client, Some(range)) => asked = within(asked.push(" AND "), "r.client", range),
        (Part::Server, Some(range)) => asked = within(asked.push(" AND "), "r.server", range),
        _ => {}
    }
    if let Some(capture) = query.capture.as_ref().filter(|_| *way == Way::Capture) {
        asked = is_of(asked, capture);
    }
    if let Some(community) = &query.community {
        asked = asked.push(" AND r.community = ").push_bind(&**community);
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

/// All else that is asked for.
fn others<'a>(
    mut asked: Statement<'a>,
    query: &'a RecordQuery,
    way: &Way,
    part: &'a Part,
) -> Statement<'a> {
    match (part, &query.addresses) {
        (Part::Client, _) | (_, None) => {}
        (Part::Server, Some(range)) => {
            asked = but(asked, |asked| within(asked, "r.client", range));
        }
        // An address may be on either side: each has an index.
        (_, Some(range)) => {
            let client = within(asked.push(" AND (("), "r.client", range);
            asked = within(client.push(") OR ("), "r.server", range).push("))");
        }
    }
    if let Part::ServerPort(port) = part {
        asked = but(asked, |asked| {
            asked.push("r.client_port = ").push_bind(*port)
        });
    }
    if let Some(capture) = query.capture.as_ref().filter(|_| *way != Way::Capture) {
        asked = is_of(asked, capture);
    }
    if !query.kinds.is_empty() && *way != Way::Kind {
        let is = asked.push(" AND r.kind IN ");
        asked = is.push_list(query.kinds.iter().copied());
    }
    if let Some(port) = query.port.filter(|_| *way != Way::Port) {
        let client = asked.push(" AND (r.client_port = ").push_bind(port);
        let server = client.push(" OR r.server_port = ").push_bind(port);
        asked = server.push(")");
    }
    match &query.host {
        Some(Host::Is(name)) if *way != Way::Host => {
            asked = host_is(asked.push(" AND "), name);
        }
        Some(Host::Below(name)) if *way != Way::HostBelow => {
            let (first, last) = below(name);
            let is = host_is(asked.push(" AND ("), name);
            let from = is.push(" OR (r.host >= ").push_bind(first);
            asked = from.push(" AND r.host < ").push_bind(last).push("))");
        }
        Some(_) | None => {}
    }
    match &query.service {
        Some(service) if !matches!(way, Way::Services(_)) => {
            // Without characters that LIKE knows.
            let list = format!("%,{service},%");
            asked = asked.push(" AND r.services LIKE ").push_bind(list);
        }
        Some(_) | None => {}
    }
    if let Some(severity) = query.severity_min.filter(|_| *way != Way::Severity) {
        asked = asked.push(" AND r.severity >= ").push_bind(severity);
    }
    asked
}

fn within<'a>(asked: Statement<'a>, column: &str, range: &'a AddressRange) -> Statement<'a> {
    if range.first == range.last {
        return asked.push(column).push(" = ").push_bind(&range.first);
    }
    let between = asked.push(column).push(" BETWEEN ").push_bind(&range.first);
    between.push(" AND ").push_bind(&range.last)
}

fn is_of<'a>(asked: Statement<'a>, capture: &'a Uid) -> Statement<'a> {
    let run = " AND r.run = (SELECT o.run FROM index_captures o WHERE o.capture = ";
    asked.push(run).push_bind(capture.as_bytes()).push(")")
}

fn host_is<'a>(asked: Statement<'a>, name: &str) -> Statement<'a> {
    let name = reversed(name).into_bytes();
    asked.push("r.host = ").push_bind(name)
}

/// Without those that the part before this one has.
fn but<'a>(
    asked: Statement<'a>,
    condition: impl FnOnce(Statement<'a>) -> Statement<'a>,
) -> Statement<'a> {
    condition(asked.push(" AND NOT coalesce(")).push(", FALSE)")
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
