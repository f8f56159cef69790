"""Decisions only: no clock, no threads, no files, no sockets; those come in as arguments."""
