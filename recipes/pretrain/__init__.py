"""``arae-toolkit pretrain``: one run, or several seeds side by side."""
