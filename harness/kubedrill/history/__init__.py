"""Verdicts over nights, and trends that claim no more than the nights show.

This package loads SQLAlchemy and Alembic, which takes some tenths of a second: commands import it
when they need it.
"""
