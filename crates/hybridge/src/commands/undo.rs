//! `hybridge undo --cycle C | --since TIME | --object OBJECT [--preview] [--yes]`.
//!
//! What would be done is shown first, with names; the number seen is sent along, so that nothing more is undone. Trap: an
//! undo is carried out by the jobs: of a paused job it waits until the job goes on.

use clap::Args;
use wire::api::v1::{UndoRequest, Undone, UndoneObject};

use crate::{
    commands::Context,
    failure::Failure,
    output::{one_line, table},
    show::{plural, short, time},
};

/// Arguments.
#[derive(Args, Debug)]
#[command(after_help = "\
What is undone stays undone: a hold keeps it so until the source or the rules want something else of the object, or until \
`hybridge holds release`.\nWhat was changed again after the undone change is left alone.\nDeleted objects can be brought back for 30 \
days, and changes as far back as the log reaches (`hybridge log retention`); the preview says both.")]
pub struct Arguments {
    /// What this cycle did (its id, from `hybridge runs`)
    #[arg(long, value_name = "CYCLE", required_unless_present_any = ["since", "object"])]
    cycle: Option<String>,
    /// What was done at or after this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "cycle")]
    since: Option<String>,
    /// What was done to this object: anchor, distinguished name, sign-in name or id in the target
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
    /// Only show what would be done
    #[arg(long)]
    preview: bool,
    /// Do not ask before carrying it out
    #[arg(long)]
    yes: bool,
}

// LIMIT: objects shown before asking.
const OBJECTS_SHOWN: usize = 20;

/// Undoes, or shows what would be undone.
///
/// # Errors
/// `NotFound` for an unknown object; `Conflict` if there is more to undo than was shown.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let mut request = UndoRequest {
        cycle: arguments.cycle.clone(),
        since: arguments.since.clone(),
        object: arguments.object.clone(),
        job: arguments.job.clone(),
        preview: true,
        expected: None,
    };
    let preview: Undone = client.post("undo", &request).await?;
    if arguments.preview || preview.objects == 0 {
        return context.output.data(&preview, people);
    }
    context.output.say(people(&preview));
    if !arguments.yes {
        context
            .output
            .confirm(&preview.objects.to_string(), "to undo this")?;
    }
    request.preview = false;
    request.expected = Some(preview.objects);
    let undone: Undone = client.post("undo", &request).await?;
    context.output.data(&undone, |undone| {
        let number = undone.id.map_or_else(String::new, |id| format!(" (undo {id})"));
        format!(
            "{} taken back{number}; `hybridge pending` shows what is still to be carried out, `hybridge holds list` what stays undone",
            plural(undone.objects, "object")
        )
    })
}

fn people(undone: &Undone) -> String {
    let row = |item: &UndoneObject| {
        vec![
            act(&item.act).to_owned(),
            item.class.clone(),
            short(&item.name),
            changes(item),
            one_line(&item.dn),
        ]
    };
    let rows = undone.items.iter().take(OBJECTS_SHOWN).map(row).collect();
    let headers = ["WHAT", "CLASS", "NAME", "BACK TO", "DN"];
    let mut text = table(&headers, rows, "there is nothing to undo");
    let more = undone.objects.saturating_sub(OBJECTS_SHOWN as u64);
    if more > 0 {
        text.push_str(&format!("\n… and {more} more"));
    }
    text.push_str(&format!(
        "\n\n{}: {} brought back, {} deleted again, {} set back; {}",
        plural(undone.objects, "object"),
        undone.bring_back,
        undone.take_away,
        undone.set_back,
        plural(undone.references, "reference"),
    ));
    if undone.left_alone > 0 {
        text.push_str(&format!("\nleft alone: {}", undone.left_alone));
        for left in undone.left.iter().take(OBJECTS_SHOWN) {
            let what = match left.attribute.as_str() {
                "" => "the object",
                attribute => attribute,
            };
            text.push_str(&format!(
                "\n  {}: {what}: {}",
                short(&left.name),
                why(&left.why)
            ));
        }
    }
    if let Some(since) = &undone.kept_since {
        text.push_str(&format!(
            "\nthe log reaches back to {}; deleted objects are kept for {} days",
            time(since),
            undone.kept_days
        ));
    }
    text
}

fn act(act: &str) -> &str {
    match act {
        "bringBack" => "bring back",
        "takeAway" => "delete again",
        "setBack" => "set back",
        other => other,
    }
}

fn why(why: &str) -> &str {
    match why {
        "changedSince" => "changed again since",
        "imageForgotten" => "what it was is not kept any more",
        "notMapped" => "the rules do not map it any more",
        other => other,
    }
}

fn changes(item: &UndoneObject) -> String {
    let mut parts: Vec<String> = Vec::new();
    if item.act == "setBack" {
        parts.extend(item.values.iter().map(|value| {
            let back = match value.back.as_slice() {
                [] => "nothing".to_owned(),
                values => values.join(", "),
            };
            format!("{} {}", value.name, one_line(&back))
        }));
    }
    if item.references_added > 0 {
        parts.push(format!("+{} references", item.references_added));
    }
    if item.references_removed > 0 {
        parts.push(format!("-{} references", item.references_removed));
    }
    short(&parts.join("; "))
}
