"""What the answer of a reply is (the content of its last box), and which answers are equal.

Counting how many replies gave an answer belongs to `voting`, and displaying one to `ui`.
"""
