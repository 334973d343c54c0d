"""The command line: a file per group of commands, `app.py` puts them together."""

from ann2neo.cli.app import main as main
