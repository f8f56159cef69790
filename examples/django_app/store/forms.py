"""The two forms: what must be typed, and what to say if it is not."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from store.models import Customer, Order

COUNTRIES = {"SE": "Sweden", "NO": "Norway", "DK": "Denmark", "FI": "Finland", "DE": "Germany"}
PAYMENTS = {"card": "Card, at once", "invoice": "Invoice, paid a few seconds later"}
AUTOCOMPLETE = {
    "email": "email",
    "first_name": "given-name",
    "last_name": "family-name",
    "phone": "tel",
    "date_of_birth": "bday",
    "address": "street-address",
    "zip": "postal-code",
    "city": "address-level2",
    "country": "country",
    "payment": "off",
    "password": "new-password",
}
MESSAGES = {
    "email": "Enter an email address, like name@example.com.",
    "first_name": "Enter your first name.",
    "last_name": "Enter your last name.",
    "phone": "Enter a phone number, like +46 70 123 45 67.",
    "date_of_birth": "Enter your date of birth, like 1990-12-31.",
    "address": "Enter your street and number.",
    "zip": "Enter your postal code, like 411 03.",
    "city": "Enter your city.",
    "country": "Choose a country we deliver to.",
    "payment": "Choose how to pay.",
    "password": "This password is too short.",
}


CODES = ("required", "invalid", "invalid_choice", "min_length", "max_length")


class PlainForm(forms.ModelForm):
    """Element ids equal to the fields' names, one message for whatever is wrong with a field."""

    phone = forms.CharField(
        label="Phone (optional)",
        required=False,
        max_length=40,
        validators=[RegexValidator(r"^\+?([ ()/.-]*[0-9]){6,15}\Z")],
        widget=forms.TextInput(attrs={"type": "tel"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="%s", label_suffix="", **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs["autocomplete"] = AUTOCOMPLETE[name]
            field.error_messages |= dict.fromkeys(CODES, MESSAGES[name])

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class CheckoutForm(PlainForm):
    zip = forms.RegexField(r"^[0-9A-Za-z][0-9A-Za-z -]{1,8}[0-9A-Za-z]\Z", label="Postal code")
    country = forms.ChoiceField(choices=list(COUNTRIES.items()))
    payment = forms.ChoiceField(choices=list(PAYMENTS.items()), required=False)

    class Meta:
        model = Order
        fields = (
            "email", "first_name", "last_name", "phone", "address", "zip", "city", "country",
        )  # fmt: skip


class RegisterForm(PlainForm):
    date_of_birth = forms.DateField(
        label="Date of birth (optional)",
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    password = forms.CharField(
        min_length=8,
        max_length=128,
        strip=False,
        widget=forms.PasswordInput,
        help_text="At least 8 characters.",
    )

    class Meta:
        model = Customer
        fields = (
            "email", "first_name", "last_name", "phone", "date_of_birth", "city", "password",
        )  # fmt: skip
