-- The lean storage form: integer keys, rowid tables, compact blobs, no index that the hot path does not need.
-- Outside ids (GUID texts, target ids, anchors) are columns, never keys of other tables.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Interned names of attributes and classes.
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

CREATE TABLE agent (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  granted TEXT NOT NULL,                     -- JSON: connectors it may serve; empty: any
  enrolled_at INTEGER NOT NULL,              -- unix ms, as all times
  last_seen INTEGER,
  revoked_at INTEGER,
  facts TEXT NOT NULL DEFAULT '{}'           -- version, host, connectors: JSON as last told
);

-- Certificates of agents by fingerprint (SHA-256, hex); the earlier ones stay valid until they expire.
CREATE TABLE certificate (
  fingerprint TEXT PRIMARY KEY,
  agent INTEGER NOT NULL REFERENCES agent(id),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE enrolment_token (
  hash TEXT PRIMARY KEY,                     -- SHA-256 of the token, hex
  granted TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) WITHOUT ROWID;

CREATE TABLE connector (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,                        -- ad | directory
  config TEXT NOT NULL DEFAULT '{}',         -- JSON; never a secret
  info TEXT NOT NULL DEFAULT '{}',           -- JSON of what discovery said
  spec BLOB,                                 -- read spec of the last complete read
  watermark BLOB,
  watermark_at INTEGER,
  complete_reads INTEGER NOT NULL DEFAULT 0, -- full reads that passed the judge
  census TEXT NOT NULL DEFAULT '{}',         -- JSON: what the last judged full read showed
  needs TEXT NOT NULL DEFAULT 'full',        -- next read: delta | full | backfill
  needs_why BLOB,                            -- refusal that says why
  suspect BLOB,                              -- refusal: last full read is not believed; nothing is planned
  suspect_read INTEGER,
  failed_at INTEGER, failures INTEGER NOT NULL DEFAULT 0, failure BLOB, retry_at INTEGER,
  last_read_at INTEGER, last_change_at INTEGER,
  created_at INTEGER NOT NULL
);

CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  source INTEGER NOT NULL REFERENCES connector(id),
  target INTEGER NOT NULL REFERENCES connector(id),
  slot INTEGER NOT NULL,                     -- bit of edge.flags, unique per source
  state TEXT NOT NULL,                       -- paused | active
  rules TEXT NOT NULL,                       -- synchronizationSchema JSON
  rules_version INTEGER NOT NULL DEFAULT 1,
  settings TEXT NOT NULL DEFAULT '{}',       -- JSON: guard, settle, interval
  failure BLOB, failed_at INTEGER, failures INTEGER NOT NULL DEFAULT 0, retry_at INTEGER,
  guard BLOB, guard_since INTEGER,           -- refusal: the guard holds
  created_at INTEGER NOT NULL,
  UNIQUE (source, slot)
);

-- The connector space. state: 0 stub, 1 skeleton, 2 live, 3 deleted, 4 vanished.
CREATE TABLE object (
  id INTEGER PRIMARY KEY,
  connector INTEGER NOT NULL,
  anchor BLOB NOT NULL,
  parent INTEGER,
  class INTEGER,
  state INTEGER NOT NULL,
  rdn TEXT,
  replica INTEGER,
  usn INTEGER,
  attributes BLOB
);
CREATE UNIQUE INDEX object_anchor ON object (connector, anchor);
CREATE INDEX object_parent ON object (parent);

CREATE TABLE replica (id INTEGER PRIMARY KEY, guid BLOB NOT NULL UNIQUE);

-- References between objects. flags: bit 0 = the source says so; bit 1 + slot = exported by the job of that slot.
CREATE TABLE edge (
  src INTEGER NOT NULL, attribute INTEGER NOT NULL, dst INTEGER NOT NULL, flags INTEGER NOT NULL,
  PRIMARY KEY (src, attribute, dst)
) WITHOUT ROWID;
CREATE INDEX edge_dst ON edge (dst);

-- Reads under way and done. A page that is not the next one is refused.
CREATE TABLE read (
  id INTEGER PRIMARY KEY,
  connector INTEGER NOT NULL,
  mode TEXT NOT NULL,
  spec BLOB NOT NULL,
  next_page INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL,                       -- open | complete | failed | abandoned
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  entries INTEGER NOT NULL DEFAULT 0,
  changed INTEGER NOT NULL DEFAULT 0,
  outcome BLOB
);

