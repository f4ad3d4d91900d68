//! `CBin`.

use super::prelude::*;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

pub(super) static CBIN: Function = Function {
    name: "CBin",
    origin: Origin::Connect,
    parameters: &[required("value", Takes::Each)],
    manual: "The bytes that Base64 text stands for; bytes stay as they are.",
    examples: &[
        ("ConvertToBase64(CBin(\"AAEC\"))", "\"AAEC\""),
        ("CBin([missing])", "NULL"),
        ("CBin(\"?\")", "error: CBin: this is not Base64"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    match a.value(0)? {
        None => Ok(null()),
        Some(bytes @ Value::Binary(_)) => Ok(one(bytes)),
        Some(other) => {
            let text = text_of(&other).map_err(|message| a.fail(message))?;
            let bytes = BASE64.decode(text.trim());
            let bytes = bytes.map_err(|_| a.fail("this is not Base64"))?;
            Ok(one(Value::binary(bytes)))
        }
    }
}
