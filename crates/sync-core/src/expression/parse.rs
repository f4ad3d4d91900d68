//! Tokens → syntax tree.
//!
//! Depth and size are bounded before any recursion. Trap: a blank argument (`F(a, , b)`) is an argument that was not given.

use super::{
    Failure, MAX_EXPRESSION_BYTES, MAX_EXPRESSION_DEPTH,
    ast::{Expression, Kind, Operator, Sign},
    lexer::{Token, tokens},
    position::Position,
};

/// Reads an expression.
///
/// # Errors
/// The first mistake of syntax, with its position.
pub fn parse(text: &str) -> Result<Expression, Failure> {
    if text.len() > MAX_EXPRESSION_BYTES {
        return Err(Failure::new(
            format!("the expression is longer than {MAX_EXPRESSION_BYTES} bytes"),
            Position::START,
        ));
    }
    let (tokens, end) = tokens(text)?;
    let mut reader = Reader {
        tokens: &tokens,
        next: 0,
        end,
    };
    let expression = reader.expression(0, 0)?;
    if reader.peek().is_some() {
        return Err(reader.unexpected("the expression should end here, but goes on"));
    }
    // Brackets and operators in a row, taken together, could build a deeper tree than either allows.
    match expression.first_below(MAX_EXPRESSION_DEPTH) {
        None => Ok(expression),
        Some(position) => Err(too_deep(position)),
    }
}

/// Words that stand for themselves, as the originals write them.
const WORDS: [&str; 7] = [
    "vbTextCompare",
    "vbBinaryCompare",
    "CaseSensitive",
    "CaseInsensitive",
    "Unicode",
    "ASCII",
    "UTF8",
];

struct Reader<'a> {
    tokens: &'a [(Position, Token)],
    next: usize,
    end: Position,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn position(&self) -> Position {
        self.tokens
            .get(self.next)
            .map_or(self.end, |(position, _)| *position)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Symbol(have)) if *have == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    fn within_depth(&self, depth: usize) -> Result<(), Failure> {
        if depth <= MAX_EXPRESSION_DEPTH {
            return Ok(());
        }
        Err(too_deep(self.position()))
    }

    fn unexpected(&self, message: &str) -> Failure {
        let failure = Failure::new(message, self.position());
        let next = self.tokens.get(self.next..).unwrap_or_default();
        match next {
            [(_, Token::Symbol("!")), (_, Token::Symbol("=")), ..] => {
                failure.cured_by("write <> for \"not equal\"")
            }
            _ => failure,
        }
    }

    /// Precedence climbing: operators at least as strong as `least` are taken here.
    fn expression(&mut self, least: u8, depth: usize) -> Result<Expression, Failure> {
        self.within_depth(depth)?;
        let mut left = self.operand(depth)?;
        // Operators in a row make the tree deep on its left side, so they count as depth too.
        let mut chain = depth;
        while let Some(operator) = self.operator()
            && operator.strength() >= least
        {
            chain += 1;
            if chain > MAX_EXPRESSION_DEPTH {
                return Err(Failure::new(
                    "too many operators in a row; use Join or Switch",
                    self.position(),
                ));
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
        match self.peek() {
            Some(Token::Symbol(symbol)) => Operator::from_symbol(symbol),
            _ => None,
        }
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
            Token::Number(number) => Kind::Number(decimal(*number, position)?),
            Token::Bits(number) => Kind::Number(*number),
            Token::Attribute(name) => Kind::Attribute(name.clone()),
            Token::Parameter(name) => Kind::Parameter(name.clone()),
            Token::Variable(name) => Kind::Variable(name.clone()),
            Token::Word(word) => self.word(word, position, depth)?,
            Token::Symbol("(") => {
                let inner = self.expression(0, depth + 1)?;
                if !self.take(")") {
                    return Err(Failure::new("a closing ) is missing", self.position()));
                }
                return Ok(inner);
            }
            Token::Symbol("-") => self.after_minus(depth)?,
            Token::Symbol("!") => self.signed(Sign::Not, depth)?,
            Token::Symbol(symbol) => {
                let message = format!("a value is expected here, not {symbol}");
                return Err(Failure::new(message, position));
            }
        };
        Ok(Expression { kind, position })
    }

    fn signed(&mut self, sign: Sign, depth: usize) -> Result<Kind, Failure> {
        self.within_depth(depth + 1)?;
        Ok(Kind::Unary(sign, Box::new(self.operand(depth + 1)?)))
    }

    /// A minus right before a number makes it a negative number.
    fn after_minus(&mut self, depth: usize) -> Result<Kind, Failure> {
        let Some(Token::Number(number)) = self.peek() else {
            return self.signed(Sign::Minus, depth);
        };
        let position = self.position();
        self.next += 1;
        match 0_i64.checked_sub_unsigned(*number) {
            Some(number) => Ok(Kind::Number(number)),
            None => Err(too_large(position)),
        }
    }

    fn word(&mut self, word: &str, position: Position, depth: usize) -> Result<Kind, Failure> {
        if self.take("(") {
            return Ok(Kind::Call(word.into(), self.arguments(depth)?));
        }
        if WORDS.contains(&word) {
            return Ok(Kind::Text(word.into()));
        }
        match word.to_ascii_lowercase().as_str() {
            "true" => Ok(Kind::Truth(true)),
            "false" => Ok(Kind::Truth(false)),
            "null" | "authoritativenull" => Ok(Kind::Null),
            "crlf" => Ok(Kind::Text("\r\n".into())),
            "ignorethisflow" => Ok(Kind::Call("IgnoreThisFlow".into(), Vec::new())),
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
                return Err(self.unexpected("a comma or ) is expected here"));
            }
        }
    }
}

