"""What `import r1local` offers to programs: a thin layer over the rooms below.

It prints nothing, installs no signal handlers, and saves no conversation unless asked to.
"""
