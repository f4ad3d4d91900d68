//! `hybridge directory show`.

use wire::api::v1::Tenant;

use crate::{commands::Context, failure::Failure, output::fields, show::count};

/// Shows the tenant.
///
/// # Errors
/// By code.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let tenant: Tenant = context.client()?.get("directory", &[]).await?;
    context.output.data(&tenant, |tenant| {
        let mut pairs = vec![
            ("tenant", tenant.display_name.clone()),
            ("id", tenant.id.clone()),
            ("initial domain", tenant.initial_domain.clone()),
        ];
        for (kind, number) in &tenant.objects {
            pairs.push((kind.as_str(), count(*number)));
        }
        pairs.push(("deleted users", count(tenant.deleted_users)));
        fields(&pairs)
    })
}
