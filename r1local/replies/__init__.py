"""One reply, from settings to events: prompt, limits, loops, and the form of the answer.

What an engine is, `engine`, and the one in this process, `local`, are here too. Many replies to
one question belong to `voting`; storing them belongs to `sessions`.
"""
