"""Tables of the documentation, each from files of results: the paper's figures beside ours."""
