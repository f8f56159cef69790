"""What Graph refuses of catalogs and product tags, in its own shape. The texts are ours."""

from __future__ import annotations

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
    message = (
        f"Unsupported {method.lower()} request. Object with ID '{node}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation"
    )
    error = {"message": message, "type": "GraphMethodException", "code": 100, "error_subcode": 33}
    return RefusedError(Rejection(400, error))


def too_much() -> RefusedError:
    """Code 1 with these words says that the payload is too big, not that Graph is ill."""
    return _refused(1, "Please reduce the amount of data you're asking for, then retry", 500)


def live_sets() -> RefusedError:
    """Code 801 is documented of deleting a catalog; that live sets cause it is our reading."""
    return _refused(801, "The catalog has live product sets")


def _refused(code: int, detail: str, status: int = 400, **more: str) -> RefusedError:
    error = {"message": f"(#{code}) {detail}", "type": "OAuthException", "code": code, **more}
    return RefusedError(Rejection(status, error))
