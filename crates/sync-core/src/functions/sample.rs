//! The object that the examples of functions are about.
//!
//! Shown with the manual. Trap: examples run as tests over exactly this object.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::value::{Attributes, Value};

/// The object.
pub fn object() -> Attributes {
    let text = |values: &[&str]| values.iter().map(|v| Value::from(*v)).collect::<Vec<_>>();
    let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
    for part in [21_u32, 1, 2, 3, 1104] {
        sid.extend(part.to_le_bytes());
    }
    [
        ("sn", text(&["Müller"])),
        ("department", text(&["Sales"])),
        ("mail", text(&["anna@canal.example"])),
        ("sAMAccountName", text(&["anna"])),
        (
            "distinguishedName",
            text(&[r"CN=Müller\, Anna,OU=People,DC=canal,DC=example"]),
        ),
        ("description", text(&[" one", "two "])),
        (
            "proxyAddresses",
            text(&[
                "smtp:anna@other.example",
                "SMTP:anna@canal.example",
                "x500:/o=x",
            ]),
        ),
        ("userAccountControl", vec![514.into()]),
        ("groupType", vec![(-2_147_483_646).into()]),
        ("pwdLastSet", vec![132_772_253_560_000_000.into()]),
        (
            "objectGUID",
            vec![Value::binary((0..16).collect::<Vec<u8>>())],
        ),
        ("objectSid", vec![Value::binary(sid)]),
        ("userCertificate", vec![Value::binary(certificate())]),
    ]
    .into_iter()
    .collect()
}

/// A certificate of Anna, valid in 2021.
fn certificate() -> Vec<u8> {
    const ENCODED: &str = "MIIBODCB3wICGiswCgYIKoZIzj0EAwIwHzEOMAwGA1UECgwFQ2FuYWwxDTALBgNVBAMMBFJvb3QwHhcNMjEwMTAxMDAwMDAwWhcNMjIwMTAxMDAwMDAwWjAxMQswCQYDVQQGEwJOTDETMBEGA1UECgwKQ2FuYWwsIEx0ZDENMAsGA1UEAwwEQW5uYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJ0EweZvfeYH91hbwQIxyAXPJE8X0O6nSKNiCPaaVM3kOYMJIKajgT8zTx3RAIfRRFgCGXGLj226rwNzHKWFYTcwCgYIKoZIzj0EAwIDSAAwRQIhAPkMIdH4mTKOVpViV68ivxaFAwIKbduz1ZuymIc0Z/HdAiB0wpfJfx25aHvkH43JyZre8LzVWqhBsrJi3ZngjlCNvw==";
    BASE64.decode(ENCODED).unwrap_or_default()
}
