"""Goods, customers and orders. Money is Decimal throughout."""

import base64
import secrets
from decimal import Decimal

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from pixelpair.django.orders import PixelOrderMixin

CURRENCY = "SEK"


class Category(models.TextChoices):
    GREEN = "green-tea", "Green tea"
    BLACK = "black-tea", "Black tea"
    HERBAL = "herbal", "Herbal"
    TEAWARE = "teaware", "Teaware"


class Product(models.Model):
    sku = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    detail = models.CharField(max_length=40)
    category = models.CharField(max_length=20, choices=Category.choices)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    art = models.CharField(max_length=20)
    tint = models.CharField(max_length=20)
    description = models.TextField()
    sold_out = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class Customer(AbstractBaseUser):
    email = models.EmailField(
        unique=True, error_messages={"unique": "This address already has an account."}
    )
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    phone = models.CharField(max_length=40, blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
    city = models.CharField("city (optional)", max_length=100, blank=True)

    USERNAME_FIELD = "email"
    objects = BaseUserManager()

    def __str__(self) -> str:
        return self.email


def new_number() -> str:
    """80 random bits: whoever has the number may see the order."""
    return base64.b32encode(secrets.token_bytes(10)).decode()


class Order(PixelOrderMixin, models.Model):
    number = models.CharField(max_length=16, primary_key=True, default=new_number)
    placed_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, editable=False)
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, related_name="orders")
    email = models.EmailField()
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    phone = models.CharField(max_length=40, blank=True)
    address = models.CharField("street address", max_length=100)
    zip = models.CharField(max_length=10)
    city = models.CharField(max_length=100)
    country = models.CharField(max_length=2)

    class Meta:
        ordering = ("-placed_at",)

    def __str__(self) -> str:
        return self.number

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines.all()), Decimal())


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    name = models.CharField(max_length=100)
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def total(self) -> Decimal:
        return self.quantity * self.unit_price
