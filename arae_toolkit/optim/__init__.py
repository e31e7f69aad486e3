"""One parameter update, and the learning-rate schedules."""
