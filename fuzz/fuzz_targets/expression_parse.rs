//! Expressions, as text; what is understood is printed, written as a tree, and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sync_core::fuzz::expression_parse(bytes));
