-- Updates of agents: what the updater beside each agent said last, and whose turn it is.
CREATE TABLE agent_update (
  agent INTEGER PRIMARY KEY,
  updater TEXT NOT NULL,                 -- version of the updater
  program TEXT NOT NULL,                 -- version of the agent's program in place
  phase TEXT NOT NULL,
  version TEXT NOT NULL,                 -- the version it is about
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  at INTEGER NOT NULL,
  turn_version TEXT,
  turn_until INTEGER                     -- one agent at a time has a turn
);
-- Versions that did not become healthy. They are offered to nobody until an administrator says so.
CREATE TABLE failed_update (
  agent INTEGER NOT NULL,
  version TEXT NOT NULL,
  at INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (agent, version)
) WITHOUT ROWID;
