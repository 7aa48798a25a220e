"""A static site of all runs, made from the history.

It opens from the disk or from any web server (docs/how-to/site.md).
"""
