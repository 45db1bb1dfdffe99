"""What every kind of work stands on: findings."""
