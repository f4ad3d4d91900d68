//! Text of an expression → tokens with positions.
//!
//! Never recurses. Trap: `&H1F` is a number, `&` alone concatenates, `&&` is "and"; a minus is never part of a number here.

use super::{Failure, position::Position};

/// A word of the language.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Text(String),
    /// A decimal number; with a minus before it, one more is possible than without.
    Number(u64),
    /// A hexadecimal number, which stands for 64 bits.
    Bits(i64),
    Attribute(String),
    Parameter(String),
    Variable(String),
    Word(String),
    Symbol(&'static str),
}

/// Longest symbols first.
const SYMBOLS: [&str; 18] = [
    "<>", "<=", ">=", "&&", "||", "==", "(", ")", ",", "=", "<", ">", "&", "+", "-", "*", "/", "!",
];

/// All tokens with their places, and the place of the end.
pub(super) fn tokens(text: &str) -> Result<(Vec<(Position, Token)>, Position), Failure> {
    let mut all = Vec::new();
    let (mut rest, mut position) = (text, Position::START);
    loop {
        let trimmed = rest.trim_start();
        position = position.after(passed(rest, trimmed));
        if trimmed.is_empty() {
            return Ok((all, position));
        }
        let (token, after) = token(trimmed).map_err(|complaint| complaint.at(position))?;
        all.push((position, token));
        position = position.after(passed(trimmed, after));
        rest = after;
    }
}

/// What of a text lies before its end `rest`.
fn passed<'t>(text: &'t str, rest: &str) -> &'t str {
    text.get(..text.len() - rest.len()).unwrap_or_default()
}

/// What is wrong, and the cure.
struct Complaint(String, &'static str);

impl Complaint {
    fn at(self, position: Position) -> Failure {
        let failure = Failure::new(self.0, position);
        match self.1 {
            "" => failure,
            cure => failure.cured_by(cure),
        }
    }
}

type Found<'t> = Result<(Token, &'t str), Complaint>;

fn token(text: &str) -> Found<'_> {
    let first = text.chars().next().unwrap_or_default();
    let rest = text.get(first.len_utf8()..).unwrap_or_default();
    match first {
        '"' => quoted(rest),
        '[' => attribute(rest),
        '%' => parameter(rest),
        '$' => variable(rest),
        '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' => Err(Complaint(
            format!("{first} is no quote of this language"),
            "write straight quotes: \"",
        )),
        c if c.is_ascii_digit() => number(text),
        c if is_of_word(c) => {
            let (word, rest) = split_while(text, is_of_word);
            Ok((Token::Word(word.to_owned()), rest))
        }
        _ => match hexadecimal(text)? {
            Some(found) => Ok(found),
            None => symbol(text, first),
        },
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn split_while(text: &str, accept: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !accept(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// A backslash keeps the next character from ending the text; only `\\` and `\"` drop the backslash, so that regular
/// expressions may be written with single ones. A doubled quote is one quote.
fn quoted(text: &str) -> Found<'_> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        let after = text.get(at + 1..).unwrap_or_default();
        match c {
            '"' if after.starts_with('"') => {
                characters.next();
                value.push('"');
            }
            '"' => return Ok((Token::Text(value), after)),
            '\\' => match characters.next() {
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err(Complaint(
        "the text that begins here is not closed".into(),
        "end it with \"; write a quote inside it as \\\"",
    ))
}

/// A backslash before a bracket, a backslash or a blank makes it part of the name; blanks at the ends are not.
fn attribute(text: &str) -> Found<'_> {
    const CURE: &str = "write [name]; a bracket within the name as \\]";
    let mut name = String::new();
    // Length of the name up to the last character that is not a blank at its end.
    let mut kept = 0;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            ']' => {
                name.truncate(kept);
                return match name.is_empty() {
                    true => Err(Complaint("the attribute has no name".into(), CURE)),
                    false => {
                        let rest = text.get(at + 1..).unwrap_or_default();
                        Ok((Token::Attribute(name), rest))
                    }
                };
            }
            '[' => break,
            '\\' => {
                match characters.next() {
                    Some((_, c)) if matches!(c, '[' | ']' | '\\') || c.is_whitespace() => {
                        name.push(c);
                    }
                    Some((_, c)) => name.extend(['\\', c]),
                    None => break,
                }
                kept = name.len();
            }
            c if c.is_whitespace() => {
                if !name.is_empty() {
                    name.push(c);
                }
            }
            c => {
                name.push(c);
                kept = name.len();
            }
        }
    }
    Err(Complaint(
        "the attribute name that begins here is not closed".into(),
        CURE,
    ))
}

fn parameter(text: &str) -> Found<'_> {
    let (name, rest) = split_while(text, |c| is_of_word(c) || ".-".contains(c));
    match rest.strip_prefix('%') {
        Some(rest) if !name.is_empty() => Ok((Token::Parameter(name.to_owned()), rest)),
        _ => Err(Complaint(
            "the parameter that begins here is not closed".into(),
            "write %Name%",
        )),
    }
}

fn variable(text: &str) -> Found<'_> {
    match split_while(text, is_of_word) {
        ("", _) => Err(Complaint(
            "the variable has no name".into(),
            "write $name, and bind it with Select, Where or With",
        )),
        (name, rest) => Ok((Token::Variable(name.to_owned()), rest)),
    }
}

fn number(text: &str) -> Found<'_> {
    let (digits, rest) = split_while(text, |c| c.is_ascii_digit());
    match digits.parse() {
        Ok(number) if !rest.starts_with(is_of_word) => Ok((Token::Number(number), rest)),
        _ => Err(malformed()),
    }
}

/// `&H` and digits. `&Half` is no number: it concatenates something that begins with "Half".
fn hexadecimal(text: &str) -> Result<Option<(Token, &str)>, Complaint> {
    let Some(rest) = text.strip_prefix("&H").or(text.strip_prefix("&h")) else {
        return Ok(None);
    };
    let (digits, rest) = split_while(rest, |c| c.is_ascii_hexdigit());
    if digits.is_empty() || rest.starts_with(is_of_word) {
        return Ok(None);
    }
    let bits = u64::from_str_radix(digits, 16).map_err(|_| malformed())?;
    Ok(Some((Token::Bits(bits.cast_signed()), rest)))
}

fn malformed() -> Complaint {
    Complaint("a number is malformed or too large here".into(), "")
}

fn symbol(text: &str, first: char) -> Found<'_> {
    let found = SYMBOLS
        .into_iter()
        .find_map(|symbol| Some((Token::Symbol(symbol), text.strip_prefix(symbol)?)));
    found.ok_or_else(|| {
        let cure = match first {
            '|' => "write || for \"or\"",
            '\'' => "texts stand in \"double quotes\"",
            ';' => "arguments are separated by commas",
            _ => "",
        };
        Complaint(format!("unexpected character {first:?}"), cure)
    })
}
