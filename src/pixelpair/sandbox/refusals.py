"""What Graph refuses of catalogs and product tags, in its own shape. The texts are ours."""

from __future__ import annotations

from . import verdicts
from .verdicts import Rejection


class RefusedError(Exception):
    """A call is refused: `rejection` is the answer."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.error["message"])
        self.rejection = rejection


def bad_parameter(detail: str) -> RefusedError:
    """Code 100, with the words that a management call shows its caller."""
    return _refused(100, detail, error_user_title="Invalid parameter", error_user_msg=detail)


def missing(key: str) -> RefusedError:
    return bad_parameter(f"The parameter {key} is required")


def no_such_object(node: str, method: str) -> RefusedError:
    return RefusedError(verdicts.no_such_object(node, method))


def too_much() -> RefusedError:
    """Code 1 with these words says that the payload is too big, not that Graph is ill."""
    return _refused(1, "Please reduce the amount of data you're asking for, then retry", 500)


def live_sets() -> RefusedError:
    """Code 801 is documented of deleting a catalog; that live sets cause it is our reading."""
    return _refused(801, "The catalog has live product sets")


def throttled(code: int, kind: str) -> RefusedError:
    """Documented: 80009 of catalog management, 80014 of catalog batches."""
    return _refused(code, f"There have been too many {kind} calls to this catalog. Wait a bit")


def _refused(code: int, detail: str, status: int = 400, **more: str) -> RefusedError:
    error = {"message": f"(#{code}) {detail}", "type": "OAuthException", "code": code, **more}
    return RefusedError(Rejection(status, error))
