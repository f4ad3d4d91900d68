-- By which mechanism a source finds changes, and when it was last compared whole.
ALTER TABLE connector ADD COLUMN method TEXT NOT NULL DEFAULT 'null';   -- JSON: name, server, weaker
ALTER TABLE connector ADD COLUMN is_weak INTEGER NOT NULL DEFAULT 0;    -- 1: deltas may miss deletions
ALTER TABLE connector ADD COLUMN compared_at INTEGER;                   -- end of the last full read that was believed
