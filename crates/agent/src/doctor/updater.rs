//! The updater beside the agent: whether there is one, whether it runs, and whether it went back from a version.
//!
//! An agent may well be without one, so that is no finding. Nothing here is a failure: the agent works with the version it has.

use std::path::Path;

use serde::Deserialize;
use sync_core::code::Code;

use super::{Finding, Sheet};
use crate::{UPDATER_MEMORY, state::State};

const CHECK: &str = "updater";

/// What the updater remembers, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Memory {
    last: Option<Event>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    phase: String,
    version: String,
    code: String,
    text: String,
}

/// Looks at the updater.
pub fn examine(sheet: &mut Sheet, directory: &Path) {
    if !directory.join("versions").is_dir() {
        return sheet.ok(
            CHECK,
            "no updater is installed; the agent is updated by its package",
        );
    }
    let not_running = |cause, text: String| {
        let finding = Finding::new(Code::HybridIdentityServiceNoActiveAgents, cause, text);
        finding.cure("systemctl start hybridge-updater")
    };
    let Some(state) = State::read(directory) else {
        let text = "the updater is installed and was never started".to_owned();
        return sheet.warn(CHECK, not_running("updater-never-started", text));
    };
    if state.living().is_none() {
        let text = format!("the updater's process {} has ended", state.process);
        return sheet.warn(CHECK, not_running("updater-stopped", text));
    }
    let last = std::fs::read_to_string(directory.join(UPDATER_MEMORY)).ok();
    let last: Memory = last
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    match last.last {
        Some(event) if !event.code.is_empty() => {
            let code = Code::from_name(&event.code).unwrap_or(Code::InternalFault);
            let text = format!("{} {}: {}", event.phase, event.version, event.text);
            let cause = match code {
                Code::UpdateReturned => "update-returned",
                Code::UpdateUntrusted | Code::UpdateStale => "update-not-believed",
                _ => "update-failed",
            };
            let finding = Finding::new(code, cause, text);
            sheet.warn(
                CHECK,
                finding.cure(format!(
                    "hybridge-updater status; hybridge codes {code} says what to do"
                )),
            );
        }
        _ => sheet.ok(
            CHECK,
            format!("the updater runs, process {}", state.process),
        ),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use wire::agent::v1::{Check, CheckState};

    use super::*;

    fn look(directory: &Path) -> Check {
        let mut sheet = Sheet::default();
        examine(&mut sheet, directory);
        sheet.checks.pop().unwrap()
    }

    #[test]
    fn tells_an_updater_that_is_not_there_from_one_that_does_not_run_and_from_one_that_went_back() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        assert_eq!(look(directory).state, CheckState::Ok);
        std::fs::create_dir(directory.join("versions")).unwrap();
        let cause = |check: Check| (check.state, check.cause.unwrap_or_default());
        assert_eq!(
            cause(look(directory)),
            (CheckState::Warning, "updater-never-started".into())
        );
        let dead = State {
            process: u32::MAX,
            ..State::default()
        };
        dead.write(directory).unwrap();
        assert_eq!(
            cause(look(directory)),
            (CheckState::Warning, "updater-stopped".into())
        );
        State::of_this_process().write(directory).unwrap();
        assert_eq!(look(directory).state, CheckState::Ok);
        let memory = r#"{"last":{"phase":"returned","version":"1.2.3","code":"UpdateReturned","text":"silent"}}"#;
        std::fs::write(directory.join(UPDATER_MEMORY), memory).unwrap();
        let check = look(directory);
        assert!(
            check.text.contains("1.2.3") && check.text.contains("silent"),
            "{}",
            check.text
        );
        assert_eq!(check.code.as_deref(), Some("UpdateReturned"));
        assert_eq!(cause(check).1, "update-returned");
    }
}
