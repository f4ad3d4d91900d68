-- Whether sign-ins of a domain are carried out by somebody else.
ALTER TABLE domain ADD COLUMN is_federated INTEGER NOT NULL DEFAULT 0;
