"""The paper's claims beside ours: the list of them, and the rules that judge each."""
