"""Sweeps over settings by Optuna: every trial a run, pruned by its dev curve (extra search)."""
