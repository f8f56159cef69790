"""Ledgers as the tests of the doors have them."""

from tests.doors.conftest import ledger, ledger_of, said

__all__ = ["ledger", "ledger_of", "said"]
