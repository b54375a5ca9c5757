//! Which index a query goes by.
//!
//! Records are told newest first, a page at a time. An index that begins with one value and
//! goes on with the time gives them in this order, and the first of them are all that is read;
//! so a query goes by one such value, or by a few, each in a question of its own. Ranges
//! (networks, hosts below a name) have no order: they are a way only when there is little in
//! them, which is counted before.

use crate::{
    catalog::{
        CatalogError,
        sql::{
            row,
            session::{Row as _, Session, Statement, Value, sql},
        },
    },
    domain::index::{AddressRange, Host, RecordQuery, reversed},
};

/// What [`Dialect::few`] is, or three: the tests' ranges have fewer and more.
///
/// [`Dialect::few`]: crate::catalog::sql::Dialect::few
const fn few<S: Session>() -> u32 {
    if cfg!(test) { 3 } else { S::DIALECT.few }
}

/// Severities are 1 to this: findings of a later release are found without one.
const SEVERITY_MAX: u32 = 3;

/// Different lists of services that have one in common: there are some dozens of services.
const SERVICES_MAX: u32 = 32;

/// What a query goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Community,
    Host,
    HostBelow,
    Address,
    Network,
    Capture,
    Port,
    Severity,
    /// With these lists of services.
    Services(Vec<String>),
    Kind,
    Time,
}

/// One of the questions whose answers, put together, are all: nothing is in two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Host(Vec<u8>),
    HostFrom(Vec<u8>, Vec<u8>),
    Client,
    /// Without those that [`Part::Client`] has.
    Server,
    ClientPort(u32),
    ServerPort(u32),
    Severity(u32),
    Services(String),
    Kind(u32),
}

impl Way {
    pub(super) async fn of(
        db: &mut impl Session,
        query: &RecordQuery,
    ) -> Result<Self, CatalogError> {
        if query.community.is_some() {
            return Ok(Self::Community);
        }
        if let Some(Host::Is(_)) = query.host {
            return Ok(Self::Host);
        }
        if let Some(range) = &query.addresses {
            if range.first == range.last {
                return Ok(Self::Address);
            }
            let (clients, servers) = (range_of(range), range_of(range));
            if is_few(db, "client", clients).await? && is_few(db, "server", servers).await? {
                return Ok(Self::Network);
            }
        }
        if let Some(Host::Below(name)) = &query.host
            && is_few(db, "host", below(name)).await?
        {
            return Ok(Self::HostBelow);
        }
        let is_severe = query.severity_min.is_some_and(|least| least > 0);
        let has_another =
            query.port.is_some() || is_severe || query.service.is_some() || !query.kinds.is_empty();
        if let Some(capture) = &query.capture
            && (!has_another || is_small(db, capture.as_bytes()).await?)
        {
            return Ok(Self::Capture);
        }
        if query.port.is_some() {
            return Ok(Self::Port);
        }
        if is_severe {
            return Ok(Self::Severity);
        }
        if let Some(service) = &query.service
            && let Some(lists) = lists_with(db, service).await?
        {
            return Ok(Self::Services(lists));
        }
        Ok(match (query.kinds.is_empty(), query.capture) {
            (false, _) => Self::Kind,
            // Of the service there are too many lists.
            (true, Some(_)) => Self::Capture,
            (true, None) => Self::Time,
        })
    }

    /// Orders what a part asks for. A range that has few is read by its index and sorted: in
    /// the records' own order a database may look through all of them by time instead, which
    /// is long when the range has none.
    pub(super) fn order(&self, part: &Part) -> &'static str {
        match (self, part) {
            (Self::Network, _) | (_, Part::HostFrom(..)) => {
                " ORDER BY r.time_us + 0 DESC, r.run DESC, r.sequence DESC"
            }
            _ => " ORDER BY r.time_us DESC, r.run DESC, r.sequence DESC",
        }
    }

    pub(super) fn parts(&self, query: &RecordQuery) -> Vec<Part> {
        match (self, &query.host) {
            (Self::Host, Some(Host::Is(name))) => vec![Part::Host(reversed(name).into_bytes())],
            (Self::HostBelow, Some(Host::Below(name))) => {
                let (first, last) = below(name);
                let is = reversed(name).into_bytes();
                vec![Part::Host(is), Part::HostFrom(first, last)]
            }
            (Self::Address | Self::Network, _) => vec![Part::Client, Part::Server],
            (Self::Port, _) => {
                let port = query.port.unwrap_or_default();
                vec![Part::ClientPort(port), Part::ServerPort(port)]
            }
            (Self::Severity, _) => {
                let least = query.severity_min.unwrap_or_default();
                (least..=SEVERITY_MAX).map(Part::Severity).collect()
            }
            (Self::Services(lists), _) => lists.iter().cloned().map(Part::Services).collect(),
            (Self::Kind, _) => {
                let mut kinds = query.kinds.clone();
                kinds.sort_unstable();
                kinds.dedup();
                kinds.into_iter().map(Part::Kind).collect()
            }
            _ => vec![Part::All],
        }
    }
}

