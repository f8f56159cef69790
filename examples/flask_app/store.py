"""The shop's memory: customers and orders in one SQLite file shared by all workers."""

import getpass
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goods import Line, total

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS customer (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL,
    last_name TEXT NOT NULL, phone TEXT NOT NULL, date_of_birth TEXT NOT NULL, city TEXT NOT NULL,
    password TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS purchase (
    number TEXT PRIMARY KEY, placed_at TEXT NOT NULL, customer INTEGER REFERENCES customer,
    email TEXT NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL, phone TEXT NOT NULL,
    address TEXT NOT NULL, zip TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL,
    pixel TEXT NOT NULL DEFAULT '', paid_at TEXT);
CREATE TABLE IF NOT EXISTS purchase_line (
    number TEXT NOT NULL REFERENCES purchase, sku TEXT NOT NULL, name TEXT NOT NULL,
    quantity INTEGER NOT NULL, unit_price INTEGER NOT NULL, PRIMARY KEY (number, sku));
"""
COLUMNS = "SELECT name FROM pragma_table_info(?)"
ADDED = (  # since the first of these shops
    ("customer", "date_of_birth", "TEXT NOT NULL DEFAULT ''"),
    ("purchase", "pixel", "TEXT NOT NULL DEFAULT ''"),
    ("purchase", "paid_at", "TEXT"),
)
BUYER = ("email", "first_name", "last_name", "phone", "address", "zip", "city", "country")


@dataclass(frozen=True, slots=True)
class Order:
    number: str
    placed_at: datetime
    buyer: Mapping[str, str]
    lines: tuple[Line, ...]
    paid: bool
    pixel: str  # its buyer's visit, as pixelpair sealed it

    @property
    def total(self) -> int:
        return total(self.lines)


def default_path() -> Path:
    return Path(tempfile.gettempdir(), f"flask-tea-shop-{getpass.getuser()}", "shop.sqlite3")


class Store:
    """Opens the file anew for each piece of work, so threads and forked workers share nothing."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path or default_path())
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._open() as db:
            db.executescript(SCHEMA)
            for table, column, kind in ADDED:
                if column not in [row["name"] for row in db.execute(COLUMNS, (table,))]:
                    db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=20, isolation_level="IMMEDIATE")
        db.row_factory = sqlite3.Row
        try:
            with db:
                yield db
        finally:
            db.close()

    def secret(self) -> str:
        """One random key for all workers, made by whichever asks first."""
        with self._open() as db:
            made = ("secret", secrets.token_hex(32))
            db.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", made)
            row = db.execute("SELECT value FROM setting WHERE name = 'secret'").fetchone()
            return str(row["value"])

    def add_customer(self, details: Mapping[str, str]) -> int | None:
        """The new customer's number, or None when the email address already has an account."""
        sql = """INSERT OR IGNORE INTO customer
                 (email, first_name, last_name, phone, date_of_birth, city, password) VALUES
                 (:email, :first_name, :last_name, :phone, :date_of_birth, :city, :password)"""
        with self._open() as db:
            added = db.execute(sql, dict(details))
            return added.lastrowid if added.rowcount else None

    def customer(self, number: int) -> dict[str, str] | None:
        with self._open() as db:
            row = db.execute("SELECT * FROM customer WHERE id = ?", (number,)).fetchone()
            return dict(row) if row else None

    def place(
        self,
        number: str,
        customer: int | None,
        buyer: Mapping[str, str],
        lines: list[Line],
        pixel: str,
    ) -> None:
        """Keeps the order once: the same number again, as after a double click, changes nothing."""
        who = [buyer[name] for name in BUYER]
        row = [number, datetime.now(UTC).isoformat(), customer, *who, pixel, None]
        with self._open() as db:
            sql = "INSERT OR IGNORE INTO purchase VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            if db.execute(sql, row).rowcount:
                db.executemany(
                    "INSERT INTO purchase_line VALUES (?, ?, ?, ?, ?)",
                    [(number, ln.sku, ln.name, ln.quantity, ln.unit_price) for ln in lines],
                )

    def pay(self, number: str) -> None:
        with self._open() as db:
            sql = "UPDATE purchase SET paid_at = ? WHERE number = ? AND paid_at IS NULL"
            db.execute(sql, (datetime.now(UTC).isoformat(), number))

    def order(self, number: str) -> Order | None:
        with self._open() as db:
            row = db.execute("SELECT * FROM purchase WHERE number = ?", (number,)).fetchone()
            return _order(db, row) if row else None

    def orders_of(self, customer: int) -> list[Order]:
        sql = "SELECT * FROM purchase WHERE customer = ? ORDER BY placed_at DESC"
        with self._open() as db:
            return [_order(db, row) for row in db.execute(sql, (customer,)).fetchall()]


def _order(db: sqlite3.Connection, row: sqlite3.Row) -> Order:
    sql = """SELECT sku, name, quantity, unit_price FROM purchase_line
             WHERE number = ? ORDER BY rowid"""
    lines = tuple(Line(*found) for found in db.execute(sql, (row["number"],)))
    buyer = {name: row[name] for name in BUYER}
    placed, paid = datetime.fromisoformat(row["placed_at"]), row["paid_at"] is not None
    return Order(row["number"], placed, buyer, lines, paid, row["pixel"])
