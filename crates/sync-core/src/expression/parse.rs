//! Tokens → syntax tree.
//!
//! Depth and size are bounded before any recursion. Trap: a blank argument (`F(a, , b)`) is an argument that was not given.

use super::{
    Failure, MAX_EXPRESSION_BYTES, MAX_EXPRESSION_DEPTH,
    ast::{Expression, Kind, Operator},
    lexer::{Token, tokens},
};

/// Reads an expression.
///
/// # Errors
/// The first mistake of syntax, with its position.
pub fn parse(text: &str) -> Result<Expression, Failure> {
    if text.len() > MAX_EXPRESSION_BYTES {
        return Err(Failure::new(
            format!("the expression is longer than {MAX_EXPRESSION_BYTES} bytes"),
            0,
        ));
    }
    let tokens = tokens(text)?;
    let mut reader = Reader {
        tokens: &tokens,
        next: 0,
        end: text.len(),
    };
    let expression = reader.expression(0, 0)?;
    match reader.peek() {
        None => Ok(expression),
        Some(_) => Err(Failure::new(
            "the expression should end here, but goes on",
            reader.position(),
        )),
    }
}

/// Words that stand for themselves, as the originals write them.
const CONSTANTS: [&str; 5] = [
    "vbTextCompare",
    "vbBinaryCompare",
    "Unicode",
    "ASCII",
    "UTF8",
];

