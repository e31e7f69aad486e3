"""Programs that measure: speed against a textbook version, and what trained models can do.

Run one as ``python -m benchmarks.NAME --help`` from the root of the repository. Each writes
``results/NAME.json`` and prints the path; ``python -m benchmarks.tables`` turns the files into the
README's tables and the figures in ``docs/``.
"""
