"""What the commands about models print: cards, downloads, verifications."""
