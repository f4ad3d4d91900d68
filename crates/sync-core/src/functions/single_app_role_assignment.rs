//! `SingleAppRoleAssignment`.

use super::prelude::*;

pub(super) static SINGLE_APP_ROLE_ASSIGNMENT: Function = Function {
    name: "SingleAppRoleAssignment",
    origin: Origin::Cloud,
    parameters: &[required("appRoleAssignments", Takes::Values)],
    manual: "The only value; several fail.",
    examples: &[
        ("SingleAppRoleAssignment([sn])", "\"Müller\""),
        ("SingleAppRoleAssignment([missing])", "NULL"),
        (
            "SingleAppRoleAssignment([proxyAddresses])",
            "error: SingleAppRoleAssignment: 3 values where one is expected; use Item or Join",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(a.value(0)?.map_or_else(null, one))
}
