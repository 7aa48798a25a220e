"""Verdicts over nights: a database of them, and trends that claim no more than the nights show (docs/explanation/trends.md).

This package loads SQLAlchemy and Alembic, which takes some tenths of a second: commands import it
when they need it.
"""
