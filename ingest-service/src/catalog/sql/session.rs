//! A connection as the catalog's statements use it. The statements are the
//! same for every database; what differs is in its [`Dialect`].

use std::{fmt::Write as _, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use sqlx::{
    AssertSqlSafe, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, postgres::PgRow,
    sqlite::SqliteRow,
};

use weir_shared::store::Durability;

use super::{
    super::{CatalogError, postgres, sqlite},
    index::TextEngine,
};

pub(crate) use super::value::Value;

/// What one database says otherwise than another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// Begins a transaction that changes something.
    pub(crate) begin: &'static str,
    /// Begins one that reads one state of the whole database.
    pub(crate) begin_snapshot: &'static str,
    /// Goes before COMMIT.
    pub(crate) before_commit: Option<&'static str>,
    /// Ends a question whose rows of table `c` stay locked.
    pub(crate) for_update: &'static str,
    /// Ends a question whose rows of table `c` nobody may change, in its order.
    pub(crate) for_share: &'static str,
    /// As `for_update`, without those that somebody else has locked.
    pub(crate) for_update_of_free: &'static str,
    /// Microseconds since 1970 UTC by the database's clock.
    pub(crate) now_us: &'static str,
    /// What looks for words.
    pub(crate) text: TextEngine,
    /// Records of a range that are read and sorted rather than looked through by time: some
    /// 10 ms. Where there are more, they are not rare among a million.
    pub(crate) few: u32,
    /// Aggregates names and values to one JSON object.
    pub(crate) json_object: &'static str,
    /// Asks for the `bytes` that the database's file has free inside; none: it is a server's.
    pub(crate) reusable_bytes: Option<&'static str>,
    /// The numbers of the JSON array that is the second value.
    pub(crate) numbers_of_second: &'static str,
    /// Whether `?` is a value. To SQLite `$1` is a name, of which each is looked for among
    /// all others: an INSERT of thousands of values would spend its time with that.
    pub(crate) values_without_names: bool,
    /// How long a connection may take for one operation.
    pub(crate) patience: Option<Duration>,
    /// What a commit survives.
    pub(crate) durability: Durability,
}

/// A connection to a database that the catalog can be in.
pub(crate) trait Session: Send + Sized {
    type Row: Row;
    const DIALECT: Dialect;

    /// Gives the number of rows that were changed.
    fn execute(
        &mut self,
        statement: Statement<'_>,
    ) -> impl Future<Output = Result<u64, CatalogError>> + Send;

    fn rows<'c>(
        &'c mut self,
        statement: Statement<'c>,
    ) -> BoxStream<'c, Result<Self::Row, CatalogError>>;
}

/// One row that was found.
pub(crate) trait Row: Send + Sync {
    fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    fn bytes(&self, column: &str) -> Result<Option<&[u8]>, sqlx::Error>;
    fn text(&self, column: &str) -> Result<&str, sqlx::Error>;
}

/// A statement and its values.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    text: String,
    values: Vec<Value<'a>>,
    /// Where in the text a value is to stand, and which.
    places: Vec<(usize, usize)>,
    is_cached: bool,
}

/// A statement with `$1`, `$2` … for its values.
pub(crate) fn sql<'a>(text: impl Into<String>) -> Statement<'a> {
    Statement {
        text: text.into(),
        values: Vec::new(),
        places: Vec::new(),
        is_cached: true,
    }
}

impl<'a> Statement<'a> {
    /// The next value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Goes on with this text, which is always the same here.
    pub(crate) fn and(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with this text. A text that is put together is not to be kept
    /// prepared: it has many shapes.
    pub(crate) fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self.is_cached = false;
        self
    }

