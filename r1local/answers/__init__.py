"""What a reply's answer is: the content of its last box, and which answers are equal.

How many replies gave an answer is `voting`'s concern, and how one is drawn is `ui`'s.
"""