/// Hosts below a name, from the first to in front of the last.
pub(super) fn below(name: &str) -> (Vec<u8>, Vec<u8>) {
    let name = reversed(name);
    // A slash comes right behind a dot.
    (format!("{name}.").into(), format!("{name}/").into())
}

fn range_of(range: &AddressRange) -> (Vec<u8>, Vec<u8>) {
    (range.first.to_vec(), range.last.to_vec())
}

/// From the first value to the last, whether that is in it or not.
async fn is_few(
    db: &mut impl Session,
    column: &str,
    (first, last): (Vec<u8>, Vec<u8>),
) -> Result<bool, CatalogError> {
    let from = sql(format!(
        "SELECT count(*) AS found FROM (SELECT 1 FROM index_records r WHERE r.{column} >= $1 \
         AND r.{column} <= $2 ORDER BY r.{column}, r.time_us, r.run, r.sequence \
         LIMIT (SELECT CAST($3 AS BIGINT))) few"
    ));
    count(db, from.bind(first).bind(last)).await
}

async fn is_small(db: &mut impl Session, capture: &[u8; 16]) -> Result<bool, CatalogError> {
    let from = sql(
        "SELECT count(*) AS found FROM (SELECT 1 FROM index_records r WHERE r.run = \
         (SELECT o.run FROM index_captures o WHERE o.capture = $1) \
         ORDER BY r.run, r.time_us, r.sequence LIMIT (SELECT CAST($2 AS BIGINT))) few",
    );
    count(db, from.bind(capture)).await
}

/// The order is an index's, and a limit that PostgreSQL does not know lets it plan for a part
/// of the rows: so it reads the index and stops. It would gather all of the range before it
/// counts the first, or read the table, by what it believes to be there.
async fn count<S: Session>(db: &mut S, statement: Statement<'_>) -> Result<bool, CatalogError> {
    let counted = statement.bind(few::<S>() + 1).optional(db).await?;
    let found: u32 = counted.map_or(Ok(0), |counted| row::required(&counted, "found"))?;
    Ok(found <= few::<S>())
}

/// The lists of services that are there and have this one. Each is found behind the one
/// before it. `None`: too many.
async fn lists_with(
    db: &mut impl Session,
    service: &str,
) -> Result<Option<Vec<String>>, CatalogError> {
    let found = sql("WITH RECURSIVE known (services) AS (\
         SELECT min(r.services) FROM index_records r WHERE r.services <> '' \
         UNION ALL SELECT (SELECT min(r.services) FROM index_records r \
         WHERE r.services <> '' AND r.services > k.services) FROM known k \
         WHERE k.services IS NOT NULL) \
         SELECT k.services FROM known k WHERE k.services LIKE $1 LIMIT $2");
    let rows = found
        .bind(format!("%,{service},%"))
        .bind(SERVICES_MAX + 1)
        .all(db)
        .await?;
    if rows.len() > SERVICES_MAX as usize {
        return Ok(None);
    }
    let lists = rows.iter().map(|row| Ok(row.text("services")?.to_owned()));
    lists.collect::<Result<_, CatalogError>>().map(Some)
}

/// Conditions that are no way, each with an AND before it: the database would take one for a
/// way. Of all of them in this form PostgreSQL believes that every other record has them, and
/// goes on by the way until there are enough. One by one it takes them for so rare, without
/// statistics at the latest, that it would rather read all there is and sort.
pub(super) fn aside<'a>(
    asked: Statement<'a>,
    conditions: impl FnOnce(Statement<'a>) -> Statement<'a>,
) -> Statement<'a> {
    conditions(asked.push(" AND coalesce((TRUE")).push("), FALSE)")
}

/// What a part asks for by itself; addresses are the query's.
pub(super) fn only<'a>(asked: Statement<'a>, part: &'a Part) -> Statement<'a> {
    let is = |asked: Statement<'a>, column: &str, value: Value<'a>| {
        asked
            .push(" AND r.")
            .push(column)
            .push(" = ")
            .push_bind(value)
    };
    match part {
        Part::All | Part::Client | Part::Server => asked,
        Part::Host(name) => is(asked, "host", (&**name).into()),
        Part::HostFrom(first, last) => {
            let from = asked.push(" AND r.host >= ").push_bind(&**first);
            from.push(" AND r.host < ").push_bind(&**last)
        }
        Part::ClientPort(port) => is(asked, "client_port", (*port).into()),
        Part::ServerPort(port) => is(asked, "server_port", (*port).into()),
        Part::Severity(severity) => {
            is(asked, "severity", (*severity).into()).push(" AND r.severity > 0")
        }
        Part::Services(list) => {
            is(asked, "services", (&**list).into()).push(" AND r.services <> ''")
        }
        Part::Kind(kind) => is(asked, "kind", (*kind).into()),
    }
}
