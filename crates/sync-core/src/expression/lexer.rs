//! Text of an expression → tokens with positions.
//!
//! Never recurses. Trap: `&H1F` is a number, `&` alone concatenates, `&&` is "and".

use winnow::{
    Parser,
    combinator::{alt, delimited, opt, preceded, repeat},
    error::{ContextError, ErrMode},
    stream::{LocatingSlice, Location as _},
    token::{any, none_of, one_of, take_while},
};

use super::Failure;

/// A word of the language.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Text(String),
    Number(i64),
    Attribute(String),
    Parameter(String),
    Word(String),
    Symbol(&'static str),
}

type Input<'a> = LocatingSlice<&'a str>;
type Lexed<T> = Result<T, ErrMode<ContextError>>;

/// Longest symbols first.
const SYMBOLS: [&str; 13] = [
    "<>", "<=", ">=", "&&", "||", "==", "(", ")", ",", "=", "<", ">", "&",
];

/// All tokens with their byte offsets.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Failure> {
    let mut input = LocatingSlice::new(text);
    let mut all = Vec::new();
    loop {
        skip_blank(&mut input);
        if input.is_empty() {
            return Ok(all);
        }
        let position = input.current_token_start();
        match token(&mut input) {
            Ok(found) => all.push((position, found)),
            Err(_) => return Err(complaint(text, position)),
        }
    }
}

fn skip_blank(input: &mut Input<'_>) {
    let blank: Lexed<&str> = take_while(0.., char::is_whitespace).parse_next(input);
    let _ = blank;
}

fn token(input: &mut Input<'_>) -> Lexed<Token> {
    alt((
        quoted.map(Token::Text),
        number.map(Token::Number),
        delimited('[', take_while(1.., |c| c != ']' && c != '['), ']')
            .map(|name: &str| Token::Attribute(name.trim().into())),
        delimited(
            '%',
            take_while(1.., |c: char| c.is_alphanumeric() || ".-_".contains(c)),
            '%',
        )
        .map(|name: &str| Token::Parameter(name.into())),
        take_while(1.., |c: char| c.is_alphanumeric() || c == '_')
            .map(|word: &str| Token::Word(word.into())),
        symbol.map(Token::Symbol),
    ))
    .parse_next(input)
}

/// A backslash keeps the next character from ending the text; only `\\` and `\"` drop the backslash, so that regular
/// expressions may be written with single ones.
fn quoted(input: &mut Input<'_>) -> Lexed<String> {
    delimited(
        '"',
        repeat(
            0..,
            alt((preceded('\\', any).map(Escaped), none_of('"').map(Plain))),
        )
        .fold(String::new, |mut text, piece| {
            match piece {
                Plain(c) | Escaped(c @ ('\\' | '"')) => text.push(c),
                Escaped(c) => text.extend(['\\', c]),
            }
            text
        }),
        '"',
    )
    .parse_next(input)
}

enum Piece {
    Plain(char),
    Escaped(char),
}
use Piece::{Escaped, Plain};

fn number(input: &mut Input<'_>) -> Lexed<i64> {
    alt((
        preceded(
            ('&', one_of(['H', 'h'])),
            take_while(1.., |c: char| c.is_ascii_hexdigit()),
        )
        .try_map(|digits: &str| u64::from_str_radix(digits, 16).map(u64::cast_signed)),
        (opt('-'), take_while(1.., |c: char| c.is_ascii_digit()))
            .take()
            .try_map(|digits: &str| digits.parse::<i64>()),
    ))
    .parse_next(input)
}

fn symbol(input: &mut Input<'_>) -> Lexed<&'static str> {
    let rest: &str = input;
    match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        Some(mut symbol) => symbol.parse_next(input).map(|_| symbol),
        None => Err(ErrMode::Backtrack(ContextError::new())),
    }
}

fn complaint(text: &str, position: usize) -> Failure {
    let rest = text.get(position..).unwrap_or_default();
    match rest.chars().next() {
        Some('"') => Failure::new("the text that begins here is not closed", position)
            .cured_by("end it with \"; write a quote inside it as \\\""),
        Some('[') => Failure::new(
            "the attribute name that begins here is not closed",
            position,
        )
        .cured_by("write [name]"),
        Some('%') => Failure::new("the parameter that begins here is not closed", position)
            .cured_by("write %Name%"),
        Some(c) if c.is_ascii_digit() || c == '&' || c == '-' => {
            Failure::new("a number is malformed or too large here", position)
        }
        Some(c) => Failure::new(format!("unexpected character {c:?}"), position),
        None => Failure::new("unexpected end", position),
    }
}
