//! What the databases' errors mean for who asked.

use sqlx::{
    error::{DatabaseError, ErrorKind},
    postgres::PgDatabaseError,
};

use super::super::CatalogError;

/// Primary result codes of SQLite, <https://sqlite.org/rescode.html>.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_NOMEM: i32 = 7;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_FULL: i32 = 13;
/// Of a file that could be opened: one beside it could not be made.
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_PROTOCOL: i32 = 15;

/// SQLSTATE of PostgreSQL, appendix A of its manual.
const DISK_FULL: &str = "53100";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(told) if is_full(&**told) => Self::Full(error.into()),
            sqlx::Error::Database(told) => match broken_rule(told.kind()) {
                Some(rule) => Self::Inconsistent(rule),
                None => Self::Unavailable(error.into()),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => {
                Self::Inconsistent("a value of another type")
            }
            _ => Self::Unavailable(error.into()),
        }
    }
}

/// Whether the database broke a transaction off for another one's sake, so
/// that it may well succeed the next time.
pub(crate) fn is_conflict(error: &CatalogError) -> bool {
    let CatalogError::Unavailable(source) = error else {
        return false;
    };
    let error = source.downcast_ref::<sqlx::Error>();
    let told = error.and_then(sqlx::Error::as_database_error);
    let state = told.and_then(sql_state);
    matches!(state, Some(SERIALIZATION_FAILURE | DEADLOCK_DETECTED))
}

/// Whether a database that can't be opened may open later, although nobody
/// changes what it is told.
pub(crate) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(told) => match sql_state(&**told) {
            Some(state) => is_passing_state(state),
            None => is_passing_code(&**told),
        },
        // Among them what the URL, the certificates and the schema cause.
        _ => false,
    }
}

/// By class: the connection failed, resources are short, an operator intervened
/// (a server that starts or stops among them), the system failed.
/// And single ones: a lock was not to be had, the server is a standby.
fn is_passing_state(state: &str) -> bool {
    const CLASSES: [&str; 4] = ["08", "53", "57", "58"];
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const READ_ONLY_TRANSACTION: &str = "25006";
    let class = state.get(..2).unwrap_or_default();
    CLASSES.contains(&class)
        || [
            LOCK_NOT_AVAILABLE,
            READ_ONLY_TRANSACTION,
            SERIALIZATION_FAILURE,
            DEADLOCK_DETECTED,
        ]
        .contains(&state)
}

fn is_passing_code(told: &dyn DatabaseError) -> bool {
    [
        SQLITE_BUSY,
        SQLITE_LOCKED,
        SQLITE_NOMEM,
        SQLITE_READONLY,
        SQLITE_IOERR,
        SQLITE_FULL,
        SQLITE_CANTOPEN,
        SQLITE_PROTOCOL,
    ]
    .map(Some)
    .contains(&primary_code(told))
}

/// The low byte of an extended result code is the primary one.
fn primary_code(told: &dyn DatabaseError) -> Option<i32> {
    let code = told.code()?.parse::<i32>().ok()?;
    Some(code & 0xff)
}

fn sql_state(told: &dyn DatabaseError) -> Option<&str> {
    let told = told.try_downcast_ref::<PgDatabaseError>()?;
    Some(told.code())
}

fn is_full(told: &dyn DatabaseError) -> bool {
    if let Some(state) = sql_state(told) {
        return state == DISK_FULL;
    }
    primary_code(told) == Some(SQLITE_FULL)
}

/// A constraint that no change by the rules of the domain can break.
fn broken_rule(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::UniqueViolation => Some("a key is taken"),
        ErrorKind::ForeignKeyViolation => Some("a row refers to none"),
        ErrorKind::NotNullViolation => Some("a value is missing"),
        ErrorKind::CheckViolation => Some("a value is out of its range"),
        _ => None,
    }
}
