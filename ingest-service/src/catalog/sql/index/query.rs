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
        index::{AddressRange, FoundRecord, Host, RecordPlace, RecordQuery, reversed},
    },
};

/// Asks each part of the query's way for its first, and merges them.
pub(super) async fn query(
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
    let asked = addresses(only(begin, part), query, way, part);
    let rows = conditions(asked, query, way)
        .push(" ORDER BY r.time_us DESC, r.run DESC, r.sequence DESC LIMIT ")
        .push_bind(query.limit)
        .all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// An address may be on either side: each has an index.
fn addresses<'a>(
    asked: Statement<'a>,
    query: &'a RecordQuery,
    way: &Way,
    part: &Part,
) -> Statement<'a> {
    let Some(range) = &query.addresses else {
        return asked;
    };
    match part {
        Part::Client => within(asked.push(" AND "), "r.client", range),
        Part::Server => {
            let asked = within(asked.push(" AND "), "r.server", range);
            // Those with both were found before.
            let (asked, client) = (
                asked.push(" AND (r.client IS NULL OR NOT ("),
                aside("r.client"),
            );
            within(asked, &client, range).push("))")
        }
        _ => {
            debug_assert!(!matches!(way, Way::Address | Way::Network));
            let (client, server) = (aside("r.client"), aside("r.server"));
            let asked = within(asked.push(" AND ("), &client, range).push(" OR ");
            within(asked, &server, range).push(")")
        }
    }
}

fn within<'a>(asked: Statement<'a>, column: &str, range: &'a AddressRange) -> Statement<'a> {
    if range.first == range.last {
        return asked.push(column).push(" = ").push_bind(&range.first);
    }
    let between = asked.push(column).push(" BETWEEN ").push_bind(&range.first);
    between.push(" AND ").push_bind(&range.last)
}

/// All that is asked for, but for addresses and what the way's parts ask for.
fn conditions<'a>(mut asked: Statement<'a>, query: &'a RecordQuery, way: &Way) -> Statement<'a> {
    if let Some(capture) = &query.capture {
        let run = match way {
            Way::Capture => "r.run".to_owned(),
            _ => aside("r.run"),
        };
        asked = asked
            .push(" AND ")
            .push(&run)
            .push(" = (SELECT o.run FROM index_captures o WHERE o.capture = ")
            .push_bind(capture.as_bytes())
            .push(")");
    }
    if !query.kinds.is_empty() && *way != Way::Kind {
        asked = asked
            .push(" AND ")
            .push(&aside("r.kind"))
            .push(" IN ")
            .push_list(query.kinds.iter().copied());
    }
    if let Some(port) = query.port.filter(|_| *way != Way::Port) {
        let (client, server) = (aside("r.client_port"), aside("r.server_port"));
        asked = asked
            .push(" AND (")
            .push(&client)
            .push(" = ")
            .push_bind(port);
        let or = asked.push(" OR ").push(&server).push(" = ");
        asked = or.push_bind(port).push(")");
    }
    match &query.host {
        Some(Host::Is(name)) if *way != Way::Host => {
            let is = asked.push(" AND ").push(&aside("r.host")).push(" = ");
            asked = is.push_bind(reversed(name).into_bytes());
        }
        Some(Host::Below(name)) if *way != Way::HostBelow => {
            let (host, (first, last)) = (aside("r.host"), below(name));
            let is = asked.push(" AND (").push(&host).push(" = ");
            let or = is.push_bind(reversed(name).into_bytes()).push(" OR (");
            let from = or.push(&host).push(" >= ").push_bind(first);
            let to = from.push(" AND ").push(&host).push(" < ").push_bind(last);
            asked = to.push("))");
        }
        Some(_) | None => {}
    }
    if let Some(service) = query
        .service
        .as_ref()
        .filter(|_| !matches!(way, Way::Services(_)))
    {
        // Without characters that LIKE knows.
        asked = asked
            .push(" AND r.services LIKE ")
            .push_bind(format!("%,{service},%"));
    }
    if let Some(community) = &query.community {
        asked = asked.push(" AND r.community = ").push_bind(&**community);
    }
    if let Some(severity) = query.severity_min.filter(|_| *way != Way::Severity) {
        asked = asked.push(" AND ").push(&aside("r.severity"));
        asked = asked.push(" >= ").push_bind(severity);
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
