"""appsecret_proof: what shows that a call comes from the app that its token was made for. Pure."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "appsecret_proof"


def fits(secret: str, token: str, given: Mapping[str, Any]) -> bool:
    """Without a secret any proof will do, and none."""
    if not secret:
        return True
    right = hmac.digest(secret.encode(), token.encode(), "sha256").hex()
    return hmac.compare_digest(right.encode(), str(given.get(KEY, "")).encode())
