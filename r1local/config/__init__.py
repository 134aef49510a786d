"""What a user can choose: the available options, config.toml, and where files lie.

The chosen values become settings of replies in `replies.settings`, of votes in `voting.settings`.
"""
