//! `With`.

use super::prelude::*;

pub(super) static WITH: Function = Function {
    name: "With",
    origin: Origin::Connect,
    parameters: &[
        required("variable", Takes::Variable),
        required("subExpression", Takes::Values),
        required("expression", Takes::Values),
    ],
    manual: "The value of the expression, in which the variable stands for the value of the subexpression, computed once.",
    examples: &[
        (
            "With($nick, Left([mail], InStr([mail], \"@\") - 1), $nick & \"-\" & Len($nick))",
            "\"anna-4\"",
        ),
        (
            "With($all, Where($item, [proxyAddresses], Left($item, 5) = \"SMTP:\"), IIF(Count($all) > 0, $all, NULL))",
            "\"SMTP:anna@canal.example\"",
        ),
        ("With($x, 1, With($y, $x + 1, With($x, 10, $x + $y)))", "12"),
    ],
    call: run,
    binds: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let bound = a.values(1)?;
    a.values_with(2, bound)
}
