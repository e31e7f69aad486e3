"""What commands share: groups, options, progress, row streams, child processes."""
