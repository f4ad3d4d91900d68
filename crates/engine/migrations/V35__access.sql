-- Programs that may call the API: each with permissions and secrets, of which only digests are kept.
CREATE TABLE api_client (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL UNIQUE,                 -- the client id
  name TEXT NOT NULL UNIQUE,
  permissions TEXT NOT NULL,                 -- JSON: names
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  valid_from INTEGER NOT NULL,               -- tokens issued before are refused
  last_used_at INTEGER                       -- when a token was last issued
);
CREATE TABLE api_secret (
  id INTEGER PRIMARY KEY,
  client INTEGER NOT NULL REFERENCES api_client(id),
  hash TEXT NOT NULL,                        -- SHA-256, hex
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX api_secret_client ON api_secret (client);

-- What the Graph-shaped API knows of a source beyond the connector: its application. The service principal is the connector.
CREATE TABLE application (
  connector INTEGER PRIMARY KEY REFERENCES connector(id),
  guid TEXT NOT NULL UNIQUE,
  app_guid TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  owner TEXT NOT NULL,                       -- client id of the program that made it; empty: the administrator
  secrets TEXT NOT NULL DEFAULT '[]',        -- JSON: keys and values, none of them a credential
  created_at INTEGER NOT NULL
);
