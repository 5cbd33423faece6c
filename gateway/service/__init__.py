"""Processes: the supervisor, its workers, and the admin port. Builds what the planes are given."""
