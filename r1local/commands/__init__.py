"""What r1local does: one function a command, which never sees the argument parser."""
