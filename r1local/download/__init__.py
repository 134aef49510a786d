"""Downloading a file of the hub: resumable, over several connections, with its hash checked."""
