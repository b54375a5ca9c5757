//! Words of captures, on the database's own engine: FTS5, or tsvector. Both are
//! given words that are split already ([`crate::domain::index::words`]).

use std::fmt::Write as _;

use crate::{
    catalog::{
        CatalogError,
        sql::{
            row,
            session::{Row, Session, sql},
        },
    },
    domain::index::{
        FoundCapture,
        words::{GAP, Phrase, Text, Words},
    },
};

/// Which engine a database has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TextEngine {
    /// <https://sqlite.org/fts5.html>
    Fts5,
    /// <https://www.postgresql.org/docs/current/textsearch.html>
    TsVector,
}

/// Weights of the fields, in their order: names, agents, about, findings.
const FTS5_WEIGHTS: &str = "10.0, 1.0, 4.0, 2.0";
/// In the same order: A weighs 1, B 0.4, C 0.2, D 0.1.
const TS_WEIGHTS: [char; 4] = ['A', 'D', 'B', 'C'];

/// PostgreSQL counts no further.
const TS_POSITION_MAX: u32 = 16_383;

/// A score is kept in 64 bits, as everything: in billionths.
const SCORE_UNIT: f64 = 1e9;

pub(super) async fn replace<S: Session>(
    db: &mut S,
    id: i64,
    text: &Text,
) -> Result<(), CatalogError> {
    remove(db, id).await?;
    let inserted = match S::DIALECT.text {
        TextEngine::Fts5 => {
            let [names, agents, about, findings] = &text.fields;
            sql(
                "INSERT INTO index_text (rowid, names, agents, about, findings) \
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(id)
            .bind(&**names)
            .bind(&**agents)
            .bind(&**about)
            .bind(&**findings)
        }
        TextEngine::TsVector => {
            sql("INSERT INTO index_text (id, doc) VALUES ($1, CAST($2 AS tsvector))")
                .bind(id)
                .bind(ts_vector(text))
        }
    };
    inserted.execute(db).await?;
    Ok(())
}

pub(super) async fn remove<S: Session>(db: &mut S, id: i64) -> Result<(), CatalogError> {
    let removed = match S::DIALECT.text {
        TextEngine::Fts5 => "DELETE FROM index_text WHERE rowid = $1",
        TextEngine::TsVector => "DELETE FROM index_text WHERE id = $1",
    };
    sql(removed).bind(id).execute(db).await?;
    Ok(())
}

pub(super) async fn search<S: Session>(
    db: &mut S,
    words: &Words,
    limit: u32,
) -> Result<Vec<FoundCapture>, CatalogError> {
    let found = match S::DIALECT.text {
        TextEngine::Fts5 => sql(format!(
            "SELECT c.capture, c.capture_id, c.file_name, \
             CAST(-bm25(index_text, {FTS5_WEIGHTS}) * {SCORE_UNIT} AS INTEGER) AS score \
             FROM index_text JOIN index_captures c ON c.id = index_text.rowid \
             WHERE index_text MATCH $1 ORDER BY score DESC, c.id LIMIT $2"
        ))
        .bind(fts5_query(words)),
        TextEngine::TsVector => sql(format!(
            "SELECT c.capture, c.capture_id, c.file_name, \
             CAST(ts_rank(t.doc, CAST($1 AS tsquery)) * {SCORE_UNIT} AS BIGINT) AS score \
             FROM index_text t JOIN index_captures c ON c.id = t.id \
             WHERE t.doc @@ CAST($1 AS tsquery) ORDER BY score DESC, c.id LIMIT $2"
        ))
        .bind(ts_query(words)),
    };
    let found = found.bind(limit).all(db).await?;
    found.iter().map(read).collect()
}

fn read(found: &impl Row) -> Result<FoundCapture, CatalogError> {
    let id = found.text("capture_id")?.parse();
    let score: i64 = row::required(found, "score")?;
    Ok(FoundCapture {
        id: id.map_err(|_| CatalogError::Inconsistent("capture id"))?,
        uid: row::uid(found, "capture")?,
        file_name: found.text("file_name")?.to_owned(),
        #[allow(clippy::cast_precision_loss, reason = "a score")]
        score: score as f64 / SCORE_UNIT,
    })
}

/// Words are letters and digits: nothing in them ends a quote.
fn fts5_query(words: &Words) -> String {
    let phrases = words.0.iter().map(|Phrase { words, is_prefix }| {
        let star = if *is_prefix { "*" } else { "" };
        format!("\"{}\"{star}", words.join(" "))
    });
    phrases.collect::<Vec<_>>().join(" AND ")
}

fn ts_query(words: &Words) -> String {
    let phrases = words.0.iter().map(|Phrase { words, is_prefix }| {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let star = if *is_prefix { ":*" } else { "" };
        format!("({}{star})", quoted.join(" <-> "))
    });
    phrases.collect::<Vec<_>>().join(" & ")
}

/// The document as PostgreSQL reads it: words with places and weights.
fn ts_vector(text: &Text) -> String {
    let (mut doc, mut place) = (String::new(), 1_u32);
    for (field, weight) in text.fields.iter().zip(TS_WEIGHTS) {
        for text in field.split(GAP) {
            for word in text.split(' ').filter(|word| !word.is_empty()) {
                let place_told = place.min(TS_POSITION_MAX);
                // Writing to a String can't fail.
                write!(doc, "'{word}':{place_told}{weight} ").ok();
                place = place.saturating_add(1);
            }
            // No phrase goes from one text to the next.
            place = place.saturating_add(1);
        }
    }
    doc
}
