"""The two forms as tables of fields, each with the rule it must meet and what to say if not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

COUNTRIES = {"SE": "Sweden", "NO": "Norway", "DK": "Denmark", "FI": "Finland", "DE": "Germany"}
PAYMENTS = {"card": "Card, at once", "invoice": "Invoice, paid a few seconds later"}
ANYTHING = r"(?s).{1,100}"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    autocomplete: str
    message: str
    pattern: str = ANYTHING
    type: str = "text"
    required: bool = True
    choices: Mapping[str, str] | None = None
    hint: str = ""

    def problem(self, value: str) -> str | None:
        if not value and not self.required:
            return None
        return None if re.fullmatch(self.pattern, value) else self.message


EMAIL = Field(
    "email", "Email", "email", "Enter an email address, like name@example.com.",
    r"(?=.{6,254}$)[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", "email",
)  # fmt: skip
FIRST_NAME = Field("first_name", "First name", "given-name", "Enter your first name.")
LAST_NAME = Field("last_name", "Last name", "family-name", "Enter your last name.")
PHONE = Field(
    "phone", "Phone (optional)", "tel", "Enter a phone number, like +46 70 123 45 67.",
    r"\+?([ ()/.-]*[0-9]){6,15}", "tel", required=False,
)  # fmt: skip

CHECKOUT = (
    EMAIL,
    FIRST_NAME,
    LAST_NAME,
    PHONE,
    Field("address", "Street address", "street-address", "Enter your street and number."),
    Field(
        "zip", "Postal code", "postal-code", "Enter your postal code, like 411 03.",
        r"[0-9A-Za-z][0-9A-Za-z -]{1,8}[0-9A-Za-z]",
    ),
    Field("city", "City", "address-level2", "Enter your city."),
    Field(
        "country", "Country", "country", "Choose a country we deliver to.",
        "|".join(COUNTRIES), "select", choices=COUNTRIES,
    ),
    Field(
        "payment", "Payment", "off", "Choose how to pay.",
        "|".join(PAYMENTS), "select", required=False, choices=PAYMENTS,
    ),
)  # fmt: skip

REGISTER = (
    EMAIL,
    FIRST_NAME,
    LAST_NAME,
    PHONE,
    Field(
        "date_of_birth", "Date of birth (optional)", "bday",
        "Enter your date of birth, like 1990-12-31.",
        r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", "date", required=False,
    ),
    Field(
        "city", "City (optional)", "address-level2", "Enter at most 100 characters.", required=False
    ),
    Field(
        "password", "Password", "new-password", "This password is too short.",
        r"(?s).{8,128}", "password", hint="At least 8 characters.",
    ),
)  # fmt: skip


def read(fields: tuple[Field, ...], posted: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without the spaces around it (a password keeps its own)."""
    typed = {field.name: posted.get(field.name, "") for field in fields}
    typed = {name: text if name == "password" else text.strip() for name, text in typed.items()}
    return typed | ({"email": typed["email"].lower()})


def problems(fields: tuple[Field, ...], typed: Mapping[str, str]) -> dict[str, str]:
    found = ((field.name, field.problem(typed[field.name])) for field in fields)
    return {name: problem for name, problem in found if problem}
