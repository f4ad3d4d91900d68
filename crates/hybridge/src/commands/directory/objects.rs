//! `hybridge directory users|groups|contacts|object`.

use clap::Args;
use wire::api::v1::{DirectoryObject, Page};

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::{fields, table},
    show::{references, short, values},
};

/// Which objects.
#[derive(Args, Debug)]
pub struct Filter {
    /// Only those whose display name begins with this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Deleted ones that can be restored, instead of live ones
    #[arg(long)]
    deleted: bool,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// Which object.
#[derive(Args, Debug)]
pub struct Which {
    /// Id, or user principal name, or mail address
    object: String,
}

/// Lists objects of a kind.
///
/// # Errors
/// By code.
pub async fn list(kind: &str, filter: &Filter, context: &Context) -> Result<(), Failure> {
    let query = [
        ("kind", Some(kind.to_owned())),
        ("name", filter.name.clone()),
        ("deleted", filter.deleted.then(|| "true".to_owned())),
    ];
    let page = context
        .client()?
        .list::<DirectoryObject>("directory/objects", &query, filter.limit)
        .await?;
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context.output.say("there are more; raise --limit");
    }
    Ok(())
}

fn people(page: &Page<DirectoryObject>) -> String {
    let row = |object: &DirectoryObject| {
        let origin = if object.is_synchronised {
            "synchronised"
        } else {
            "cloud"
        };
        vec![
            short(&object.display_name),
            object.address.clone(),
            origin.into(),
            object.id.clone(),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    table(&["NAME", "ADDRESS", "ORIGIN", "ID"], rows, "none")
}

/// Shows one object.
///
/// # Errors
/// `NotFound`.
pub async fn show(which: &Which, context: &Context) -> Result<(), Failure> {
    let path = format!("directory/objects/{}", segment(&which.object));
    let object: DirectoryObject = context.client()?.get(&path, &[]).await?;
    context.output.data(&object, |object| {
        let mut text = fields(&[
            ("kind", object.kind.clone()),
            ("id", object.id.clone()),
            ("deleted", object.deleted_at.clone().unwrap_or_default()),
        ]);
        text.push_str(&format!("\n{}", values(&object.attributes, "  ")));
        if !object.references.is_empty() {
            text.push_str(&format!("\n{}", references(&object.references)));
        }
        text
    })
}
