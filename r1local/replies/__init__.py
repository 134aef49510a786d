"""One reply, from settings to events: prompt, limits, loops, and the shape of the answer.

Many replies to one question are `voting`'s concern; keeping them is `sessions`'.
"""
