//! Expressions tried in the surroundings of a job.
//!
//! Changes nothing. Trap: an evaluation may take a second, so it runs on a blocking thread.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::DueItem;
use sync_core::{
    code::Code,
    expression::{self, trial},
    id::Anchor,
    operation::Refusal,
    schema::cases::{self, Given},
};
use wire::api::v1::{ExpressionToTry, ExpressionTrial};

use super::{
    error::{Answer, ApiError},
    extract::Body,
    objects,
};
use crate::{
    agents::blocking,
    app::App,
    planner::{self, Surroundings},
    scheduler,
};

/// What an expression is tried over.
enum Subject {
    Stored(Box<DueItem>),
    Given(Box<Given>),
}

/// `POST /jobs/{name}/expression`.
pub async fn evaluate(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(asked): Body<ExpressionToTry>,
) -> Answer<ExpressionTrial> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let surroundings = scheduler::surroundings(&app, &job).await?;
    let subject = match (&asked.object, asked.given) {
        (Some(object), None) => {
            let source = job.source;
            let source = blocking(app.engine(), move |engine| engine.connector(source)).await?;
            let found = objects::resolve(&app, object, Some(&source.name)).await?;
            let id = objects::only(&app, object, found).await?;
            let item = blocking(app.engine(), move |engine| engine.plan_item(job.id, id)).await?;
            Subject::Stored(Box::new(
                item.ok_or_else(|| ApiError::not_found("object", object))?,
            ))
        }
        (None, Some(given)) => Subject::Given(Box::new(
            serde_json::from_value(given).map_err(|error| ApiError::invalid(error.to_string()))?,
        )),
        _ => return Err(ApiError::invalid("give either object or given")),
    };
    let work = move || run(&asked.expression, &subject, &surroundings);
    let done = tokio::task::spawn_blocking(work).await;
    let lost = |error: tokio::task::JoinError| {
        ApiError(Refusal::new(Code::InternalFault).with("text", error.to_string()))
    };
    done.map_err(lost)?.map(Json)
}

fn run(
    text: &str,
    subject: &Subject,
    surroundings: &Surroundings,
) -> Result<ExpressionTrial, ApiError> {
    let context = surroundings.context();
    let tried = match subject {
        Subject::Stored(item) => trial::run(text, &planner::view_of(item), &context),
        Subject::Given(given) => {
            let attributes = cases::attributes(&given.attributes).map_err(ApiError::invalid)?;
            let anchor = Anchor::new([1; 16]);
            trial::run(text, &given.view(&anchor, &attributes), &context)
        }
    };
    let trial = tried.map_err(|failures| ApiError(expression::refusal(&failures)))?;
    Ok((&trial).into())
}
