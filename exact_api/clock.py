from datetime import datetime, timezone


def utcnow():
    """Return the present moment, aware, in UTC; tests put another function in its place."""
    return datetime.now(timezone.utc)
