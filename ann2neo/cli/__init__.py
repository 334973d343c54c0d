"""The command line: a file a group of commands, `main.py` puts them together."""

from ann2neo.cli.main import main as main
