"""``python -m arae_toolkit``: the program where its script is not on the path."""

from arae_toolkit.recipes.cli import PROGRAM, main

if __name__ == "__main__":
    main(prog_name=PROGRAM)
