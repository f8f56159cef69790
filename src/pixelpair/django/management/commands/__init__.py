"""`manage.py pixelpair`."""
