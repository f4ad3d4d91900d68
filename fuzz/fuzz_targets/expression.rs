//! Expressions, as text; what compiles is evaluated.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sync_core::fuzz::expression(bytes));
