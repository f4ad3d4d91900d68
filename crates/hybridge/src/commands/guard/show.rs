//! `hybridge guard show`.

use wire::api::v1::{Budget, Guard, JobBudget};

use crate::{commands::Context, failure::Failure, output::table};

/// Shows limits and budgets.
///
/// # Errors
/// By code.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let guard: Guard = context.client()?.get("guard", &[]).await?;
    context.output.data(&guard, people)
}

/// The guard in words.
pub fn people(guard: &Guard) -> String {
    let prevention = &guard.prevention;
    let threshold = prevention.alert_threshold.unwrap_or_default();
    let tenant = match prevention.synchronization_prevention_type.as_deref() {
        Some("enabledForCount") => format!("all jobs are held at {threshold} objects"),
        Some("enabledForPercentage") => {
            format!("all jobs are held at {threshold} % of the linked objects")
        }
        _ => "not protected as a whole; the limits of the jobs hold".to_owned(),
    };
    let mut rows = Vec::new();
    for job in &guard.jobs {
        rows.push(row(job, "job", &job.own));
        rows.push(row(job, "tenant", &job.tenant));
    }
    let headers = [
        "JOB",
        "LAYER",
        "HOLDS AT",
        "CARRIED OUT",
        "WAITING",
        "LINKED",
        "MEMBERSHIPS",
    ];
    let mut text = format!("tenant: {tenant}\n\n");
    text.push_str(&table(&headers, rows, "there is no job yet"));
    for job in &guard.jobs {
        if let Some(alarm) = &job.alarm {
            let why = alarm.arguments.get("text").unwrap_or(&alarm.message);
            text.push_str(&format!("\n{} is held: {why}", job.job));
        }
    }
    text
}

fn row(job: &JobBudget, layer: &str, budget: &Budget) -> Vec<String> {
    vec![
        job.job.clone(),
        layer.to_owned(),
        budget
            .threshold
            .map_or_else(|| "never".to_owned(), |threshold| threshold.to_string()),
        budget.carried_out.to_string(),
        budget.waiting.to_string(),
        budget.linked.to_string(),
        format!(
            "{} removed, {} waiting",
            budget.memberships_removed, budget.memberships_waiting
        ),
    ]
}
