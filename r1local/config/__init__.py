"""What a user can choose: the options there are, config.toml, and where files lie.

How a reply is made of chosen values is in `replies.settings`, how a vote is in `voting.settings`.
"""
