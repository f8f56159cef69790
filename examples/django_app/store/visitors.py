"""What the shop knows of a visitor: the profile that a customer filled in at sign-up."""

from typing import Any

from django.http import HttpRequest

PROFILE = ("email", "phone", "first_name", "last_name", "date_of_birth", "city")


def profile(request: HttpRequest) -> dict[str, Any] | None:
    """PIXELPAIR_IDENTIFY: asked on answers with an event, by the names of identify()."""
    if not request.user.is_authenticated:
        return None
    return {name: getattr(request.user, name) for name in PROFILE}
