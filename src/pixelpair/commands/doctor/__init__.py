"""`pixelpair doctor`: does it work, and if not, why not and what to do."""

from pixelpair.commands.doctor.command import add_doctor

__all__ = ["add_doctor"]
