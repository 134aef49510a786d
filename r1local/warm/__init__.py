"""Engines that stay in memory between commands, each in a process of this user's.

`process` holds one engine, which a thread uses (`replies.runner`); `server` is the socket at which
programs ask. `opening` finds the engine for a model or starts its process, `engine` is what a
command then has: an `Engine` of the protocol like any other. `places` says where sockets are and
whom they trust, `messages` what goes through them, `kept` which engines there are.

A program that has engines of its own, such as a server, offers them to this user's other programs
in the same way: with a `Runner` for each engine and `server.sharing` in its event loop.
"""
