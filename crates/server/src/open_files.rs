//! How many files the server may hold open: every connection of an agent is one.
//!
//! Many systems allow a process 1 024 unless it asks for what it may have, which a few hundred agents use up.

/// Takes what the system allows at most; what that is. `None`: the system does not say.
pub fn take_all() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            let before = limit.current;
            limit.current = limit.maximum;
            if let Err(error) = setrlimit(Resource::Nofile, limit) {
                tracing::warn!(%error, "the limit of open files stays as it is");
                limit.current = before;
            }
        }
        // Unlimited.
        Some(limit.current.unwrap_or(u64::MAX))
    }
    #[cfg(not(unix))]
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn all_that_is_allowed_is_taken() {
        let taken = super::take_all().unwrap();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap();
        let fields: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
        assert_eq!(fields[0], fields[1], "{line}");
        assert!(
            fields[0] == "unlimited" || fields[0] == taken.to_string(),
            "{line}"
        );
    }
}
