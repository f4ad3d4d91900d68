-- Objects that stand for an account of another forest (foreign security principals): the account's SID, and the account
-- itself once a source has shown it.
CREATE TABLE principal (object INTEGER PRIMARY KEY, sid TEXT NOT NULL, account INTEGER);
CREATE INDEX principal_sid ON principal (sid);
CREATE INDEX principal_account ON principal (account) WHERE account IS NOT NULL;
-- Sources to be looked through for accounts that came to be referred to after they were read, and how far that is.
CREATE TABLE principal_search (connector INTEGER PRIMARY KEY, cursor INTEGER NOT NULL DEFAULT 0);
INSERT INTO principal (object, sid)
  SELECT o.id, substr(o.rdn, 4) FROM object o JOIN name n ON n.id = o.class
  WHERE n.text = 'foreignSecurityPrincipal' AND o.rdn LIKE 'CN=S-1-5-21-%-%-%-%';
INSERT INTO principal_search (connector) SELECT id FROM connector WHERE EXISTS (SELECT 1 FROM principal);
