"""Inputs that nobody thought of, made by the thousand: `make fuzz`, and a short form as tests."""
