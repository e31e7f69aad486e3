"""Natural language inference from few labels (section 6.3, Table 5), and beyond the paper."""
