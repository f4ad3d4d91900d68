//! Words of a `$filter`.
//!
//! Source: OData Version 4.01 Part 2: URL Conventions, §5.1.1 Common Expression Syntax
//! Trap: times are written without quotes, and begin like numbers.

use jiff::Timestamp;

use super::Fault;

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `'text'`; quotes within are doubled.
    Text(String),
    /// A number.
    Number(f64),
    /// A time, unix ms.
    Moment(i64),
    /// `true`, `false`.
    Boolean(bool),
    /// `null`.
    Null,
    /// A bare GUID.
    Guid(String),
}

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
    /// A name, a path, an operator.
    Word(String),
    /// A literal.
    Literal(Literal),
}

/// All words of a text.
///
/// # Errors
/// The first thing that is no word, with its place.
pub fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut rest = text;
    let mut all = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return Ok(all);
        };
        let at = text.len() - rest.len() + 1;
        let token = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = token {
            all.push(token);
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (token, length) = match first {
            '\'' => quoted(rest).ok_or_else(|| {
                format!("the text at character {at} of $filter has no closing quote")
            })?,
            _ => bare(rest, at)?,
        };
        all.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn quoted(text: &str) -> Option<(Token, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != '\'' {
            value.push(c);
        } else if characters.peek().is_some_and(|(_, next)| *next == '\'') {
            characters.next();
            value.push('\'');
        } else {
            return Some((Token::Literal(Literal::Text(value)), at + 1));
        }
    }
    None
}

fn bare(text: &str, at: usize) -> Result<(Token, usize), Fault> {
    let is_part =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '-' | '.' | ':' | '+' | '@' | '$');
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let word = text.get(..length).unwrap_or_default();
    if word.is_empty() {
        let odd = text.chars().next().unwrap_or_default();
        return Err(format!(
            "{odd} at character {at} of $filter is not understood"
        ));
    }
    Ok((
        literal(word).map_or_else(|| Token::Word(word.to_owned()), Token::Literal),
        length,
    ))
}

fn literal(word: &str) -> Option<Literal> {
    match word {
        "true" => return Some(Literal::Boolean(true)),
        "false" => return Some(Literal::Boolean(false)),
        "null" => return Some(Literal::Null),
        _ => {}
    }
    if uuid::Uuid::try_parse(word).is_ok() && word.len() == 36 {
        return Some(Literal::Guid(word.to_lowercase()));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+')) {
        return None;
    }
    moment(word).map(Literal::Moment).or_else(|| {
        word.parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Literal::Number)
    })
}

/// Unix ms of a time, with or without a time of day.
pub fn moment(text: &str) -> Option<i64> {
    let time = text.parse::<Timestamp>().ok().or_else(|| {
        let is_date = text.len() == 10 && text.matches('-').count() == 2;
        is_date
            .then(|| format!("{text}T00:00:00Z").parse().ok())
            .flatten()
    })?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_times_numbers_and_quotes_are_told_apart() {
        let all = tokens("a/b eq 'O''Neill' and(n gt -1.5)or t le 2026-01-01T00:00:00Z").unwrap();
        assert_eq!(all.len(), 13);
        assert_eq!(all[2], Token::Literal(Literal::Text("O'Neill".into())));
        assert_eq!(all[7], Token::Literal(Literal::Number(-1.5)));
        assert_eq!(all[12], Token::Literal(Literal::Moment(1_767_225_600_000)));
        assert_eq!(moment("2026-01-01"), Some(1_767_225_600_000));
        let guid = "6C409270-f78a-4bc6-af23-7cf3ab6482fe";
        assert_eq!(
            tokens(guid).unwrap(),
            [Token::Literal(Literal::Guid(guid.to_lowercase()))]
        );
    }

    #[test]
    fn what_is_no_word_is_named_with_its_place() {
        assert!(tokens("a eq 'open").unwrap_err().contains("character 6"));
        assert!(tokens("a = 1").unwrap_err().starts_with("= at character 3"));
        assert!(tokens("ü eq '\u{1f600}'").is_ok());
    }
}
