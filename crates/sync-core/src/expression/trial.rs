//! Trying an expression over one object: the value, and how it came about.
//!
//! Exactly what a mapping would do, without scope and without the target's types. Trap: random values depend on the target
//! attribute, so those shown here are not those a mapping writes.

use std::cell::RefCell;

use super::{
    Failure,
    ast::Expression,
    compile::{Slots, compile},
    evaluate::{Environment, Halt, evaluate},
    parse::parse,
    random::Chance,
    steps::{REDACTED, Step, Steps},
};
use crate::{
    mapping::{Context, SourceView, evaluate::Pseudo},
    value::{Name, Value},
};

/// What came of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The expression as it was understood.
    pub expression: Expression,
    /// The source attributes it uses, with their values.
    pub inputs: Vec<(Name, Vec<Value>)>,
    /// Intermediate results in the order in which they came.
    pub steps: Vec<Step>,
    /// What came out.
    pub result: Tried,
}

/// What came out of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// These values; none: null.
    Values(Vec<Value>),
    /// The first of these that is free in the target.
    Candidates(Vec<Value>),
    /// The attribute would be left as it is.
    LeftAlone,
    /// It failed for this object.
    Failed(Failure),
}

/// Tries an expression.
///
/// # Errors
/// All mistakes of the expression.
pub fn run(
    text: &str,
    object: &SourceView<'_>,
    context: &Context<'_>,
) -> Result<Trial, Vec<Failure>> {
    let expression = parse(text).map_err(|failure| vec![failure])?;
    let mut slots = Slots::default();
    let node = compile(&expression, &mut slots)?;
    let pseudo = Pseudo::of(object, &slots);
    let values = pseudo.bind(&slots, object.attributes);
    let steps = RefCell::new(Steps::default());
    let mut environment = Environment::new(&values, context);
    environment.held = object.held;
    environment.chance = context.seed.map(|seed| Chance {
        seed,
        object: object.anchor.as_bytes(),
        attribute: "",
    });
    environment.steps = Some(&steps);
    let outcome = evaluate(&node, &environment).map(|operand| operand.into_owned());
    let result = match outcome {
        Ok(values) if environment.is_choice.get() => Tried::Candidates(values),
        Ok(values) => Tried::Values(values),
        Err(Halt::Ignore) => Tried::LeftAlone,
        Err(Halt::Fail(failure)) => Tried::Failed(*failure),
    };
    let are_hidden = steps.borrow().are_hidden();
    let input = |(name, values): (&Name, &&[Value])| match are_hidden {
        true => (name.clone(), vec![REDACTED.into()]),
        false => (name.clone(), values.to_vec()),
    };
    Ok(Trial {
        inputs: slots.names().iter().zip(&values).map(input).collect(),
        steps: steps.take().into_steps(),
        result: if are_hidden { hidden(result) } else { result },
        expression,
    })
}

fn hidden(result: Tried) -> Tried {
    let all = |values: Vec<Value>| values.iter().map(|_| REDACTED.into()).collect();
    match result {
        Tried::Values(values) => Tried::Values(all(values)),
        Tried::Candidates(values) => Tried::Candidates(all(values)),
        Tried::Failed(failure) => Tried::Failed(Failure::new(REDACTED, failure.position)),
        Tried::LeftAlone => Tried::LeftAlone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::Anchor, value::Attributes};

    fn tried(text: &str) -> Result<Trial, Vec<Failure>> {
        let attributes: Attributes = [("givenName", vec![" Ada ".into()])].into_iter().collect();
        let anchor = Anchor::new([1; 16]);
        let mut view = SourceView::new(&anchor, "user", &attributes);
        view.dn = "CN=Ada,DC=x";
        run(text, &view, &Context::default())
    }

    #[test]
    fn value_inputs_and_steps_are_told() {
        let trial =
            tried("Trim([givenName]) & \"!\" & DNComponent([distinguishedName],1)").unwrap();
        assert_eq!(trial.result, Tried::Values(vec!["Ada!Ada".into()]));
        let names: Vec<&str> = trial.inputs.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["givenName", "distinguishedName"]);
        let steps: Vec<(&str, _)> = trial
            .steps
            .iter()
            .map(|s| (&*s.call, s.result.clone()))
            .collect();
        assert_eq!(steps[0], ("Trim([givenName])", Ok(vec!["Ada".into()])));
        assert_eq!(
            steps[1],
            ("Trim([givenName]) & \"!\"", Ok(vec!["Ada!".into()]))
        );
        assert_eq!(steps.len(), 4);
    }

    #[test]
    fn what_is_not_a_value_is_told_apart() {
        assert_eq!(tried("IgnoreThisFlow").unwrap().result, Tried::LeftAlone);
        let failed = tried("Error(\"no\")").unwrap().result;
        assert!(matches!(failed, Tried::Failed(failure) if failure.message == "Error: no"));
        let several = tried("SelectUniqueValue(\"a\", \"b\")").unwrap().result;
        assert_eq!(several, Tried::Candidates(vec!["a".into(), "b".into()]));
        let secret = tried("Redact(Trim([givenName]))").unwrap();
        assert!(
            !format!("{:?}{:?}{:?}", secret.steps, secret.inputs, secret.result).contains("Ada\"")
        );
        assert_eq!(tried("Trm([a], Lft(1))").unwrap_err().len(), 2);
    }
}
