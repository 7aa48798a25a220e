"""Alembic's migrations of the history's database.

Never change one that was released: add another.
"""
