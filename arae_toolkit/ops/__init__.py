"""Fast numerics for CPU and CUDA: safe to skip for a reader of the paper."""