    /// Goes on with the next value.
    pub(crate) fn push_bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.places.push((self.text.len(), self.values.len() + 1));
        self.push("").bind(value)
    }

    /// Goes on with values in parentheses. There must be some.
    pub(crate) fn push_list(
        mut self,
        values: impl IntoIterator<Item = impl Into<Value<'a>>>,
    ) -> Self {
        let mut before = "(";
        for value in values {
            self = self.push(before).push_bind(value);
            before = ", ";
        }
        self.push(")")
    }

    /// Goes on with rows for an INSERT. There must be some.
    pub(crate) fn push_rows<const N: usize>(
        mut self,
        rows: impl IntoIterator<Item = [Value<'a>; N]>,
    ) -> Self {
        let mut before = " VALUES ";
        for row in rows {
            self = self.push(before).push_list(row);
            before = ", ";
        }
        self
    }

    /// As a database reads it.
    fn text(&self, values_without_names: bool) -> String {
        // Numbers are needed where the text has some of its own.
        let is_all = self.places.len() == self.values.len() && !self.text.contains('$');
        let is_bare = values_without_names && is_all;
        let mut text = String::with_capacity(self.text.len() + 5 * self.places.len());
        let mut taken = 0;
        for &(at, number) in &self.places {
            text.push_str(&self.text[taken..at]);
            taken = at;
            match is_bare {
                true => text.push('?'),
                // Writing to a String can't fail.
                false => write!(text, "${number}").unwrap_or_default(),
            }
        }
        text.push_str(&self.text[taken..]);
        text
    }

    pub(crate) async fn execute(self, db: &mut impl Session) -> Result<u64, CatalogError> {
        db.execute(self).await
    }

    pub(crate) async fn all<S: Session>(self, db: &mut S) -> Result<Vec<S::Row>, CatalogError> {
        db.rows(self).try_collect().await
    }

    pub(crate) async fn optional<S: Session>(
        self,
        db: &mut S,
    ) -> Result<Option<S::Row>, CatalogError> {
        db.rows(self).try_next().await
    }
}

/// sqlx has a type of its own for each database; the code is the same.
macro_rules! session {
    ($database:ty, $connection:ty, $row:ty, $dialect:expr) => {
        impl Session for $connection {
            type Row = $row;
            const DIALECT: Dialect = $dialect;

            async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, CatalogError> {
                let done = session!(@query $database, statement, $dialect).execute(self).await?;
                Ok(done.rows_affected())
            }

            fn rows<'c>(
                &'c mut self,
                statement: Statement<'c>,
            ) -> BoxStream<'c, Result<Self::Row, CatalogError>> {
                let rows = session!(@query $database, statement, $dialect).fetch(self);
                rows.map_err(CatalogError::from).boxed()
            }
        }

        impl Row for $row {
            fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(column)
            }

            fn bytes(&self, column: &str) -> Result<Option<&[u8]>, sqlx::Error> {
                self.try_get(column)
            }

            fn text(&self, column: &str) -> Result<&str, sqlx::Error> {
                self.try_get(column)
            }
        }
    };
    (@query $database:ty, $statement:ident, $dialect:expr) => {{
        // Every text is of this module's users' own making; values are bound.
        let text = $statement.text($dialect.values_without_names);
        let query = sqlx::query::<$database>(AssertSqlSafe(text));
        let mut query = query.persistent($statement.is_cached);
        for value in $statement.values {
            query = match value {
                Value::Integer(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
            };
        }
        query
    }};
}

session!(Sqlite, SqliteConnection, SqliteRow, sqlite::DIALECT);
session!(Postgres, PgConnection, PgRow, postgres::DIALECT);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statement: &Statement<'_>, numbered: &str, bare: &str) {
        assert_eq!(statement.text(false), numbered);
        assert_eq!(statement.text(true), bare);
    }

    #[test]
    fn values_have_numbers_or_no_names() {
        check(&sql("a = $1").bind(1_i64), "a = $1", "a = $1");
        let rows = [[1_i64.into(), "b".into()], [2_i64.into(), "c".into()]];
        check(
            &sql("INSERT").push_rows(rows),
            "INSERT VALUES ($1, $2), ($3, $4)",
            "INSERT VALUES (?, ?), (?, ?)",
        );
        // Those behind values of the text have numbers everywhere.
        let mixed = sql("a = $1 AND b IN ").bind(1_i64).push_list([2_i64, 3]);
        let text = "a = $1 AND b IN ($2, $3)";
        check(&mixed, text, text);
    }
}
