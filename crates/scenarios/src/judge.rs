//! The judge of the scenarios: the product's own `verify`, which reads source and target afresh.
//!
//! Never looks at the engine's memory of what it did. Trap: a difference the product can explain (a refused address, a held
//! deletion) is no disagreement; a test that expects one says so by its code.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::id::JobId;
use wire::api::v1::Report;

use crate::World;

impl World {
    /// Source and target agree, except for so many objects with these reasons.
    pub async fn agrees_but_for(&self, reasons: &[(&str, u64)]) {
        let report = self.judged().await;
        assert!(
            report.agree,
            "source and target differ: {:#?}",
            report.differences
        );
        let mut reasons_found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        // What another job holds in the same target is that job's to be judged.
        let own = report
            .explained
            .iter()
            .filter(|one| one.kind != "anotherJob");
        for one in own {
            let code = one
                .reason
                .as_ref()
                .map_or(one.kind.as_str(), |why| why.code.as_str());
            // Which of the two it is depends on who came first, the planner's question or the owner's write.
            let code = if code == "InvalidSoftMatch" {
                "AttributeValueMustBeUnique"
            } else {
                code
            };
            reasons_found
                .entry(code.to_owned())
                .or_default()
                .insert(&one.difference.name);
        }
        let counted: BTreeMap<&str, u64> = reasons_found
            .iter()
            .map(|(code, names)| (code.as_str(), names.len() as u64))
            .collect();
        let expected: BTreeMap<&str, u64> = reasons.iter().copied().collect();
        assert_eq!(counted, expected, "{reasons_found:#?}");
    }

    /// What the judge says.
    pub async fn judged(&self) -> Report {
        self.judged_job(self.job.id).await
    }

    /// What the judge says of one of several jobs.
    pub async fn judged_job(&self, job: JobId) -> Report {
        let job = self.app.engine().job(job).unwrap();
        let (told, mut heard) = tokio::sync::mpsc::channel(64);
        let drain = tokio::spawn(async move { while heard.recv().await.is_some() {} });
        let report = server::verify::run(&self.app, &job, &told).await.unwrap();
        drop(told);
        drain.await.unwrap();
        report
    }

    /// Source and target agree without exception.
    pub async fn agrees(&self) {
        self.agrees_but_for(&[]).await;
    }
}
