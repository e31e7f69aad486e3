"""Training by several processes that share out the rows of every batch, on torch.distributed."""
