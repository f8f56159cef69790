"""The store application."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "store"
