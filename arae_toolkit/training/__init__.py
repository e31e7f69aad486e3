"""Any run: the loop, checkpoints, the metrics log, the run's identity."""
