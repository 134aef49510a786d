"""What is right and wrong with an installation: facts of the rooms below, judged.

Each module looks at one area and returns findings (`events.finding`). What would change
something, or show it, belongs elsewhere.
"""
