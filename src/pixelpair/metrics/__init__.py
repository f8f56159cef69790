"""Deliveries in figures, for those who watch a shop: what was counted, what waits, and in whose
format. Starts nothing; the libraries that show them are used where they are installed.
"""
