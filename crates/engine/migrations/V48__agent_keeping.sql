-- Since when an agent takes no new work, and since when it is no longer listed.
ALTER TABLE agent ADD COLUMN drained_at INTEGER;
ALTER TABLE agent ADD COLUMN removed_at INTEGER;
