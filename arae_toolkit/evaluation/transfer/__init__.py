"""Evaluators of transfer: metrics, n-gram and BiLSTM classifiers, systems side by side."""
