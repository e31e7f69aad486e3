"""``arae-toolkit transfer``, and the training of transfer models."""