struct Reader<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn position(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.end, |(position, _)| *position)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Symbol(have)) if *have == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    /// Precedence climbing: operators at least as strong as `least` are taken here.
    fn expression(&mut self, least: u8, depth: usize) -> Result<Expression, Failure> {
        if depth > MAX_EXPRESSION_DEPTH {
            return Err(Failure::new(
                format!("the expression is nested deeper than {MAX_EXPRESSION_DEPTH}"),
                self.position(),
            ));
        }
        let mut left = self.operand(depth)?;
        // Operators in a row make the tree deep on its left side, so they count as depth too.
        let mut chain = depth;
        while let Some(operator) = self.operator().filter(|o| o.strength() >= least) {
            chain += 1;
            if chain > MAX_EXPRESSION_DEPTH {
                return Err(Failure::new("too many operators in a row", self.position()));
            }
            let position = self.position();
            self.next += 1;
            let right = self.expression(operator.strength() + 1, depth + 1)?;
            left = Expression {
                kind: Kind::Binary(operator, Box::new(left), Box::new(right)),
                position,
            };
        }
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        let Some(Token::Symbol(symbol)) = self.peek() else {
            return None;
        };
        Some(match *symbol {
            "||" => Operator::Or,
            "&&" => Operator::And,
            "=" | "==" => Operator::Equal,
            "<>" => Operator::Unequal,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "&" => Operator::Concatenate,
            _ => return None,
        })
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, Failure> {
        let position = self.position();
        let Some(token) = self.peek() else {
            return Err(Failure::new(
                "a value is expected here, but the expression ends",
                position,
            ));
        };
        self.next += 1;
        let kind = match token {
            Token::Text(text) => Kind::Text(text.clone()),
            Token::Number(number) => Kind::Number(*number),
            Token::Attribute(name) => Kind::Attribute(name.clone()),
            Token::Parameter(name) => Kind::Parameter(name.clone()),
            Token::Word(word) => self.word(word, position, depth)?,
            Token::Symbol("(") => {
                let inner = self.expression(0, depth + 1)?;
                if !self.take(")") {
                    return Err(Failure::new("a closing ) is missing", self.position()));
                }
                return Ok(inner);
            }
            Token::Symbol(symbol) => {
                return Err(Failure::new(
                    format!("a value is expected here, not {symbol}"),
                    position,
                ));
            }
        };
        Ok(Expression { kind, position })
    }

    fn word(&mut self, word: &str, position: usize, depth: usize) -> Result<Kind, Failure> {
        if self.take("(") {
            return Ok(Kind::Call(word.into(), self.arguments(depth)?));
        }
        if CONSTANTS.contains(&word) {
            return Ok(Kind::Text(word.into()));
        }
        match word.to_ascii_lowercase().as_str() {
            "true" => Ok(Kind::Truth(true)),
            "false" => Ok(Kind::Truth(false)),
            "null" => Ok(Kind::Null),
            _ => Err(
                Failure::new(format!("{word} stands alone"), position).cured_by(format!(
                    "write [{word}] for an attribute, \"{word}\" for text, {word}() for a function"
                )),
            ),
        }
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Option<Expression>>, Failure> {
        let mut all = Vec::new();
        if self.take(")") {
            return Ok(all);
        }
        loop {
            let is_blank = matches!(self.peek(), Some(Token::Symbol("," | ")")));
            all.push(match is_blank {
                true => None,
                false => Some(self.expression(0, depth + 1)?),
            });
            if self.take(")") {
                return Ok(all);
            }
            if !self.take(",") {
                return Err(Failure::new(
                    "a comma or ) is expected here",
                    self.position(),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        parse(text).unwrap().to_string()
    }

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_what_the_originals_write() {
        for (text, canonical) in [
            ("Trim([extensionAttribute3])", "Trim([extensionAttribute3])"),
            (
                r#"Replace([preferredLanguage], "-", , , "_", , )"#,
                r#"Replace([preferredLanguage], "-", , , "_", , )"#,
            ),
            ("BitAnd(&HF, &hf7)", "BitAnd(15, 247)"),
            (
                r#"IIF([a]="x" && 1<2,"y",NULL)"#,
                r#"IIF([a] = "x" && 1 < 2, "y", NULL)"#,
            ),
            (
                "Join(\"@\",[sAMAccountName],%Domain.FQDN%)",
                "Join(\"@\", [sAMAccountName], %Domain.FQDN%)",
            ),
            (r#""a\"b\\c\d""#, r#""a\"b\\c\\d""#),
            ("([a] & [b]) = \"x\"", "[a] & [b] = \"x\""),
            ("CBool((1 = 1) = True)", "CBool(1 = 1 = True)"),
            ("CBool(1 = (1 = True))", "CBool(1 = (1 = True))"),
            ("-5", "-5"),
            ("&HFFFFFFFFFFFFFFFF", "-1"),
        ] {
            assert_eq!(printed(text), canonical, "{text}");
            assert_eq!(parse(canonical), parse(text), "{text}");
        }
    }

    #[test]
    fn mistakes_carry_their_position() {
        for (text, message) in [
            (
                "",
                "a value is expected here, but the expression ends (at character 1)",
            ),
            ("Trim([a]", "a comma or ) is expected here (at character 9)"),
            (
                "Trim([a])x",
                "the expression should end here, but goes on (at character 10)",
            ),
            (
                "\"abc",
                "the text that begins here is not closed (at character 1)",
            ),
            (
                "[abc",
                "the attribute name that begins here is not closed (at character 1)",
            ),
            ("Left([a], 99999999999999999999)", "unexpected character"),
            ("mail", "mail stands alone (at character 1)"),
            (
                "1 = ",
                "a value is expected here, but the expression ends (at character 5)",
            ),
            (
                "F(1))",
                "the expression should end here, but goes on (at character 5)",
            ),
            ("{", "unexpected character '{' (at character 1)"),
        ] {
            if message == "unexpected character" {
                assert!(parse(text).is_err());
            } else {
                assert_eq!(refused(text), message, "{text}");
            }
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}1{}", "Trim(".repeat(5000), ")".repeat(5000));
        assert!(refused(&deep).starts_with("the expression is nested deeper than 64"));
        let chain = "1=".repeat(5000) + "1";
        assert!(refused(&chain).starts_with("too many operators in a row"));
        let brackets = "(".repeat(9000);
        assert!(refused(&brackets).starts_with("the expression is nested deeper"));
        assert!(refused(&" ".repeat(50_000)).starts_with("the expression is longer than"));
    }
}
