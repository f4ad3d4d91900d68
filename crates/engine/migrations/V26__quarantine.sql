-- Where a job stands: failures in a row, its quarantine, and when it had nothing left to do.
ALTER TABLE job ADD COLUMN complete_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN failed_side TEXT;             -- source | target
ALTER TABLE job ADD COLUMN escrows_pruned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN steady_first INTEGER;
ALTER TABLE job ADD COLUMN steady_last INTEGER;
ALTER TABLE job ADD COLUMN disabled_at INTEGER;          -- by a quarantine that lasted four weeks
ALTER TABLE job ADD COLUMN busy_since INTEGER;           -- source or target answers that it is busy
CREATE TABLE quarantine (
  job INTEGER PRIMARY KEY,
  reason TEXT NOT NULL,
  error BLOB,
  current_began INTEGER NOT NULL,
  next_attempt INTEGER,
  series_began INTEGER NOT NULL,
  series_count INTEGER NOT NULL
);
-- How a run ended in the words of run histories, and what an on-demand run was asked for.
ALTER TABLE run ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN scope TEXT NOT NULL DEFAULT '';
-- What has to be told to somebody outside: stored with its cause, sent afterwards.
CREATE TABLE notification (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  job INTEGER NOT NULL,
  what TEXT NOT NULL,                                    -- JSON: reason, code, text
  not_before INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  mailed_at INTEGER,
  posted_at INTEGER,
  given_up_at INTEGER
);
CREATE INDEX notification_open ON notification (not_before) WHERE given_up_at IS NULL AND (mailed_at IS NULL OR posted_at IS NULL);
