"""The consent of an Exact user: connection, tokens, keys."""
