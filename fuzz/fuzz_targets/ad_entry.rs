//! What DirSync tells of an object: typed values, extended names, ranges, incremental values, schema.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| connectors::ldap::fuzz::ad_entry(bytes));
