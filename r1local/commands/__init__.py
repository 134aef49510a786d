"""The commands of r1local: one function for each, independent of the argument parser."""