fn too_deep(position: Position) -> Failure {
    let message = format!("the expression is nested deeper than {MAX_EXPRESSION_DEPTH}");
    Failure::new(message, position)
}

fn decimal(number: u64, position: Position) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|_| too_large(position))
}

fn too_large(position: Position) -> Failure {
    Failure::new("a number is malformed or too large here", position)
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
            ("-(5)", "-(5)"),
            ("- [a]--3", "-[a] - -3"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1+2*3-4/5", "1 + 2 * 3 - 4 / 5"),
            ("(1+2)*3-(4-5)", "(1 + 2) * 3 - (4 - 5)"),
            ("1 + 2 & \"x\" = \"3x\"", "1 + 2 & \"x\" = \"3x\""),
            ("!IsPresent([a])&&!([b]=1)", "!IsPresent([a]) && !([b] = 1)"),
            ("\"a\"\"b\"\"\"", r#""a\"b\"""#),
            (
                "Select($item,[otherPhone],Replace($item,\"-\",\"\"))",
                "Select($item, [otherPhone], Replace($item, \"-\", \"\"))",
            ),
            ("[ two words ]", "[two words]"),
            (r"[a\]b\\c\[\ ]", r"[a\]b\\c\[\ ]"),
            ("[it's \"so\"]", "[it's \"so\"]"),
            ("IgnoreThisFlow", "IgnoreThisFlow()"),
            (
                "IIF(Count([a]) > 15, AuthoritativeNull, [a])",
                "IIF(Count([a]) > 15, NULL, [a])",
            ),
            ("[a]&Half([b])", "[a] & Half([b])"),
            (
                "Switch([city] = \"London\", \"English\",\n  True, Error(\"Unknown\"))",
                "Switch([city] = \"London\", \"English\", True, Error(\"Unknown\"))",
            ),
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
            (
                "9223372036854775808",
                "a number is malformed or too large here (at character 1)",
            ),
            (
                "12ab",
                "a number is malformed or too large here (at character 1)",
            ),
            (
                "Trim(\n [a],\n  {)",
                "unexpected character '{' (at line 3, character 3)",
            ),
            ("\"ä\" & {", "unexpected character '{' (at character 7)"),
            ("[ ]", "the attribute has no name (at character 1)"),
            (
                "[a\\]",
                "the attribute name that begins here is not closed (at character 1)",
            ),
            ("$", "the variable has no name (at character 1)"),
            (
                "[a] != 1",
                "the expression should end here, but goes on (at character 5)",
            ),
            (
                "Trim(\u{201c}a\u{201d})",
                "\u{201c} is no quote of this language (at character 6)",
            ),
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
        let step = format!("){}", "+1".repeat(30));
        let stairs = format!("{}1{}", "1+(".repeat(10), step.repeat(10));
        assert!(refused(&stairs).starts_with("the expression is nested deeper"));
        for sign in ["-", "!", "- !"] {
            let signs = sign.repeat(13_000);
            assert!(refused(&signs).starts_with("the expression is nested deeper"));
        }
        assert!(refused(&" ".repeat(50_000)).starts_with("the expression is longer than"));
        assert!(refused(&"[a]&".repeat(2_500_000)).starts_with("the expression is longer than"));
    }

    #[test]
    fn cures_are_offered() {
        let cure = |text: &str| parse(text).unwrap_err().cure.unwrap_or_default();
        assert_eq!(cure("[a] != 1"), "write <> for \"not equal\"");
        assert_eq!(cure("Trim([a] != 1)"), "write <> for \"not equal\"");
        assert!(cure("'a'").contains("double quotes"));
        assert!(cure("Trim(\u{201c}a\u{201d})").contains("straight quotes"));
    }
}
