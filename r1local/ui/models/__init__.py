"""The output of the commands about models: cards, downloads and verifications."""
