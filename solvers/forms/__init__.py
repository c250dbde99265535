"""Standard forms, one file each."""
