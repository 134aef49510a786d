"""What goes with a question: files, folders, patterns, web pages, made into text."""
