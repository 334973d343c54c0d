"""The command line: a file a group of commands, `app.py` puts them together."""

from ann2neo.cli.app import main as main
