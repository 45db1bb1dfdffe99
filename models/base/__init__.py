"""What all rooms stand on: clock, notes and sentences for people, fields of the engine."""
