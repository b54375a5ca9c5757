//! What the databases' errors mean for who asked.

use sqlx::{
    error::{DatabaseError, ErrorKind},
    postgres::PgDatabaseError,
};

use super::super::CatalogError;

/// Primary result code of SQLite.
const SQLITE_FULL: i32 = 13;

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

fn sql_state(told: &dyn DatabaseError) -> Option<&str> {
    let told = told.try_downcast_ref::<PgDatabaseError>()?;
    Some(told.code())
}

fn is_full(told: &dyn DatabaseError) -> bool {
    if let Some(state) = sql_state(told) {
        return state == DISK_FULL;
    }
    let code = told.code().and_then(|code| code.parse::<i32>().ok());
    // The low byte of an extended result code is the primary one.
    code.is_some_and(|code| code & 0xff == SQLITE_FULL)
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
