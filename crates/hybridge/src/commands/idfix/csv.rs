//! Findings as CSV (RFC 4180) in the columns of the IdFix tool.
//!
//! Trap: a cell that a spreadsheet would take for a formula is quoted by an apostrophe, so a value may differ by one.

use wire::api::v1::IdfixFinding;

use crate::commands::preview::report::cell;

const HEADER: &str =
    "DISTINGUISHEDNAME,COMMONNAME,OBJECTCLASS,ATTRIBUTE,ERROR,VALUE,UPDATE,ACTION\r\n";

/// A line per finding.
pub fn of(findings: &[IdfixFinding]) -> String {
    let mut text = HEADER.to_owned();
    for finding in findings {
        let errors = finding.errors.join(" ");
        let cells = [
            finding.dn.as_str(),
            &finding.common_name,
            &finding.class,
            &finding.attribute,
            &errors,
            &finding.value,
            &finding.update,
            &finding.action,
        ];
        let cells: Vec<String> = cells.into_iter().map(cell).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_of_eight_cells() {
        let finding = IdfixFinding {
            dn: "CN=Ada,DC=x".into(),
            attribute: "mail".into(),
            errors: vec!["blank".into(), "duplicate".into()],
            action: "EDIT".into(),
            ..IdfixFinding::default()
        };
        let text = of(&[finding]);
        let line = text.lines().nth(1).unwrap();
        assert_eq!(line, "\"CN=Ada,DC=x\",,,mail,blank duplicate,,,EDIT");
    }
}
