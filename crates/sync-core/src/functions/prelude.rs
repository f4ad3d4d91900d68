//! What every function file needs. Never anything else.

pub(super) use super::{Function, Origin, PLAIN, Takes, optional, repeated, required};
pub(super) use crate::{
    expression::evaluate::{
        Arguments, Operand, Outcome, null, one, push_bounded, text_of, truth_or_null,
    },
    value::Value,
};
