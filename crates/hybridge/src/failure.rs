//! The one error of the command line: a code with place, cause and cure, and the exit code it means.
//!
//! Never loses the code of an inner error. Trap: exit code 1 means that the person can change something; 2 that we failed.

use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::Problem;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// What, why, and what to do.
    pub problem: Box<Problem>,
    /// Where: an address, a file, an argument.
    pub place: String,
    /// Whether everything was said already (a report on stdout); nothing more is printed then.
    pub is_silent: bool,
}

impl Failure {
    /// This refusal, at this place.
    pub fn new(refusal: &Refusal, place: impl Into<String>) -> Self {
        Self::told(refusal.into(), place)
    }

    /// A problem the server told of.
    pub fn told(problem: Problem, place: impl Into<String>) -> Self {
        Self {
            problem: Box::new(problem),
            place: place.into(),
            is_silent: false,
        }
    }

    /// A code with a text of its own.
    pub fn text(code: Code, place: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(&Refusal::new(code).with("text", text), place)
    }

    /// Ends with the exit code of this code; the command has shown everything itself.
    pub fn silent(code: Code) -> Self {
        Self {
            is_silent: true,
            ..Self::new(&Refusal::new(code), "")
        }
    }

    /// As its code says ([`Code::exit_code`]); 2 for the codes of a newer server.
    pub fn exit_code(&self) -> u8 {
        self.problem.known_code().map_or(2, Code::exit_code)
    }

    /// In words, for stderr.
    pub fn report(&self) -> String {
        let problem = &self.problem;
        let mut text = format!("error[{}]: {}\n", problem.code, problem.message);
        let mut line = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!("  {name:<6} {value}\n"));
            }
        };
        line("where:", &self.place);
        line("cause:", &problem.cause);
        line("cure:", &problem.cure);
        line("see:", &format!("hybridge codes {}", problem.code));
        text
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::text(Code::InternalFault, "this process", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_code_place_and_page() {
        let failure = Failure::text(Code::ServerUnreachable, "https://x:1", "connection refused");
        let report = failure.report();
        assert!(report.starts_with("error[ServerUnreachable]: "), "{report}");
        assert!(report.contains("where: https://x:1"), "{report}");
        assert!(
            report.ends_with("see:   hybridge codes ServerUnreachable\n"),
            "{report}"
        );
        assert_eq!(failure.exit_code(), 1);
        assert_eq!(Failure::silent(Code::StoreDamaged).exit_code(), 2);
    }
}
