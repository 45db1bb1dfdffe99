-- A copy of a database must never use the token chain of the original: whoever refreshes second ends it for both.
DELETE FROM exact_token_refresh;
DELETE FROM exact_token;
UPDATE exact_connection
   SET state = 'disconnected',
       reason = 'neutralized',
       reason_date = (now() AT TIME ZONE 'UTC')
 WHERE state != 'draft';
