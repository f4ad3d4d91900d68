-- Every version of a job's rules, and the groups whose members are in scope.
CREATE TABLE rules_version (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  why TEXT NOT NULL,
  rules TEXT NOT NULL,                       -- synchronizationSchema JSON, as it was given
  UNIQUE (job, version)
);
INSERT INTO rules_version (job, version, at, actor, why, rules)
  SELECT id, rules_version, created_at, 'administrator', '', rules FROM job;

-- Objects whose members are in the scope of a job.
CREATE TABLE scope_group (
  job INTEGER NOT NULL,
  object INTEGER NOT NULL,
  is_transitive INTEGER NOT NULL,            -- 1: members of groups that are members count too
  PRIMARY KEY (job, object)
) WITHOUT ROWID;
