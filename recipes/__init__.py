"""The commands of ``arae-toolkit``: parse options, assemble the library, run, report."""
