//! Words: of captures, and of who looks for them.
//!
//! Both sides are split in the same way, here: runs of letters and digits, in
//! lower case. So the databases, which each split otherwise, have nothing to
//! decide, and a name is its labels side by side.

use std::collections::HashSet;

use super::Field;

/// Words kept of one capture, bytes in each field. PostgreSQL takes 1 MiB of a
/// document with its positions.
const FIELD_BYTES_MAX: [usize; FIELDS] = [256 << 10, 64 << 10, 64 << 10, 64 << 10];
const FIELDS: usize = 4;

/// Longest word, bytes: PostgreSQL takes up to 2,046.
const WORD_BYTES_MAX: usize = 256;

/// Phrases in one query, and words in all of them.
const PHRASES_MAX: usize = 32;
const WORDS_MAX: usize = 64;

/// The words of one capture, by field, in the order of [`Field`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub fields: [String; FIELDS],
    seen: HashSet<(u8, u64)>,
    /// There was more.
    pub is_cut: bool,
}

impl Text {
    /// Adds a text, unless it is there already.
    pub fn add(&mut self, field: Field, text: &str) {
        let place = match field {
            Field::Name => 0_u8,
            Field::Agent => 1,
            Field::About => 2,
            Field::Finding => 3,
        };
        if text.is_empty() || !self.seen.insert((place, digest(text))) {
            return;
        }
        let place = usize::from(place);
        let words = split(text).collect::<Vec<_>>().join(" ");
        let kept = &mut self.fields[place];
        if words.is_empty() {
            return;
        }
        if kept.len() + words.len() + GAP.len() > FIELD_BYTES_MAX[place] {
            self.is_cut = true;
            return;
        }
        if !kept.is_empty() {
            kept.push_str(GAP);
        }
        kept.push_str(&words);
    }
}

/// Between two texts: a word that nobody looks for, so that no phrase goes from
/// one text to the next.
pub const GAP: &str = " zzweirgapzz ";

/// Tells texts apart: a false match in 2^64 leaves one out.
fn digest(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut word = word.to_lowercase();
            word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
            word
        })
}

/// What somebody looks for: all of these phrases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Vec<Phrase>);

/// Words side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// At least one. Letters and digits, in lower case.
    pub words: Vec<String>,
    /// The last one may go on.
    pub is_prefix: bool,
}

/// Where a query makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}, at byte {position}")]
pub struct WordSyntax {
    /// Byte of the query, from 0; its length when something is missing at the end.
    pub position: usize,
    pub why: &'static str,
}

impl Words {
    /// # Errors
    /// [`WordSyntax`]
    pub fn parse(query: &str) -> Result<Self, WordSyntax> {
        let wrong = |position, why| Err(WordSyntax { position, why });
        let (mut phrases, mut words, mut at) = (Vec::new(), 0, 0);
        while let Some(rest) = query.get(at..) {
            let begin = at + (rest.len() - rest.trim_start().len());
            let Some(first) = query[begin..].chars().next() else {
                break;
            };
            let (text, end) = match first {
                '"' => match query[begin + 1..].find('"') {
                    Some(length) => (&query[begin + 1..begin + 1 + length], begin + length + 2),
                    None => return wrong(query.len(), "a quote is not closed"),
                },
                _ => {
                    let rest = &query[begin..];
                    let length = rest.find(|c: char| c.is_whitespace() || c == '"');
                    let length = length.unwrap_or(rest.len());
                    (&rest[..length], begin + length)
                }
            };
            let phrase = Phrase {
                words: split(text).collect(),
                is_prefix: first != '"' && text.ends_with('*'),
            };
            if phrase.words.is_empty() {
                return wrong(begin, "there is no letter or digit");
            }
            words += phrase.words.len();
            phrases.push(phrase);
            if phrases.len() > PHRASES_MAX || words > WORDS_MAX {
                return wrong(begin, "there are too many words");
            }
            at = end;
        }
        match phrases.is_empty() {
            true => wrong(query.len(), "there is nothing to look for"),
            false => Ok(Self(phrases)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, wanted: Result<&[(&str, bool)], (usize, &str)>) {
        let told = Words::parse(query);
        let told = match &told {
            Ok(Words(phrases)) => Ok(phrases
                .iter()
                .map(|phrase| (phrase.words.join(" "), phrase.is_prefix))
                .collect::<Vec<_>>()),
            Err(error) => Err((error.position, error.why)),
        };
        let wanted = wanted.map(|phrases| {
            let phrases = phrases.iter();
            phrases
                .map(|(words, is)| ((*words).to_owned(), *is))
                .collect()
        });
        assert_eq!(told, wanted, "{query}");
    }

    #[test]
    fn a_query_is_phrases_of_words() {
        check("one TWO", Ok(&[("one", false), ("two", false)]));
        check(" www.Example.com ", Ok(&[("www example com", false)]));
        check("\"a b\" c*", Ok(&[("a b", false), ("c", true)]));
        check("a\"b\"", Ok(&[("a", false), ("b", false)]));
        check("\"a*\"", Ok(&[("a", false)]));
        check("größe*", Ok(&[("größe", true)]));
        check("' OR 1=1 --", Err((0, "there is no letter or digit")));
        check("", Err((0, "there is nothing to look for")));
        check("  ", Err((2, "there is nothing to look for")));
        check("a \"b", Err((4, "a quote is not closed")));
        check("a *", Err((2, "there is no letter or digit")));
        check(&"a ".repeat(33), Err((64, "there are too many words")));
    }

    #[test]
    fn a_text_is_kept_once_and_within_its_bound() {
        let mut text = Text::default();
        for _ in 0..2 {
            text.add(Field::Name, "www.Example.com");
            text.add(Field::About, "site=A");
            text.add(Field::Agent, "-");
        }
        assert_eq!(
            text.fields,
            ["www example com", "", "site a", ""].map(str::to_owned)
        );
        text.add(Field::Name, "b");
        assert_eq!(text.fields[0], format!("www example com{GAP}b"));
        assert!(!text.is_cut);
        for n in 0..100_000 {
            text.add(Field::Name, &format!("host-{n}"));
        }
        assert!(text.is_cut && text.fields[0].len() <= FIELD_BYTES_MAX[0]);
    }
}
