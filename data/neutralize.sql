-- A copy of a database must never use the token chain of the original: whoever refreshes second ends it for both.
DELETE FROM exact_token_refresh;
DELETE FROM exact_token;
UPDATE exact_connection
   SET state = 'disconnected',
       reason = 'neutralized',
       reason_date = (now() AT TIME ZONE 'UTC')
 WHERE state != 'draft';
-- What waits in the copy was, or will be, sent by the original. If somebody connects the copy to the real administration by
-- mistake, nothing goes out before that person releases the hold, which says what this is.
UPDATE exact_division
   SET hold = true,
       hold_reason = 'neutralized'
 WHERE company_id IS NOT NULL;
