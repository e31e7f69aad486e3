"""Programs that measure: speed against a textbook version, and what trained models can do.

Run one as ``python -m arae_toolkit.benchmarks.NAME --help``. Each writes ``results/NAME.json`` and
prints the path; ``python -m arae_toolkit.benchmarks.tables`` turns the files into the README's
tables and the figures in ``docs/``. ``arae-toolkit benchmark`` measures this machine in minutes.
"""
