//! How the server is: conditions looked for every half minute, and answers for whoever watches it from outside.
//!
//! Never decides what is a condition (`sync_core::health`) and remembers nothing itself. Trap: it begins before engine and
//! directory are brought together, so that somebody who waits for that is told what is going on.

mod facts;
mod machine;
mod probe;

use std::time::Duration;

use sync_core::{health::conditions, operation::Refusal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{agents::blocking, app::App, failpoint};

pub(crate) use machine::Machine;
pub use probe::{listen, router};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(30);

/// Looks again and again, until `shutdown`.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut machine = Machine::default();
    let mut is_failing = false;
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep_until(next) => {}
        }
        match look(&app, &mut machine).await {
            Ok(()) => is_failing = false,
            Err(why) => {
                if !is_failing {
                    warn!(code = %why.code, "alerts cannot be worked out: {why}");
                }
                is_failing = true;
                let _ = blocking(app.engine(), engine::Engine::forget_alerts).await;
            }
        }
        if let Some(logs) = logs::here() {
            logs.heed();
        }
        next = Instant::now() + failpoint::health_look(LOOK);
    }
}

async fn look(app: &App, machine: &mut Machine) -> Result<(), Refusal> {
    machine.look(&app.config().data_directory);
    let facts = facts::gather(app, machine).await?;
    let now = app.engine().now();
    let all = conditions(&facts, now);
    let heeded = blocking(app.engine(), move |engine| engine.heed_conditions(&all)).await?;
    if heeded.opened + heeded.closed > 0 {
        info!(
            opened = heeded.opened,
            closed = heeded.closed,
            "alerts began or ended: hybridge alerts list"
        );
    }
    Ok(())
}
