"""What r1local does: one function for each command, which never sees the argument parser."""
