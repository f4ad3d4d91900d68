//! An expression on the first line and a value on the others; what compiles is evaluated.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sync_core::fuzz::expression_evaluate(bytes));
