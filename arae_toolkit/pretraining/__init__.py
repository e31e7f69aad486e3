"""Algorithm 1: steps, GAN round, iteration plan, objectives, dev evaluation."""
