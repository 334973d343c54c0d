"""`python -m ann2neo`."""

from ann2neo.cli import main

if __name__ == "__main__":
    main()
