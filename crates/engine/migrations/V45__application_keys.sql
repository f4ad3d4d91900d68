-- What scripts tell as AppKey is never shown and nobody needs it: that there is one is kept, its value is not.
UPDATE application SET secrets = (
  SELECT json_group_array(json(CASE json_extract(value, '$.key') WHEN 'AppKey' THEN '{"key":"AppKey"}' ELSE value END))
  FROM json_each(application.secrets)
) WHERE secrets LIKE '%AppKey%';