-- Vanished or incomplete objects to be looked up one by one.
CREATE TABLE lookup (object INTEGER PRIMARY KEY, why INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0);

-- A moved or renamed container makes what is below it due, in chunks.
CREATE TABLE subtree (container INTEGER PRIMARY KEY, cursor INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL);

-- Work for the planner; id = job << 40 | object. A row is removed only if its stamp is still the one that was planned.
CREATE TABLE due (id INTEGER PRIMARY KEY, reasons INTEGER NOT NULL, stamp INTEGER NOT NULL, since INTEGER NOT NULL);
CREATE TABLE due_later (id INTEGER PRIMARY KEY, reasons INTEGER NOT NULL, not_before INTEGER NOT NULL);
CREATE INDEX due_later_time ON due_later (not_before);
-- References to plan: whole = 1 scans all edges of the object, else only those in due_edge.
CREATE TABLE due_reference (id INTEGER PRIMARY KEY, whole INTEGER NOT NULL, stamp INTEGER NOT NULL, since INTEGER NOT NULL);
CREATE TABLE due_edge (id INTEGER NOT NULL, attribute INTEGER NOT NULL, dst INTEGER NOT NULL, PRIMARY KEY (id, attribute, dst)) WITHOUT ROWID;
-- References waiting for an object to appear in the target.
CREATE TABLE waiting (job INTEGER NOT NULL, dst INTEGER NOT NULL, src INTEGER NOT NULL, attribute INTEGER NOT NULL, PRIMARY KEY (job, dst, src, attribute)) WITHOUT ROWID;

-- Link, last-exported state and pending export in one row; id = job << 40 | object.
-- The identity is the id of the link that founded it; several links may share one.
CREATE TABLE link (
  id INTEGER PRIMARY KEY,
  identity INTEGER NOT NULL,
  precedence INTEGER NOT NULL DEFAULT 0,
  situation INTEGER NOT NULL,                -- see engine::Situation
  class INTEGER,
  target TEXT,
  version INTEGER NOT NULL DEFAULT 0,
  anchor TEXT,                               -- source anchor as exported
  exported BLOB,                             -- attributes as last exported and confirmed
  reason BLOB,                               -- refusal: why skipped, or the last failure
  pending_state INTEGER NOT NULL DEFAULT 0,  -- see engine::PendingState
  pending BLOB,
  generation INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  stale INTEGER NOT NULL DEFAULT 0,          -- the target holds something else than `exported`: read it back
  changed_at INTEGER NOT NULL
);
-- How many links of a job are in a situation; kept by every writer of `link`.
CREATE TABLE tally (job INTEGER NOT NULL, situation INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (job, situation)) WITHOUT ROWID;
CREATE INDEX link_target ON link (target) WHERE target IS NOT NULL;
CREATE INDEX link_pending ON link (pending_state, id) WHERE pending_state > 0;
CREATE INDEX link_joined ON link (identity) WHERE identity <> id;

-- Who waits for which unique value to be released.
CREATE TABLE conflict (job INTEGER NOT NULL, value TEXT NOT NULL, link INTEGER NOT NULL, PRIMARY KEY (job, value, link)) WITHOUT ROWID;

-- Destructive operations carried out: the sliding window of the guard.
CREATE TABLE destroyed (id INTEGER PRIMARY KEY, job INTEGER NOT NULL, target INTEGER NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL);
CREATE INDEX destroyed_at ON destroyed (at);

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  kind TEXT NOT NULL,                        -- initial | incremental
  state TEXT NOT NULL,                       -- running | succeeded | entryLevelErrors | failed
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  counts TEXT NOT NULL DEFAULT '{}',
  failure BLOB
);
CREATE INDEX run_job ON run (job, id);

-- The provisioning log: compressed segments; `objects` lists the link ids inside, sorted, delta-coded.
CREATE TABLE segment (
  id INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,                    -- sequence number of the first record
  count INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  objects BLOB NOT NULL,
  data BLOB NOT NULL
);

CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, detail TEXT NOT NULL);
